"""Turns at work: so many threads work at once, and the others wait in the order in which they asked."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """What is handed round: the leave to work, for `n_at_once` threads at a time."""

    def __init__(self, n_at_once: int) -> None:
        self._n_at_once = n_at_once
        self._changed = threading.Condition()  # guards all below
        self._n_held = 0
        self._line: deque[Turn] = deque()
        self._n_idle = 0

    @property
    def n_held(self) -> int:
        """Threads at work."""
        return self._n_held

    @property
    def n_idle(self) -> int:
        """Jobs that have nothing to do until their callers go on."""
        return self._n_idle

    @property
    def someone_waits(self) -> bool:
        """Whether a thread could work if another let it."""
        return bool(self._line)

    def line_up(self, turn: "Turn") -> None:
        """Ask for the turn."""
        with self._changed:
            self._line.append(turn)
            self._changed.notify_all()

    def await_turn(self, turn: "Turn") -> None:
        """Wait for the turn that was asked for; no longer than until the job is stopped, which then ends soon."""
        with self._changed:
            self._changed.wait_for(lambda: turn.stop.is_set() or self._is_next(turn))
            if turn in self._line:
                self._line.remove(turn)
            self._n_held += 1
            self._changed.notify_all()

    def give_back(self) -> None:
        """Let the next one work."""
        with self._changed:
            self._n_held -= 1
            self._changed.notify_all()

    def count_idle(self, more: int) -> None:
        """Note jobs that become idle, or no longer are."""
        with self._changed:
            self._n_idle += more

    def look_at_stops(self) -> None:
        """Wake whoever waits for a turn though its job was stopped."""
        with self._changed:
            self._changed.notify_all()

    def _is_next(self, turn: "Turn") -> bool:
        return self._n_held < self._n_at_once and bool(self._line) and self._line[0] is turn


class Turn:
    """One job's turn at work, which its thread holds but for `aside` and `idle`. Its methods are for that thread."""

    def __init__(self, turns: Turns, stop: threading.Event) -> None:
        self.stop = stop  # set when nobody wants the job any more
        self.work_seconds = 0.0  # for which it was held
        self._turns = turns
        self._begin = 0.0

    def line_up(self) -> None:
        """Ask for it. Any thread."""
        self._turns.line_up(self)

    def begin(self) -> None:
        """Wait until it comes, or until the job is stopped."""
        self._turns.await_turn(self)
        self._begin = time.perf_counter()

    def end(self) -> None:
        """Let others work."""
        self.work_seconds += time.perf_counter() - self._begin
        self._turns.give_back()

    def pass_on(self) -> None:
        """Let those work who wait for it, and go on after them."""
        if self._turns.someone_waits:
            with self.aside():
                pass

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A block that only waits: others work meanwhile."""
        self.end()
        try:
            yield
        finally:
            self.line_up()
            self.begin()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """As `aside`, for a job that has nothing to do until its caller goes on: it takes up no place in the queue."""
        with self.aside():
            self._turns.count_idle(1)
            try:
                yield
            finally:
                self._turns.count_idle(-1)
