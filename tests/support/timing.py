"""How long something takes, on a machine that does other things as well."""

import time
from collections.abc import Callable


def least_seconds(action: Callable[[], object], n_times: int = 3) -> float:
    """Processor time of the quickest of a few runs: one interruption does not make it longer."""
    taken = []
    for _ in range(n_times):
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    return min(taken)
