"""Resampling by a polyphase filter, of whole recordings and of speech while it is made: equal bit for bit.

The filter is that of scipy.signal.resample_poly, and the results are equal to rounding.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .samples import Samples

_HALF_LENGTH = 10  # of the filter, in periods of the lower rate
_KAISER_BETA = 5.0
_GROUP = 16  # output samples that one product makes
_MANY_PHASES = 1000  # a matrix each would take tens of megabytes
_BLOCK_GROUPS = 512  # that are made at a time, of inputs that fit into a cache
_BLOCK_SAMPLES = 1 << 16


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Float32 [n] at `from_hz` as float32 [ceil(n·to_hz / from_hz)] at `to_hz`; equal rates give `samples` itself."""
    if from_hz == to_hz:
        return samples
    blocks = (samples[start : start + _BLOCK_SAMPLES] for start in range(0, len(samples), _BLOCK_SAMPLES))
    return np.concatenate(list(resampled(blocks, from_hz, to_hz)))


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
    """Output sample j is the sum of input[i] · taps[half + j·down - i·up] over i: the i near j·down / up.

    Outputs are made in groups, counted from the start of the stream. A group is the product of `width` inputs, from the
    oldest that its first output needs, and a matrix of taps. Every product has the same shape, and so the same order of
    summation: a group that is made again, because only some of its outputs were certain, comes out equal bit for bit.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        divisor = math.gcd(from_hz, to_hz)
        self.up, self.down = to_hz // divisor, from_hz // divisor
        self.half = _HALF_LENGTH * max(self.up, self.down)
        self.n_ahead = self.half // self.up + 1
        # Every phase that a group can begin in has a matrix. Where there are many, groups divide the period.
        self.group = _GROUP if self.up <= _MANY_PHASES else math.gcd(_GROUP, self.up)
        self.n_phases = self.up // math.gcd(self.group, self.up)
        self.n_taps = 2 * self.half // self.up + 1  # inputs that one output needs
        self.width = self.n_taps - (1 - self.group) * self.down // self.up
        self.taps = self._matrices()
        self.first = 1 - self.n_taps  # the place of heard[0] in the input; silence comes before the input
        self.heard = np.zeros(-self.first, dtype=np.float32)
        self.n_made = 0

    def hear(self, block: Samples) -> Samples:
        """Take the next block and give what it makes certain."""
        # Zeros stand for inputs of the last group that are still to come: they count in outputs that are not.
        inputs = np.concatenate([self.heard, block, np.zeros(self.width, dtype=np.float32)])
        n_heard = self.first + len(inputs) - self.width
        # The newest input that output j needs is (half + j·down) // up.
        n_certain = max(self.n_made, -((self.half - n_heard * self.up) // self.down))
        start, end = self.n_made // self.group, -(-n_certain // self.group)
        made = self._groups(sliding_window_view(inputs, self.width), start, end)
        made = made[self.n_made - start * self.group : n_certain - start * self.group]
        unused = int(self._first_input(n_certain // self.group)) - self.first
        self.heard = inputs[unused : len(inputs) - self.width]
        self.first += unused
        self.n_made = n_certain
        return made

    def _groups(self, windows: Samples, start: int, end: int) -> Samples:
        """The outputs of the groups from `start` to `end`; windows[i] [width] begins with the input at first + i."""
        made = np.empty((end - start, 1, self.group), dtype=np.float32)
        for block_start in range(start, end, _BLOCK_GROUPS):
            groups = np.arange(block_start, min(block_start + _BLOCK_GROUPS, end))
            inputs = windows[self._first_input(groups) - self.first]  # [n, width]
            phase = block_start % self.n_phases
            out = made[block_start - start :][: len(groups)]
            np.matmul(inputs[:, None], self.taps[phase : phase + len(groups)], out=out)
        return made.ravel()

    def _first_input(self, group: NDArray[np.int64] | int) -> NDArray[np.int64] | int:
        """The place in the input of the oldest sample that the first output of a group needs."""
        return (self.half + group * self.group * self.down) // self.up - self.n_taps + 1

    def _matrices(self) -> Samples:
        """The taps [n, width, group] of the groups that begin in each phase, in their order, which repeats."""
        n_before = (self.width - self.n_taps) * self.up  # the taps in a matrix are a band, with zeros on either side
        n_after = (self.n_taps + 1) * self.up + self.group * self.down
        taps = np.pad((_low_pass(self.half) * self.up).astype(np.float32), (n_before, n_after))
        phase = (self.half + np.arange(self.n_phases) * self.group * self.down) % self.up
        tap = np.arange(self.n_taps - 1, self.n_taps - 1 - self.width, -1) * self.up
        tap = phase[:, None, None] + tap[:, None] + np.arange(self.group) * self.down  # [n_phases, width, group]
        return taps[n_before + tap][np.arange(self.n_phases + _BLOCK_GROUPS) % self.n_phases]


def _low_pass(half: int) -> NDArray[np.float64]:
    """A sinc under a Kaiser window [2·half + 1], with gain 1 at 0 Hz, that passes what the lower rate can hold."""
    place = np.arange(half + 1) / half
    taps = np.sinc(_HALF_LENGTH * place) * np.i0(_KAISER_BETA * np.sqrt(1 - place**2))
    taps = np.concatenate([taps[:0:-1], taps])
    return np.asarray(taps / taps.sum())
