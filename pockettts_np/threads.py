"""Work for two threads. Kernels release the GIL, so both run at once; nobody waits busily."""

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _End:
    """What follows the last item: the error that ended the work, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[T], limit: int) -> Generator[list[T]]:
    """Run `items` in a thread of its own, at most `limit` ahead; each batch is all that is ready.

    The first item never waits for a second. An error in the thread is raised here. Closing this iterator ends the
    thread before its next item but one.
    """
    ready: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    room = threading.Semaphore(limit)
    closed = threading.Event()

    def work() -> None:
        try:
            for item in items:
                ready.put(item)
                room.acquire()
                if closed.is_set():
                    return
            ready.put(_End())
        except BaseException as error:  # handed to the caller's thread, whatever it is
            ready.put(_End(error))

    thread = threading.Thread(target=work, name="pockettts-ahead", daemon=True)
    thread.start()
    try:
        yield from _batches(ready, room)
    finally:
        closed.set()
        room.release()
        thread.join()


def _batches(ready: "queue.SimpleQueue[T | _End]", room: threading.Semaphore) -> Iterator[list[T]]:
    while True:
        batch: list[T] = []
        item = ready.get()
        while not isinstance(item, _End):
            batch.append(item)
            room.release()
            if ready.empty():
                break
            item = ready.get()
        if batch:
            yield batch
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return


def wavefront(step: Callable[[int, int], None], n_blocks: int, n_stages: int) -> None:
    """Call step(block, stage) for every block and stage in two threads, one for the even and one for the odd blocks.

    A block begins a stage when the block before it has ended that stage.
    """
    ended = [threading.Semaphore(0) for _ in range(n_blocks)]
    errors: list[BaseException] = []

    def run(first: int) -> None:
        try:
            for block in range(first, n_blocks, 2):
                for stage in range(n_stages):
                    if block > 0:
                        ended[block - 1].acquire()
                    if errors:
                        return
                    step(block, stage)
                    ended[block].release()
        except BaseException as error:  # raised below, in the caller's thread
            errors.append(error)
        finally:
            for semaphore in ended if errors else ():
                semaphore.release(n_stages)

    thread = threading.Thread(target=run, args=(1,), name="pockettts-wavefront", daemon=True)
    thread.start()
    run(0)
    thread.join()
    if errors:
        raise errors[0]
