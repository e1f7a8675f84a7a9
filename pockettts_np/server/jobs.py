"""Work in threads for coroutines: so many jobs at once, so many waiting, and every job ends when nobody wants it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from typing import Generic, TypeVar

from ..threads import End, Relay
from .limits import Refusal

T = TypeVar("T")
Job = Callable[[threading.Event], Generator[T]]  # yields its results, and returns soon after the event is set

MAX_AHEAD = 512  # results that may wait for a slow client: forty seconds of speech by frame


class JobQueue:
    """A bounded queue before `n_workers` threads. Its methods belong to one event loop."""

    def __init__(self, n_workers: int, n_waiting: int) -> None:
        self._n_places = n_workers + n_waiting
        self._n_workers = n_workers
        self._pool = ThreadPoolExecutor(n_workers, thread_name_prefix="pockettts-job")
        self._free = asyncio.Semaphore(n_workers)
        self._running: set[Results] = set()
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
            results: Results[T] = Results(MAX_AHEAD)
            self._start(results, job)
            try:
                yield results
            finally:
                results.stop()
        finally:
            self.n_inside -= 1

    def require_place(self) -> None:
        """Refusal 429: too many wait already."""
        if self.n_inside >= self._n_places:
            seconds = min(60, 1 + round(self._job_seconds * self.n_inside / self._n_workers))
            sentence = f"The server is busy with {self.n_inside} requests. Try again in {seconds} s."
            raise Refusal(429, sentence, "rate_limit_exceeded", retry_after_s=seconds)

    def _start(self, results: "Results[T]", job: Job[T]) -> None:
        loop = asyncio.get_running_loop()
        begin = time.perf_counter()

        def ended(_: Future[None]) -> None:
            self._running.discard(results)
            self._job_seconds += 0.2 * (time.perf_counter() - begin - self._job_seconds)
            self._free.release()

        self._running.add(results)
        running = self._pool.submit(results.make, job)
        running.add_done_callback(lambda future: loop.call_soon_threadsafe(ended, future))

    async def close(self) -> None:
        """Stop every job and wait for the threads."""
        for results in self._running:
            results.stop()
        await asyncio.to_thread(self._pool.shutdown)


class Results(Generic[T]):
    """What a job makes in a thread, for a coroutine to iterate over; the job is at most `limit` results ahead."""

    def __init__(self, limit: int) -> None:
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[T | End] = asyncio.Queue()
        self._relay: Relay[T] = Relay(lambda item: loop.call_soon_threadsafe(self._ready.put_nowait, item), limit)

    def make(self, job: Job[T]) -> None:
        """Run the job, in its thread."""
        with closing(self._results_of(job)) as results:
            self._relay.fill(results)

    def _results_of(self, job: Job[T]) -> Generator[T]:
        """What the job yields; it is called when the first is asked for, so that an error of the call is handed on."""
        with closing(job(self._relay.closed)) as results:
            yield from results

    def stop(self) -> None:
        """End the job within one result."""
        self._relay.close()

    def __aiter__(self) -> "Results[T]":
        return self

    async def __anext__(self) -> T:
        result = await self._ready.get()
        if not isinstance(result, End):
            self._relay.took()
            return result
        self._ready.put_nowait(End())  # for whoever asks again
        if result.error is not None:
            raise result.error
        raise StopAsyncIteration
