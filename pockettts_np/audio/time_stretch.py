"""Speech faster or slower in the same pitch: WSOLA (Verhelst and Roelands, 1993).

The output is made in steps of 10 ms. Each fades from the natural continuation of the step before it into the piece of
input, near the place that the speed asks for, that resembles this continuation most.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from .samples import Samples

STEP_MS = 10.0
COMPARED_MS = 15.0  # a period of the lowest voice
SEARCH_MS = 10.0  # to either side: together one period of 50 Hz
DETOUR = 0.1  # how much more alike, of 1, the farthest place must be than the nearest


def stretched(blocks: Iterable[Samples], rate_hz: int, speed: float) -> Iterator[Samples]:
    """Speech [n] at `speed` times its pace: round(n / speed) samples, each made when 35 to 40 ms more are heard.

    A speed of 1 hands the blocks on as they are.
    """
    if speed == 1:
        yield from blocks
        return
    stretch = _Stretch(rate_hz, speed)
    n_heard = n_made = 0
    for block in blocks:
        made = stretch.hear(block)
        n_heard += len(block)
        n_made += len(made)
        yield made
    rest = stretch.hear(np.zeros(stretch.n_ahead + math.ceil((stretch.n_step + 1) * speed), dtype=np.float32))
    yield rest[: round(n_heard / speed) - n_made]


class _Stretch:
    """What was heard and is still of use, and where the speech goes on. Places count from the start of the input."""

    def __init__(self, rate_hz: int, speed: float) -> None:
        self.speed = speed
        milliseconds = STEP_MS, COMPARED_MS, SEARCH_MS
        self.n_step, self.n_compared, self.n_search = (round(ms / 1000 * rate_hz) for ms in milliseconds)
        self.n_ahead = self.n_search + self.n_step + self.n_compared
        angle = np.pi * (np.arange(self.n_step) + 0.5) / self.n_step
        self.fade_in = (0.5 - 0.5 * np.cos(angle)).astype(np.float32)
        self.heard = np.zeros(self.n_search, dtype=np.float32)
        self.first = -self.n_search  # the place of heard[0]
        self.follows = 0  # the place of the natural continuation
        self.n_made = 0

    def hear(self, block: Samples) -> Samples:
        """Take the next block and give all steps that can be made."""
        self.heard = np.concatenate([self.heard, block])
        steps = [np.zeros(0, dtype=np.float32)]
        n_heard = self.first + len(self.heard)
        last, n_due = n_heard - self.n_ahead, round(n_heard / self.speed)  # not more is due, as this may be all
        while (place := round(self.n_made * self.speed)) <= last and self.n_made + self.n_step <= n_due:
            steps.append(self._step(place))
        unused = min(place - self.n_search, self.follows) - self.first
        self.heard = self.heard[unused:]
        self.first += unused
        return np.concatenate(steps)

    def _step(self, place: int) -> Samples:
        continuation = self._piece(self.follows, self.n_compared)
        around = self._piece(place - self.n_search, self.n_compared + 2 * self.n_search)
        best = _most_alike(around, continuation)
        self.follows = place - self.n_search + best + self.n_step
        self.n_made += self.n_step
        old, new = continuation[: self.n_step], around[best : best + self.n_step]
        return old + self.fade_in * (new - old)

    def _piece(self, place: int, n_samples: int) -> Samples:
        return self.heard[place - self.first : place - self.first + n_samples]


def _most_alike(samples: Samples, pattern: Samples) -> int:
    """Where in `samples` [n] the pattern [k <= n] fits best: 1 for the same, less for another shape, level or place."""
    energy = np.cumsum(np.square(samples, dtype=np.float64))
    energy = energy[len(pattern) - 1 :] - np.concatenate([[0.0], energy[: -len(pattern)]])
    likeness = 2 * np.correlate(samples, pattern) / (energy + np.dot(pattern, pattern) + 1e-9)
    return int(np.argmax(likeness - DETOUR * np.abs(np.linspace(-1, 1, len(likeness)))))
