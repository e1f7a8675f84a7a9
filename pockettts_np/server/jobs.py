"""Work in threads for coroutines: so many jobs at once, so many waiting, and every job ends when nobody wants it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from typing import Generic, TypeVar

from .limits import Refusal

T = TypeVar("T")
Job = Callable[[threading.Event], Generator[T]]  # yields its results, and returns soon after the event is set

MAX_AHEAD = 512  # results that may wait for a slow client: forty seconds of speech by frame


class Desk:
    """A bounded queue before `n_workers` threads. Its methods belong to one event loop."""

    def __init__(self, n_workers: int, n_waiting: int) -> None:
        self._n_places = n_workers + n_waiting
        self._n_workers = n_workers
        self._pool = ThreadPoolExecutor(n_workers, thread_name_prefix="pockettts-desk")
        self._free = asyncio.Semaphore(n_workers)
        self._running: set[Belt] = set()
        self._job_seconds = 1.0  # what a job has lately taken
        self.n_inside = 0  # jobs running or waiting, and results not yet handed on

    @property
    def n_running(self) -> int:
        """Threads at work."""
        return len(self._running)

    @asynccontextmanager
    async def results(self, job: Job[T]) -> AsyncIterator[AsyncIterator[T]]:
        """Run `job` when its turn comes; leaving the block stops it. Refusal 429: too many wait already."""
        self.require_place()
        self.n_inside += 1
        try:
            await self._free.acquire()
            belt: Belt[T] = Belt(MAX_AHEAD)
            self._start(belt, job)
            try:
                yield belt
            finally:
                belt.stop()
        finally:
            self.n_inside -= 1

    def require_place(self) -> None:
        """Refusal 429: too many wait already."""
        if self.n_inside >= self._n_places:
            seconds = min(60, 1 + round(self._job_seconds * self.n_inside / self._n_workers))
            sentence = f"The server is busy with {self.n_inside} requests. Try again in {seconds} s."
            raise Refusal(429, sentence, "rate_limit_exceeded", retry_after_s=seconds)

    def _start(self, belt: "Belt[T]", job: Job[T]) -> None:
        loop = asyncio.get_running_loop()
        begin = time.perf_counter()

        def ended(_: Future[None]) -> None:
            self._running.discard(belt)
            self._job_seconds += 0.2 * (time.perf_counter() - begin - self._job_seconds)
            self._free.release()

        self._running.add(belt)
        self._pool.submit(belt.fill, job).add_done_callback(lambda future: loop.call_soon_threadsafe(ended, future))

    async def close(self) -> None:
        """Stop every job and wait for the threads."""
        for belt in self._running:
            belt.stop()
        await asyncio.to_thread(self._pool.shutdown)


class _End:
    """What follows the last result: the error that ended the job, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Belt(Generic[T]):
    """Carries results from a thread to a coroutine, at most `limit` ahead of it."""

    def __init__(self, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._results: asyncio.Queue[T | _End] = asyncio.Queue()
        self._room = threading.Semaphore(limit)
        self._stopped = threading.Event()

    def fill(self, job: Job[T]) -> None:
        """Run the job, in its thread."""
        error: BaseException | None = None
        try:
            with closing(job(self._stopped)) as results:
                for result in () if self._stopped.is_set() else results:
                    self._put(result)
                    self._room.acquire()
                    if self._stopped.is_set():
                        break
        except BaseException as raised:  # handed to the coroutine, whatever it is
            error = raised
        self._put(_End(error))

    def _put(self, result: T | _End) -> None:
        self._loop.call_soon_threadsafe(self._results.put_nowait, result)

    def stop(self) -> None:
        """End the job within one result."""
        self._stopped.set()
        self._room.release()

    def __aiter__(self) -> "Belt[T]":
        return self

    async def __anext__(self) -> T:
        result = await self._results.get()
        if not isinstance(result, _End):
            self._room.release()
            return result
        self._results.put_nowait(_End(None))  # for whoever asks again
        if result.error is not None:
            raise result.error
        raise StopAsyncIteration
