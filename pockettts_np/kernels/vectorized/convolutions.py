"""Streaming convolutions: a matrix product whose rows are windows of the stream."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .elementwise import elu
from .products import matmul, shifted


def _windows(frames: np.ndarray, stride: int, dilation: int, n_windows: int, kernel_size: int) -> np.ndarray:
    """Windows of frames [n, C] as rows [n_windows, K C]: window t, tap k is frame t · stride + k · dilation.

    Windows that overlap are copied, as BLAS takes no rows that do.
    """
    n_channels = frames.shape[1]
    frame_bytes, number_bytes = frames.strides
    shape = n_windows, kernel_size, n_channels
    windows = as_strided(frames, shape, (stride * frame_bytes, dilation * frame_bytes, number_bytes))
    return np.ascontiguousarray(windows).reshape(n_windows, kernel_size * n_channels)


def conv1d(
    previous: np.ndarray,
    x: np.ndarray,
    stride: int,
    dilation: int,
    w: np.ndarray,
    scale: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
) -> None:
    """Causal convolution: previous [P, C] frames, then x [T, C]; panels of [n_out, K C] -> out [T / stride, n_out].

    P = (K − 1) dilation + 1 − stride.
    """
    frames = np.concatenate([previous, x])
    matmul(_windows(frames, stride, dilation, len(out), w.shape[1] // x.shape[1]), w, scale, bias, out)


def residual_block(
    previous: np.ndarray,
    x: np.ndarray,
    dilation: int,
    w1: np.ndarray,
    bias1: np.ndarray,
    w2: np.ndarray,
    bias2: np.ndarray,
) -> None:
    """x += conv(elu(conv(elu(x)))), the first convolution of kernel K and dilated, the second of kernel 1.

    x [T, C]; previous [(K − 1) dilation, C] frames of elu(x), brought up to date; panels of [h, K C] and [C, h].
    """
    frames = np.concatenate([previous, x])
    elu(frames[len(previous) :])
    hidden = shifted(_windows(frames, 1, dilation, len(x), w1.shape[1] // x.shape[1]), w1, bias1)
    elu(hidden)
    x += shifted(hidden, w2, bias2)
    previous[:] = frames[len(x) :]


def conv1d_to_one(
    previous: np.ndarray, x: np.ndarray, stride: int, dilation: int, w: np.ndarray, bias: np.ndarray, out: np.ndarray
) -> None:
    """The same convolution with a single output: w [1, K C], bias [1] -> out [T / stride, 1]."""
    taps = w.reshape(-1, x.shape[1])
    parts = taps @ np.concatenate([previous, x]).T  # [K, P + T] what each frame adds through each tap
    out[:] = bias
    for k, part in enumerate(parts):
        out[:, 0] += part[k * dilation :: stride][: len(out)]
