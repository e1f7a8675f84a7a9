"""Blocks that follow each other through stages, several at a time."""

import itertools
import threading
from collections.abc import Callable

from .pool import POOL


def wavefront(step: Callable[[int, int], None], n_blocks: int, n_stages: int, n_threads: int) -> None:
    """Call step(block, stage) for every block and stage, each block in one of `n_threads` threads, this one included.

    A block begins a stage when the block before it has ended that stage. An error in any of them is raised here.
    """
    blocks = itertools.count()  # those that nobody has begun, in order: so whoever waits, waits for one at work
    ended = [threading.Semaphore(0) for _ in range(n_blocks)]
    left = threading.Semaphore(0)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            while (block := next(blocks)) < n_blocks:
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
            left.release()

    n_helpers = sum(POOL.start(run) for _ in range(min(n_threads, n_blocks) - 1))
    run()
    for _ in range(n_helpers + 1):
        left.acquire()
    if errors:
        raise errors[0]
