"""The source-filter decoder: harmonics of a pitch and noise, shaped by filters in the short-time frequency domain.

A relative of DDSP (Engel et al. 2020) and of neural source-filter models (Wang et al. 2019). A row of the transformer
says, at its end, the pitch, whether there is voice, and three spectra: log size and phase of the filter for the
harmonics, log size of the noise. Two windows a row, each as long as two rows, are filtered and overlap-added; so the
speech is one and a half rows behind the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..config.config import SourceFilterConfig
from ..modules.linear import Linear
from ..modules.norm import LayerNorm
from ..weights.checkpoint import Weights

MAX_LOG_SIZE = 6.0  # of a filter and of noise
MIN_PITCH_HZ = 1.0
WINDOWS_A_ROW = 2
HOPS_A_WINDOW = 4
CYCLE = 2.0**64
NOISE_SEED = 0
SAMPLE_WORK = 4000  # multiply-adds in the time that a sample takes beyond the product, as measured


@dataclass(eq=False, repr=False)
class SourceFilterState:
    row: np.ndarray  # [1, n_parameters] the last one; none before the first
    phase: np.ndarray  # int64 [1] of the pitch, in CYCLEs: it wraps around by itself and drops no bit
    source: np.ndarray  # [3 · window_hop] its last samples
    tail: np.ndarray  # [3, window_hop] what windows have added to samples to come
    rng: np.random.Generator  # of the noise


@dataclass(frozen=True, eq=False, repr=False)
class SourceFilter:
    """Rows [T, width] to samples [T · hop_samples, 1]; a row's samples need no later row."""

    norm: LayerNorm
    linear: Linear  # width -> n_parameters
    config: SourceFilterConfig
    sample_rate_hz: int
    window: np.ndarray  # [n_fft]

    @classmethod
    def load(cls, w: Weights, config: SourceFilterConfig, sample_rate_hz: int) -> "SourceFilter":
        return cls(
            LayerNorm.load(w.scope("norm"), config.dimension),
            Linear.load(w.scope("linear"), config.dimension, config.n_parameters, bias=True),
            config,
            sample_rate_hz,
            hann(config.n_fft),
        )

    @property
    def window_hop(self) -> int:
        return self.config.hop_samples // WINDOWS_A_ROW

    def init_state(self) -> SourceFilterState:
        n_late = HOPS_A_WINDOW - 1
        return SourceFilterState(
            np.zeros((0, self.config.n_parameters), np.float32),
            np.zeros(1, np.int64),
            np.zeros(n_late * self.window_hop, np.float32),
            np.zeros((n_late, self.window_hop), np.float32),
            np.random.default_rng(NOISE_SEED),
        )

    def steps(self, state: SourceFilterState) -> list[Callable[[np.ndarray], np.ndarray]]:
        """The whole as one function, which changes the state."""
        return [partial(self, state=state)]

    def work(self, n_rows: int) -> list[int]:
        """Multiply-adds for `n_rows` rows, what else costs time counted as such."""
        return [n_rows * (self.linear.row_work + self.config.hop_samples * SAMPLE_WORK)]

    def __call__(self, x: np.ndarray, state: SourceFilterState) -> np.ndarray:
        return self.sound(self.linear(self.norm(x)), state)

    def sound(self, rows: np.ndarray, state: SourceFilterState) -> np.ndarray:
        """Parameters of rows [T, n_parameters] -> samples [T · hop_samples, 1]."""
        if not len(rows):
            return np.zeros((0, 1), np.float32)
        rows = np.concatenate([state.row if len(state.row) else rows[:1], rows])  # [T + 1, n_parameters]
        state.row = rows[-1:].copy()
        n_bins = self.config.n_bins
        size, phase, noise = halfway(rows[:, : 3 * n_bins].reshape(-1, 3, n_bins))
        source = np.concatenate([state.source, self._source(rows[:, 3 * n_bins], rows[:, 3 * n_bins + 1], state)])
        state.source = source[-len(state.source) :].copy()
        windows = np.lib.stride_tricks.sliding_window_view(source, len(self.window))[:: self.window_hop]
        spectra = np.fft.rfft(windows * self.window)  # [windows, n_bins]
        spectra *= polar(size, phase)
        spectra += polar(noise, state.rng.random(noise.shape, np.float32) * np.float32(2 * np.pi))
        return self._overlapped(np.fft.irfft(spectra, len(self.window)) * self.window, state)

    def _source(self, log_pitch: np.ndarray, voicing: np.ndarray, state: SourceFilterState) -> np.ndarray:
        """The harmonics, and silence where there is no voice: values at row ends [T + 1] -> [T · hop_samples]."""
        highest_hz, reference_hz = self.config.max_harmonic_hz, self.config.reference_pitch_hz
        within = np.clip(log_pitch, np.log(MIN_PITCH_HZ / reference_hz), np.log(highest_hz / reference_hz))
        pitch_hz = drawn(reference_hz * np.exp(within, dtype=np.float64), self.config.hop_samples)
        phase = state.phase + np.cumsum((pitch_hz * (CYCLE / self.sample_rate_hz)).astype(np.int64))
        state.phase = phase[-1:].copy()
        angle = (phase * (2 * np.pi / CYCLE)).astype(np.float32)
        n_harmonics = np.maximum(np.floor(np.float32(highest_hz) / pitch_hz.astype(np.float32)), 1)
        return pulses(angle, n_harmonics) * drawn((voicing > 0).astype(np.float32), self.config.hop_samples)

    def _overlapped(self, windows: np.ndarray, state: SourceFilterState) -> np.ndarray:
        """Windows [n, n_fft], added from the oldest on: the sum does not depend on which came together."""
        n_windows = len(windows)
        parts = windows.reshape(n_windows, HOPS_A_WINDOW, self.window_hop)
        hops = np.zeros((n_windows + len(state.tail), self.window_hop), np.float32)
        hops[: len(state.tail)] = state.tail
        for i in reversed(range(HOPS_A_WINDOW)):
            hops[i : i + n_windows] += parts[:, i]
        state.tail = hops[n_windows:].copy()
        return hops[:n_windows].reshape(-1, 1)


