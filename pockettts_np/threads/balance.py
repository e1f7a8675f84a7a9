"""Where a chain of steps is cut, so that the parts take about the same time."""

import functools
import itertools
from collections.abc import Sequence


def balanced(work: Sequence[float], n_parts: int) -> list[slice]:
    """The cut of a chain into at most `n_parts` parts, none empty, whose largest has the least work."""
    totals = [0.0, *itertools.accumulate(work)]

    @functools.cache
    def best(start: int, n: int) -> tuple[float, int]:
        """The largest part of the steps from `start` on in n parts, and where the first of these ends."""
        if n == 1:
            return totals[-1] - totals[start], len(work)
        ends = range(start + 1, len(work) - n + 2)
        return min((max(totals[end] - totals[start], best(end, n - 1)[0]), end) for end in ends)

    parts, start = [], 0
    for n in range(min(n_parts, len(work)), 0, -1):
        end = best(start, n)[1]
        parts.append(slice(start, end))
        start = end
    return parts
