"""What goes from the thread that makes it to whoever takes it."""

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

T = TypeVar("T")


class End:
    """What follows the last item: the error that ended the work, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Relay(Generic[T]):
    """Hands items from the thread that makes them to whoever takes them, at most `limit` ahead.

    `put` is how an item, and at last an `End`, gets to the consumer; it must not wait. The consumer calls `took` for
    each item that it has, and `close` when it wants no more. The maker waits for room inside `waiting()`.
    """

    def __init__(
        self,
        put: "Callable[[T | End], object]",
        limit: int,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._put = put
        self._waiting = waiting
        self._room = threading.Semaphore(limit)
        self.closed = threading.Event()

    def fill(self, items: Iterable[T]) -> None:
        """Hand over all items, in the thread that makes them. An error goes to the consumer, whatever it is."""
        try:
            if not self.closed.is_set():
                self._hand_over(items)
            self._put(End())
        except BaseException as error:
            self._put(End(error))

    def _hand_over(self, items: Iterable[T]) -> None:
        for item in items:
            self._put(item)
            if not self._room.acquire(blocking=False):
                with self._waiting():
                    self._room.acquire()
            if self.closed.is_set():
                return

    def took(self) -> None:
        """Make room for one more."""
        self._room.release()

    def close(self) -> None:
        """End the work before its next item but one."""
        self.closed.set()
        self._room.release()
