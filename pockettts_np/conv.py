"""Streaming causal convolutions: each is a matrix product between two small compiled loops.

`y = conv(x, state)` with `state = conv.init_state()`; the state is advanced in place. The result does not depend on
how the stream is cut: a chunk may be as short as one stride, also shorter than the kernel.
"""

from dataclasses import dataclass

import numpy as np

from . import kernels
from .ops import Linear
from .weights import Weights


@dataclass
class ConvState:
    previous: np.ndarray  # [P, C] the last input frames, still needed
    started: bool  # whether any input has come


@dataclass(frozen=True)
class Conv1d:
    """Causal convolution. Left padding is zeros, or the first frame repeated (`replicate`)."""

    product: Linear  # K · n_in -> n_out, tap by tap
    n_in: int
    kernel_size: int
    stride: int
    dilation: int
    replicate: bool

    @classmethod
    def load(
        cls,
        w: Weights,
        n_in: int,
        n_out: int,
        kernel_size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
        replicate: bool = False,
    ) -> "Conv1d":
        weight = w.take_matrix("weight", (n_out, n_in, kernel_size), (0, 2, 1), kernel_size * n_in)
        product = Linear.of(w, weight, w.take("bias", (n_out,)) if bias else None)
        return cls(product, n_in, kernel_size, stride, dilation, replicate)

    def init_state(self) -> ConvState:
        n_previous = (self.kernel_size - 1) * self.dilation + 1 - self.stride
        return ConvState(np.zeros((n_previous, self.n_in), np.float32), started=False)

    def __call__(self, x: np.ndarray, state: ConvState) -> np.ndarray:  # [T, n_in] -> [T / stride, n_out]
        if self.replicate and not state.started:
            state.previous[:] = x[0]
        state.started = True
        p = self.product
        out = np.empty((len(x) // self.stride, len(p.bias)), np.float32)
        if len(p.bias) == 1:
            kernels.conv1d_to_one(state.previous, x, self.stride, self.dilation, p.panels, p.bias, out)
        else:
            kernels.conv1d(state.previous, x, self.stride, self.dilation, p.panels, p.scale, p.bias, out)
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


@dataclass
class ConvTransposeState:
    tail: np.ndarray  # [K − stride, n_out] what past windows add to frames to come, without the bias


@dataclass(frozen=True)
class ConvTranspose1d:
    """Causal transposed convolution: every input frame adds a window of K frames, `stride` apart."""

    product: Linear  # n_in -> K · n_out, no bias
    bias: np.ndarray  # [n_out]
    kernel_size: int
    stride: int

    @classmethod
    def load(cls, w: Weights, n_in: int, n_out: int, kernel_size: int, stride: int) -> "ConvTranspose1d":
        weight = w.take_matrix("weight", (n_in, n_out, kernel_size), (2, 1, 0), n_in)
        return cls(Linear.of(w, weight), w.take("bias", (n_out,)), kernel_size, stride)

    def init_state(self) -> ConvTransposeState:
        return ConvTransposeState(np.zeros((self.kernel_size - self.stride, len(self.bias)), np.float32))

    def __call__(self, x: np.ndarray, state: ConvTransposeState) -> np.ndarray:  # [T, n_in] -> [T · stride, n_out]
        out = np.empty((len(x) * self.stride, len(self.bias)), np.float32)
        kernels.conv_transpose1d(x, state.tail, self.product.panels, self.product.scale, self.bias, out)
        return out


@dataclass(frozen=True)
class DepthwiseConvTranspose1d:
    """Causal transposed convolution of each channel by itself, without bias."""

    weight: np.ndarray  # [K, C]
    stride: int

    @classmethod
    def load(cls, w: Weights, channels: int, kernel_size: int, stride: int) -> "DepthwiseConvTranspose1d":
        weight = w.take("weight", (channels, 1, kernel_size))[:, 0].T
        return cls(np.ascontiguousarray(weight), stride)

    def init_state(self) -> ConvTransposeState:
        return ConvTransposeState(np.zeros((len(self.weight) - self.stride, self.weight.shape[1]), np.float32))

    def __call__(self, x: np.ndarray, state: ConvTransposeState) -> np.ndarray:  # [T, C] -> [T · stride, C]
        windows = x[:, None, :] * self.weight
        out = np.empty((len(x) * self.stride, x.shape[1]), np.float32)
        kernels.overlap_add(windows, state.tail, np.zeros(x.shape[1], np.float32), out)
        return out