def hann(n: int) -> np.ndarray:
    """The periodic window of n samples."""
    return (0.5 - 0.5 * np.cos(np.arange(n) * (2 * np.pi / n))).astype(np.float32)


def halfway(rows: np.ndarray) -> np.ndarray:  # [T + 1, k, C] -> [k, 2 T, C]
    """Each row but the first, and before it the mean of it and the row before."""
    rows = rows.swapaxes(0, 1)
    n_kinds, n_rows, width = rows.shape
    out = np.empty((n_kinds, n_rows - 1, WINDOWS_A_ROW, width), np.float32)
    np.add(rows[:, :-1], rows[:, 1:], out=out[:, :, 0])
    out[:, :, 0] *= 0.5
    out[:, :, 1] = rows[:, 1:]
    return out.reshape(n_kinds, -1, width)


def drawn(ends: np.ndarray, n: int) -> np.ndarray:  # [T + 1] -> [T · n]
    """Straight lines of n samples between values, the first value left out."""
    part = np.arange(1, n + 1, dtype=ends.dtype) / ends.dtype.type(n)
    before, after = ends[:-1, None], ends[1:, None]
    return (before + (after - before) * part).reshape(-1)


def polar(log_size: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """exp(log_size) at an angle in radians, complex64; sizes are limited."""
    size = np.exp(np.minimum(log_size, np.float32(MAX_LOG_SIZE)))
    out = np.empty(size.shape, np.complex64)
    np.multiply(size, np.cos(angle), out=out.real)
    np.multiply(size, np.sin(angle), out=out.imag)
    return out


def pulses(angle: np.ndarray, n_harmonics: np.ndarray) -> np.ndarray:
    """The sum of n_harmonics cosines of equal size and of power 1 together; `angle` in [−π, π] is that of the first."""
    half = np.sin(angle * np.float32(0.5))
    ratio = 2 * n_harmonics + 1  # at angle 0
    np.divide(np.sin((n_harmonics + np.float32(0.5)) * angle), half, out=ratio, where=half != 0)
    return (ratio - 1) / np.sqrt(2 * n_harmonics)
