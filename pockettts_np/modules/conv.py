"""Streaming causal convolutions: each is a matrix product over windows of the stream.

`y = conv(x, state)` with `state = conv.init_state()`; the state is advanced in place. The result does not depend on
how the stream is cut: a chunk may be as short as one stride, also shorter than the kernel.
"""

from dataclasses import dataclass

import numpy as np

from ..kernels import entry_points as kernels
from ..weights.checkpoint import Weights
from .linear import Linear


@dataclass(eq=False, repr=False)
class ConvState:
    previous: np.ndarray  # [P, C] the last input frames, still needed
    started: bool  # whether any input has come


@dataclass(frozen=True)
class Windows:
    """Which frames a causal convolution reads for each output. Left padding is zeros, or the first frame repeated."""

    n_in: int
    kernel_size: int
    stride: int = 1
    dilation: int = 1
    replicate: bool = False

    def init_state(self) -> ConvState:
        n_previous = (self.kernel_size - 1) * self.dilation + 1 - self.stride
        return ConvState(np.zeros((n_previous, self.n_in), np.float32), started=False)

    def start(self, x: np.ndarray, state: ConvState) -> None:
        """Tell the frames [T, n_in] that come next: the first of all may be what stands before it."""
        if not len(x):
            return
        if self.replicate and not state.started:
            state.previous[:] = x[0]
        state.started = True

    def take_matrix(self, w: Weights, n_out: int) -> np.ndarray:
        """The convolution's weight [n_out, n_in, K] as a matrix [n_out, K · n_in], tap by tap."""
        shape = (n_out, self.n_in, self.kernel_size)
        return w.take_matrix("weight", shape, (0, 2, 1), self.kernel_size * self.n_in)


@dataclass(frozen=True, eq=False, repr=False)
class Conv1d:
    """Causal convolution."""

    windows: Windows
    product: Linear  # K · n_in -> n_out, tap by tap

    @classmethod
    def load(cls, w: Weights, windows: Windows, n_out: int, *, bias: bool = True) -> "Conv1d":
        matrix = windows.take_matrix(w, n_out)
        return cls(windows, Linear.of(w, matrix, w.take("bias", (n_out,)) if bias else None))

    def init_state(self) -> ConvState:
        return self.windows.init_state()

    def __call__(self, x: np.ndarray, state: ConvState) -> np.ndarray:  # [T, n_in] -> [T / stride, n_out]
        windows, panels = self.windows, self.product.panels
        windows.start(x, state)
        out = np.empty((len(x) // windows.stride, self.product.n_out), np.float32)
        kernels.conv1d(
            state.previous, x, windows.stride, windows.dilation, panels.data, panels.scale, self.product.bias, out
        )
        _shift(state.previous, x)
        return out


@dataclass(frozen=True, eq=False, repr=False)
class Conv1dToOne:
    """Causal convolution with a single output channel."""

    windows: Windows
    weight: np.ndarray  # [1, K · n_in] tap by tap
    bias: np.ndarray  # [1]

    @classmethod
    def load(cls, w: Weights, windows: Windows) -> "Conv1dToOne":
        weight = np.ascontiguousarray(windows.take_matrix(w, 1), np.float32)
        return cls(windows, weight, w.take("bias", (1,)))

    def init_state(self) -> ConvState:
        return self.windows.init_state()

    def __call__(self, x: np.ndarray, state: ConvState) -> np.ndarray:  # [T, n_in] -> [T / stride, 1]
        windows = self.windows
        windows.start(x, state)
        out = np.empty((len(x) // windows.stride, 1), np.float32)
        kernels.conv1d_to_one(state.previous, x, windows.stride, windows.dilation, self.weight, self.bias, out)
        _shift(state.previous, x)
        return out


def _shift(previous: np.ndarray, x: np.ndarray) -> None:
    """Append x [T, C] to previous [P, C] and keep the last P rows, in place."""
    kept = len(previous) - len(x)
    if kept > 0:
        previous[:kept] = previous[len(x) :].copy()
        previous[kept:] = x
    elif len(previous):
        previous[:] = x[-len(previous) :]


@dataclass(frozen=True, eq=False, repr=False)
class ConvTranspose1d:
    """Causal transposed convolution: every input frame adds a window of K frames, `stride` apart.

    Read from its output it is a convolution: the `stride` frames that begin with an input frame are made of it and of
    the ⌈K / stride⌉ − 1 before it (Shi et al. 2016, Real-Time Single Image and Video Super-Resolution, section 3.2).
    """

    conv: Conv1d  # n_in -> stride · n_out
    stride: int

    @classmethod
    def load(cls, w: Weights, n_in: int, n_out: int, kernel_size: int, stride: int) -> "ConvTranspose1d":
        taps = w.take_matrix("weight", (n_in, n_out, kernel_size), (2, 1, 0), n_in)  # [K · n_out, n_in]
        n_frames = -(-kernel_size // stride)
        missing = n_frames * stride - kernel_size
        taps = np.pad(taps, ((0, missing * n_out), (0, 0))).reshape(n_frames, stride * n_out, n_in)
        matrix = taps[::-1].swapaxes(0, 1).reshape(stride * n_out, n_frames * n_in)  # the newest frame comes last
        product = Linear.of(w, matrix, np.tile(w.take("bias", (n_out,)), stride))
        return cls(Conv1d(Windows(n_in, n_frames), product), stride)

    def init_state(self) -> ConvState:
        return self.conv.init_state()

    def __call__(self, x: np.ndarray, state: ConvState) -> np.ndarray:  # [T, n_in] -> [T · stride, n_out]
        return self.conv(x, state).reshape(-1, self.conv.product.n_out // self.stride)


@dataclass(frozen=True, eq=False, repr=False)
class DepthwiseConvTranspose1d:
    """Causal transposed convolution of each channel by itself, without bias."""

    taps: np.ndarray  # [⌈K / stride⌉, stride, C] of the newest frame, of the one before it, …

    @property
    def stride(self) -> int:
        return self.taps.shape[1]

    @classmethod
    def load(cls, w: Weights, channels: int, kernel_size: int, stride: int) -> "DepthwiseConvTranspose1d":
        weight = w.take("weight", (channels, 1, kernel_size))[:, 0].T
        taps = np.pad(weight, ((0, -kernel_size % stride), (0, 0)))
        return cls(taps.reshape(-1, stride, channels))

    def init_state(self) -> ConvState:
        n_frames, _, channels = self.taps.shape
        return ConvState(np.zeros((n_frames - 1, channels), np.float32), started=False)

    def __call__(self, x: np.ndarray, state: ConvState) -> np.ndarray:  # [T, C] -> [T · stride, C]
        frames = np.concatenate([state.previous, x])
        newest = len(state.previous)
        out = sum(frames[newest - i : newest - i + len(x), None] * taps for i, taps in enumerate(self.taps))
        state.previous[:] = frames[len(x) :]
        return np.reshape(out, (-1, x.shape[1]))
