"""Work in threads for coroutines: so many jobs at once, so many waiting, and every job ends when nobody wants it.

A job has a thread of its own, which works only in its turn: so a job that passes its turn on, or only waits, keeps
nobody waiting.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager, asynccontextmanager, closing, suppress
from typing import Generic, TypeVar

from ..threads.relay import End, Relay
from .limits import Refusal
from .turns import Turn, Turns

T = TypeVar("T")
Job = Callable[[Turn], Generator[T]]  # yields its results, and returns soon after `turn.stop` is set

MAX_AHEAD = 512  # results that may wait for a slow client: forty seconds of speech by frame
CLOSE_SECONDS = 2.0  # in which threads may end; one that waits for the network is left behind


class JobQueue:
    """A bounded queue before `n_workers` jobs at work. Its methods belong to one event loop."""

    def __init__(self, n_workers: int, n_waiting: int) -> None:
        self._n_places = n_workers + n_waiting
        self._n_workers = n_workers
        self._turns = Turns(n_workers)
        self._threads: dict[Results, threading.Thread] = {}
        self._job_seconds = 1.0  # that jobs have lately worked
        self.n_inside = 0  # jobs at work or waiting, and results not yet handed on

    @property
    def n_running(self) -> int:
        """Threads at work."""
        return self._turns.n_held

    @asynccontextmanager
    async def results(self, job: Job[T]) -> AsyncIterator[AsyncIterator[T]]:
        """Run `job` when its turn comes; leaving the block stops it. Refusal 429: too many wait already."""
        self.require_place()
        self.n_inside += 1
        try:
            results: Results[T] = Results(MAX_AHEAD, self._turns)
            self._start(results, job)
            try:
                yield results
            finally:
                results.stop()
        finally:
            self.n_inside -= 1

    def require_place(self) -> None:
        """Refusal 429: too many wait already."""
        n_busy = self.n_inside - self._turns.n_idle
        if n_busy >= self._n_places:
            seconds = min(60, 1 + round(self._job_seconds * n_busy / self._n_workers))
            sentence = f"The server is busy with {n_busy} requests. Try again in {seconds} s."
            raise Refusal(429, sentence, "rate_limit_exceeded", retry_after_s=seconds)

    def _start(self, results: "Results[T]", job: Job[T]) -> None:
        loop = asyncio.get_running_loop()

        def ended() -> None:
            self._threads.pop(results)
            self._job_seconds += 0.2 * (results.turn.work_seconds - self._job_seconds)

        def work() -> None:
            results.make(job)
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(ended)

        thread = threading.Thread(target=work, name="pockettts-job", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            raise Refusal(503, "The server can start no other thread. Try again later.", "unavailable") from None
        self._threads[results] = thread
        results.turn.line_up()

    async def close(self) -> None:
        """Stop every job, and give the threads a moment to end."""
        threads = list(self._threads.values())
        for results in self._threads:
            results.stop()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in threads:
            await asyncio.to_thread(thread.join, max(0.0, deadline - time.monotonic()))


class Results(Generic[T]):
    """What a job makes in a thread, for a coroutine to iterate over; the job is at most `limit` results ahead."""

    def __init__(self, limit: int, turns: Turns) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[T | End] = asyncio.Queue()
        self._relay: Relay[T] = Relay(self._put, limit, self._waiting_for_room)
        self._turns = turns
        self.turn = Turn(turns, self._relay.closed)

    def make(self, job: Job[T]) -> None:
        """Run the job, in its thread."""
        self.turn.begin()
        try:
            with closing(self._results_of(job)) as results:
                self._relay.fill(results)
        finally:
            self.turn.end()

    def _results_of(self, job: Job[T]) -> Generator[T]:
        """What the job yields; it is called when the first is asked for, so that an error of the call is handed on."""
        with closing(job(self.turn)) as results:
            yield from results

    def _put(self, item: T | End) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._ready.put_nowait, item)

    def _waiting_for_room(self) -> AbstractContextManager[None]:
        return self.turn.aside()

    def stop(self) -> None:
        """End the job within one result."""
        self._relay.close()
        self._turns.look_at_stops()

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
