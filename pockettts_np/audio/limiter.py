"""A look-ahead peak limiter: nothing is louder than full scale, and what is far from a peak is not touched."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from .samples import Samples

AHEAD_MS = 5.0  # over which the gain falls before a peak
HOLD_MS = 40.0  # for which it stays down behind one: longer than a period of the lowest voice, or it would tremble
_LOUDEST = 1e3  # keeps infinities out of the products

Reals = NDArray[np.float64]


def limited(blocks: Iterable[Samples], rate_hz: int) -> Iterator[Samples]:
    """Speech [n] within ±1, in all as long as it was, AHEAD_MS behind its input.

    The gain is 1 where no peak above 1 lies within AHEAD_MS ahead or HOLD_MS + AHEAD_MS behind: such samples come out
    bit for bit. Around a peak it is a smooth dip, raised cosines at both ends, down to 1 / peak.
    """
    n_ahead = max(1, round(AHEAD_MS / 1000 * rate_hz))
    n_hold = round(HOLD_MS / 1000 * rate_hz)
    n_past = n_hold + n_ahead
    fade = np.hanning(n_ahead + 3)[1:-1]
    fade /= fade.sum()
    heard = np.zeros(n_past, dtype=np.float32)
    for block in chain(blocks, [np.zeros(n_ahead, dtype=np.float32)]):
        heard = np.concatenate([heard, np.clip(block, -_LOUDEST, _LOUDEST)])
        n_ready = len(heard) - n_past - n_ahead
        if n_ready > 0:
            ready = heard[n_past : n_past + n_ready]
            peaks = np.maximum(np.abs(heard), 1)
            yield ready if peaks.max() == 1 else _turned_down(ready, peaks, n_past + 1, fade)
            heard = heard[n_ready:]


def _turned_down(samples: Samples, peaks: Samples, width: int, fade: Reals) -> Samples:
    """Samples times the gain that the peaks around them ask for.

    Every window of `width` asks for as much attenuation as its largest peak. All windows over which `fade` averages
    hold the sample itself, so the average is enough for it.
    """
    attenuation = 1 - 1 / _sliding_max(peaks.astype(np.float64), width)
    gain = 1 - np.convolve(attenuation, fade, mode="valid")
    return np.clip(samples * gain, -1, 1).astype(np.float32)


def _sliding_max(values: Reals, width: int) -> Reals:
    """Maximum of every window: [n] to [n - width + 1]. Two running maxima in rows of `width` (van Herk, 1992)."""
    n_windows = len(values) - width + 1
    rows = np.pad(values, (0, -len(values) % width)).reshape(-1, width)
    forward = np.maximum.accumulate(rows, axis=1).ravel()
    backward = np.maximum.accumulate(rows[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.maximum(backward[:n_windows], forward[width - 1 : len(values)])
