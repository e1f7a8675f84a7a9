"""Work for threads: how many cores there are for it, and what goes from one thread to another.

Kernels release the GIL, so threads run at once; nobody waits busily.
"""

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

SPEECHES_A_PASS = 8
SPEECHES_A_CORE = 4

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores that this process may keep busy: those it may run on, but no more than its CPU quota pays for.

    A container limited to one CPU sees all cores of its host; the quota of its control group (cgroup 1 or 2, Linux)
    tells what it really gets, in whole cores, at least one.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(cores, _quota_cores())))


def speeches_at_once() -> int:
    """How many speeches of one model this process had best make at once: callers share the passes over its weights.

    Eight, which is as many as one pass is for; with fewer than two cores half of that, with more than eight one each.
    """
    cores = usable_cores()
    return max(cores, min(SPEECHES_A_PASS, SPEECHES_A_CORE * cores))


def _quota_cores() -> float:
    """The smallest CPU quota of this process's control groups and those above them, in cores; infinity without any."""
    return min(map(_quota_of, _cgroup_folders()), default=float("inf"))


def _cgroup_folders() -> Iterator[Path]:
    """Where the groups of this process and their parents are mounted; inside a container, only its own may be."""
    try:
        lines = _OWN_CGROUPS.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # not there, or not text
        return
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Of the first kind, the mount has the names of its controllers in any order, or that of the first.
        for root in {_CGROUPS / name for name in (controllers, "cpu", "cpu,cpuacct")} if controllers else {_CGROUPS}:
            group = root / path.lstrip("/")
            yield group
            yield from (parent for parent in group.parents if parent == root or root in parent.parents)


def _quota_of(folder: Path) -> float:
    """Cores that a control group may use; infinity where it does not say."""
    try:
        if (folder / "cpu.max").exists():  # cgroup 2
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
        return int(quota) / int(period) if int(quota) > 0 else float("inf")
    except (OSError, ValueError, ZeroDivisionError):  # no limit is "max", or -1
        return float("inf")


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


def ahead(items: Iterator[T], limit: int) -> Generator[list[T]]:
    """Run `items` in a thread of its own, at most `limit` ahead; each batch is all that is ready.

    The first item never waits for a second. An error in the thread is raised here. Closing this iterator ends the
    thread before its next item but one.
    """
    ready: queue.SimpleQueue[T | End] = queue.SimpleQueue()
    relay: Relay[T] = Relay(ready.put, limit)
    thread = threading.Thread(target=relay.fill, args=(items,), name="pockettts-ahead", daemon=True)
    thread.start()
    try:
        yield from _batches(ready, relay)
    finally:
        relay.close()
        thread.join()


def _batches(ready: "queue.SimpleQueue[T | End]", relay: Relay[T]) -> Iterator[list[T]]:
    while True:
        batch: list[T] = []
        item = ready.get()
        while not isinstance(item, End):
            batch.append(item)
            relay.took()
            if ready.empty():
                break
            item = ready.get()
        if batch:
            yield batch
        if isinstance(item, End):
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
