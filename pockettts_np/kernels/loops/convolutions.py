"""Streaming convolutions: a matrix product whose rows are windows of the stream."""

from ..scratch import RESIDUAL_BLOCK
from .compiled import kernel
from .elementwise import add, copy, elu
from .products import matmul
from .scratch import ones, take
from .views import matrix, overlapping


@kernel
def _unfold(frames, stride, dilation, n_windows, kernel_size, scratch):
    """Dilated windows of frames [n, C], one after another: [n_windows · K, C]."""
    windows, _ = take(scratch, n_windows * kernel_size, frames.shape[1])
    for t in range(n_windows):
        for k in range(kernel_size):
            frame = t * stride + k * dilation
            to = t * kernel_size + k
            copy(frames[frame : frame + 1], windows[to : to + 1])
    return windows


@kernel
def _windows(frames, stride, dilation, n_windows, kernel_size, scratch):
    """Windows of frames [n, C] as rows [n_windows, K C]: window t, tap k is frame t · stride + k · dilation.

    Without dilation a window is a piece of the stream as it lies in memory: windows overlap, and nothing is copied.
    """
    channels = frames.shape[1]
    if dilation > 1:
        frames, stride = _unfold(frames, stride, dilation, n_windows, kernel_size, scratch), kernel_size
    return overlapping(frames, n_windows, kernel_size * channels, stride * channels)


@kernel
def _joined(previous, x, scratch):
    """previous [P, C] and x [T, C] as one array, and what is left of the scratch."""
    frames, scratch = take(scratch, previous.shape[0] + x.shape[0], x.shape[1])
    copy(previous, frames)
    copy(x, frames[previous.shape[0] :])
    return frames, scratch


@kernel
def conv1d(previous, x, stride, dilation, w, scale, bias, out, scratch):
    """Causal convolution: previous [P, C] frames, then x [T, C]; panels of [n_out, K C] -> out [T / stride, n_out].

    P = (K − 1) dilation + 1 − stride.
    """
    frames, scratch = _joined(previous, x, scratch)
    windows = _windows(frames, stride, dilation, out.shape[0], w.shape[1] // x.shape[1], scratch)
    matmul(windows, w, scale, bias, out)


@kernel
def residual_block(previous, x, dilation, w1, bias1, w2, bias2, scratch):
    """x += conv(elu(conv(elu(x)))), the first convolution of kernel K and dilated, the second of kernel 1.

    x [T, C]; previous [(K − 1) dilation, C] frames of elu(x), brought up to date; panels of [h, K C] and [C, h].
    """
    frames, scratch = _joined(previous, x, scratch)
    elu(frames[previous.shape[0] :])
    hidden, scratch = take(scratch, RESIDUAL_BLOCK, bias1.size)
    update, scratch = take(scratch, RESIDUAL_BLOCK, bias2.size)
    unit_scale, scratch = ones(scratch, max(bias1.size, bias2.size))
    windows = _windows(frames, 1, dilation, x.shape[0], w1.shape[1] // x.shape[1], scratch)
    for first in range(0, x.shape[0], RESIDUAL_BLOCK):
        last = min(first + RESIDUAL_BLOCK, x.shape[0])
        block = hidden[: last - first]
        matmul(windows[first:last], w1, unit_scale, bias1, block)
        elu(block)
        matmul(block, w2, unit_scale, bias2, update[: last - first])
        add(x[first:last], update)
    copy(frames[x.shape[0] :], previous)


@kernel
def conv1d_to_one(previous, x, stride, dilation, w, bias, out):
    """The same convolution with a single output: w [1, K C], bias [1] -> out [T / stride, 1]."""
    n_previous, channels = previous.shape
    taps = matrix(w, w.size // channels, channels)
    for t in range(out.shape[0]):
        s = bias[0]
        for k in range(taps.shape[0]):
            i = t * stride + k * dilation
            frame, tap = previous[i] if i < n_previous else x[i - n_previous], taps[k]
            for c in range(channels):
                s += frame[c] * tap[c]
        out[t, 0] = s
