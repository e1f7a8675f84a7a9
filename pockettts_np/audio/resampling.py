"""Resampling of speech while it is made, equal bit for bit to `recording.resample` of the whole."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from .samples import Samples

_HALF_LENGTH = 10  # of the filter, in periods of the lower rate; that and its shape as in scipy.signal.resample_poly


def resampled(blocks: Iterable[Samples], from_hz: int, to_hz: int) -> Iterator[Samples]:
    """Speech [n] in blocks at `from_hz` as [ceil(n·to_hz / from_hz)] at `to_hz`, each sample as soon as it is certain.

    That is ten samples of the lower rate later. Equal rates hand the blocks on as they are.
    """
    if from_hz == to_hz:
        yield from blocks
        return
    resampler = _Resampler(from_hz, to_hz)
    n_heard = n_made = 0
    for block in blocks:
        made = resampler.hear(block)
        n_heard += len(block)
        n_made += len(made)
        yield made
    rest = resampler.hear(np.zeros(resampler.n_ahead, dtype=np.float32))
    yield rest[: -(-n_heard * resampler.up // resampler.down) - n_made]


class _Resampler:
    """Output sample j is the sum of input[i] · taps[half + j·down - i·up] over i: the i near j·down / up."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        from scipy.signal import firwin

        divisor = math.gcd(from_hz, to_hz)
        self.up, self.down = to_hz // divisor, from_hz // divisor
        self.half = _HALF_LENGTH * max(self.up, self.down)
        taps = firwin(2 * self.half + 1, 1 / max(self.up, self.down), window=("kaiser", 5.0))
        self.taps = taps.astype(np.float32) * self.up
        self.n_ahead = self.half // self.up + 1
        self.heard = np.zeros(0, dtype=np.float32)
        self.first = 0  # the place of heard[0] in the input
        self.n_made = 0

    def hear(self, block: Samples) -> Samples:
        """Take the next block and give what it makes certain."""
        from scipy.signal import upfirdn

        self.heard = np.concatenate([self.heard, block])
        # The newest input that output j needs is (half + j·down) // up.
        n_certain = -((self.half - (self.first + len(self.heard)) * self.up) // self.down)
        if n_certain <= self.n_made:
            return np.zeros(0, dtype=np.float32)
        # upfirdn sums heard[i] · taps[m·down - i·up]; zeros before the taps make output j one of its m.
        offset = self.half + self.n_made * self.down - self.first * self.up
        lead = -offset % self.down
        m = (offset + lead) // self.down
        taps = np.concatenate([np.zeros(lead, dtype=np.float32), self.taps])
        made = upfirdn(taps, self.heard, self.up, self.down)[m : m + n_certain - self.n_made]
        self.n_made = n_certain
        unused = max(0, -((self.half - self.n_made * self.down) // self.up) - self.first)
        self.heard = self.heard[unused:]
        self.first += unused
        return np.asarray(made, dtype=np.float32)
