"""The threads that help: they wait for work without using the processor, and end with the process.

Kernels release the GIL, so threads run at once; nobody waits busily.
"""

import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

Work = Callable[[], object]  # it handles its own errors


class Pool:
    """Starts a thread where none is idle. The package has one, `POOL`."""

    def __init__(self) -> None:
        self._idle: list[queue.SimpleQueue[Work]] = []  # of each thread that waits, where its work is put

    @property
    def n_idle(self) -> int:
        """Threads that wait for work."""
        return len(self._idle)

    def start(self, work: Work) -> bool:
        """Let a thread do `work`; False: none is idle, and the system starts no other."""
        with suppress(IndexError):
            self._idle.pop().put(work)
            return True
        inbox: queue.SimpleQueue[Work] = queue.SimpleQueue()
        inbox.put(work)
        thread = threading.Thread(target=self._serve, args=(inbox,), name="pockettts-worker", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        return True

    def forget(self) -> None:
        """Know no thread: a fork takes none along."""
        self._idle = []

    def _serve(self, inbox: "queue.SimpleQueue[Work]") -> None:
        while True:
            inbox.get()()
            self._idle.append(inbox)


POOL = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
