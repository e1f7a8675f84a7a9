"""Streaming convolutions: a loop that gathers windows, or adds them up, around a matrix product."""

import numpy as np

from ..jit import kernel
from .products import matmul

_BLOCK = 64  # windows that are made and multiplied at a time, so that they stay in the cache


@kernel
def _unfold(previous, x, first, stride, dilation, kernel_size, out):
    """Windows first, first + 1, … of a convolution as rows: previous [P, C], x [T, C] -> out [n, K C].

    P = (K − 1) dilation + 1 − stride; window t, tap k is frame t · stride + k · dilation of `previous` and then `x`.
    """
    n_previous, channels = previous.shape
    for t in range(out.shape[0]):
        window = out[t]
        for k in range(kernel_size):
            i = (first + t) * stride + k * dilation
            frame = previous[i] if i < n_previous else x[i - n_previous]
            start = k * channels
            for c in range(channels):
                window[start + c] = frame[c]


@kernel
def conv1d(previous, x, stride, dilation, w, scale, bias, out):
    """Causal convolution: previous [P, C] frames, then x [T, C]; panels of [n_out, K C] -> out [T / stride, n_out]."""
    window_size = w.shape[1]
    kernel_size = window_size // x.shape[1]
    windows = np.empty((_BLOCK, window_size), np.float32)
    for first in range(0, out.shape[0], _BLOCK):
        last = min(first + _BLOCK, out.shape[0])
        block = windows[: last - first]
        _unfold(previous, x, first, stride, dilation, kernel_size, block)
        matmul(block, w, scale, bias, out[first:last])


@kernel
def conv1d_to_one(previous, x, stride, dilation, w, bias, out):
    """The same convolution with a single output: w [1, K C], bias [1] -> out [T / stride, 1]."""
    n_previous, channels = previous.shape
    taps = w.reshape(-1, channels)
    for t in range(out.shape[0]):
        s = bias[0]
        for k in range(taps.shape[0]):
            i = t * stride + k * dilation
            frame, tap = previous[i] if i < n_previous else x[i - n_previous], taps[k]
            for c in range(channels):
                s += frame[c] * tap[c]
        out[t, 0] = s


@kernel
def overlap_add(y, tail, bias, out):
    """Sum of the overlapping windows of a transposed convolution.

    y [T, K, C]: window t covers the frames from t · stride on; tail [K − stride, C]: what earlier windows left over,
    updated in place and without the bias; out [T · stride, C] with stride = K − tail's length.
    """
    n_windows, kernel_size, channels = y.shape
    overlap = tail.shape[0]
    stride = kernel_size - overlap
    total = np.zeros((n_windows * stride + overlap, channels), np.float32)
    for t in range(overlap):
        for c in range(channels):
            total[t, c] = tail[t, c]
    flat = total.reshape(-1)
    for t in range(n_windows):
        frames, window = flat[t * stride * channels : (t * stride + kernel_size) * channels], y[t].reshape(-1)
        for i in range(window.size):
            frames[i] += window[i]
    for t in range(out.shape[0]):
        for c in range(channels):
            out[t, c] = total[t, c] + bias[c]
    for t in range(overlap):
        for c in range(channels):
            tail[t, c] = total[n_windows * stride + t, c]


@kernel
def conv_transpose1d(x, tail, w, scale, bias, out):
    """Transposed convolution: x [T, C], panels of [K n_out, C], tail [K − stride, n_out] -> out [T stride, n_out]."""
    n_out = bias.size
    kernel_size = scale.size // n_out
    stride = kernel_size - tail.shape[0]
    windows = np.empty((_BLOCK, scale.size), np.float32)
    no_bias = np.zeros(scale.size, np.float32)
    for first in range(0, x.shape[0], _BLOCK):
        last = min(first + _BLOCK, x.shape[0])
        block = windows[: last - first]
        matmul(x[first:last], w, scale, no_bias, block)
        overlap_add(block.reshape(-1, kernel_size, n_out), tail, bias, out[first * stride : last * stride])
