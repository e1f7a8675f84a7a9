"""Stages that run at once: while one works on an item, the one before it works on the next.

A stage has a state of its own, so it takes its items in order and one at a time; which thread runs it does not matter.
So no thread belongs to a stage: whoever is free does what is there to do, and the stages need not take equally long.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol

from .pool import POOL

Stage = Callable[[Any], Any]

STAGES_A_THREAD = 2  # to cut work into: a thread that becomes free then finds some

OTHER_PROCESS = "This work was begun in another process, and a fork takes no threads along. Begin it again in this one."


class SharedStep(Protocol):
    """What the source does for each item, where others may take a part in it."""

    step: int  # number of the last one that began
    on_step: Callable[[], object]  # called when one begins

    @property
    def is_at_work(self) -> bool:
        """Whether there is one to assist in."""

    def assist(self) -> None:
        """Take a part in the one at work until it is over, or until nothing comes for a moment."""


def pipelined(
    source: Iterator[Any],
    stages: Sequence[Stage],
    n_threads: int,
    limit: int,
    together: int = 1,
    shared: SharedStep | None = None,
) -> Generator[Any]:
    """What comes out of the stages, in order, for the items of `source`, at most `limit` of them ahead of the consumer.

    The first stage takes a list: the items that wait, at most `together`; each other stage takes what the one before it
    returned. Up to `n_threads` threads work, this one among them while its consumer waits; a single one makes an item
    when it is asked for. An error in a stage is raised here, after what was made before it. Closing this iterator ends
    the work when the stages at work have ended. Threads for which no stage is ready assist in `shared`, a step of the
    source.

    RuntimeError: it was begun before a fork and is asked on after it.
    """
    if n_threads == 1:
        return _in_turns(source, stages)
    return _Pipeline(source, stages, limit, together, shared).results(n_threads - 1)


def _in_turns(source: Iterator[Any], stages: Sequence[Stage]) -> Generator[Any]:
    for item in source:
        result: Any = [item]
        for stage in stages:
            result = stage(result)
        yield result


class _Pipeline:
    """The source is stage 0. All but the stages' own work happens under one lock."""

    def __init__(
        self,
        source: Iterator[Any],
        stages: Sequence[Stage],
        limit: int,
        together: int,
        shared: SharedStep | None,
    ) -> None:
        self._source = source
        self._stages = stages
        self._together = together
        self._room = limit  # items that the source may make before the consumer takes a result
        self._made: list[deque[Any]] = [deque() for _ in range(len(stages) + 1)]  # by each stage, for the next
        self._sizes: deque[int] = deque()  # items of the source in each result
        self._at_work: set[int] = set()  # stages
        self._n_over = 0  # stages, from the source on, that will not run again
        self._error: BaseException | None = None
        self._helpers: set[int] = set()  # identifiers of threads
        self._n_called = 0  # threads that were asked for help and have not left again
        self._n_asleep = 0
        self._changed = threading.Condition(threading.RLock())  # a generator may be closed wherever memory is freed
        self._shared = shared
        self._step_left = 0  # the last shared step that a thread came back from
        if shared is not None:
            shared.on_step = self._wake_for_step
        self._process = os.getpid()

    def results(self, n_helpers: int) -> Generator[Any]:
        """What comes out, made by this thread and its helpers."""
        try:
            for _ in range(n_helpers):
                self._call_helper()
            # The source is for helpers: its step may outlast what the consumer waits for.
            first = 1 if self._n_called else 0
            while self._await_result(first):
                yield self._take_result()
            if self._error is not None:
                raise self._error
        finally:
            self._close()

    def _call_helper(self) -> None:
        with self._changed:
            self._n_called += 1
        if not POOL.start(self._help):
            with self._changed:
                self._n_called -= 1

    def _help(self) -> None:
        with self._changed:
            self._helpers.add(threading.get_ident())
            while not self._is_over():
                self._work(0, BaseException)
            self._helpers.remove(threading.get_ident())
            self._n_called -= 1
            self._changed.notify_all()

    def _await_result(self, first: int) -> bool:
        """Work, from a stage on, until there is a result; False: there comes none any more."""
        self._require_own_process()
        with self._changed:
            while not self._made[-1] and not self._is_over():
                self._work(first, Exception)
            return bool(self._made[-1])

    def _take_result(self) -> Any:
        with self._changed:
            self._room += self._sizes.popleft()
            self._wake()
            return self._made[-1].popleft()

    def _is_over(self) -> bool:
        """Whether no stage runs again; results may still be there."""
        n = self._n_over
        return n > 0 and not any(self._made[n - 1 : -1]) and not any(stage >= n for stage in self._at_work)

    def _work(self, first: int, caught: type[BaseException]) -> None:
        """Run one stage, not one before `first`, or sleep until something changes."""
        stage = self._ready_stage(first)
        if stage is None:
            if self._may_assist(first):
                self._assist()
            else:
                self._sleep()
            return
        taken = self._take_for(stage)
        self._at_work.add(stage)
        try:
            made = self._run(stage, taken)
        except StopIteration:
            self._end(stage, None)
        except caught as error:
            self._end(stage, error)
        else:
            if stage >= self._n_over:
                self._made[stage].append(made)
        finally:
            self._at_work.remove(stage)
            self._wake()

    def _sleep(self) -> None:
        self._n_asleep += 1
        try:
            self._changed.wait()
        finally:
            self._n_asleep -= 1

    def _may_assist(self, first: int) -> bool:
        """Whether a shared step is at work; the consumer's thread leaves it to others, as a result may come before."""
        shared = self._shared
        if shared is None or not shared.is_at_work or shared.step == self._step_left:
            return False
        return first == 0 or self._n_called == 1

    def _assist(self) -> None:
        assert self._shared is not None
        step = self._shared.step
        self._changed.release()
        try:
            self._shared.assist()
        finally:
            self._changed.acquire()
            self._step_left = step

    def _wake_for_step(self) -> None:
        with self._changed:
            self._wake()

    def _run(self, stage: int, taken: Any) -> Any:
        self._changed.release()
        try:
            return next(self._source) if stage == 0 else self._stages[stage - 1](taken)
        finally:
            self._changed.acquire()

    def _ready_stage(self, first: int) -> int | None:
        """The source, for which all others wait; else the last stage that has something to take."""
        if first == 0 and self._n_over == 0 and self._room > 0 and 0 not in self._at_work:
            return 0
        for stage in range(len(self._stages), max(1, self._n_over) - 1, -1):
            if self._made[stage - 1] and stage not in self._at_work:
                return stage
        return None

    def _take_for(self, stage: int) -> Any:
        if stage == 0:
            self._room -= 1
            return None
        made = self._made[stage - 1]
        if stage > 1:
            return made.popleft()
        items = [made.popleft() for _ in range(min(self._together, len(made)))]
        self._sizes.append(len(items))
        return items

    def _end(self, stage: int, error: BaseException | None) -> None:
        """A stage has ended, and so have those before it. Of several errors, that of the earliest item counts."""
        if stage >= self._n_over:
            self._n_over, self._error = stage + 1, error
            for made in self._made[:stage]:
                made.clear()

    def _wake(self) -> None:
        if self._n_asleep:
            self._changed.notify_all()

    def _close(self) -> None:
        """End the work, and wait for whoever is at it."""
        if self._process != os.getpid():
            return
        with self._changed:
            self._n_over = len(self._stages) + 1
            for made in self._made:
                made.clear()
            self._wake()
            while self._n_called and threading.get_ident() not in self._helpers:
                self._changed.wait()

    def _require_own_process(self) -> None:
        if self._process != os.getpid():
            raise RuntimeError(OTHER_PROCESS)
