"""Every compiled loop of the package; only this module and `simd`, the tile of its matrix products, import Numba.

One policy for all kernels: compiled on first use and cached on disk; the GIL released, so that the language model and
the decoder overlap; NumPy's division rules; floating-point sums may be reordered, but NaN and infinity keep their
meaning. Kernels trust their callers: shapes and dtypes are checked where data enters the package.

Matrices [n_out, n_in] are stored as panels [P, n_in, 32] of float32, bfloat16, float16 or int8 (see `simd`); each
output has a float32 `scale`, which carries the quantisation step or the layer scale and is one elsewhere.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from . import simd

_JIT: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}
_ZERO = np.float32(0)
_ONE = np.float32(1)


class StackWeights(NamedTuple):
    """Weights of a transformer's L layers, stacked along the first axis; matrices as panels."""

    norm1: np.ndarray  # [L, 2, d] weight, bias
    norm2: np.ndarray  # [L, 2, d]
    in_proj: np.ndarray  # [L, P, d, 32] queries, keys, values: (n_heads + 2 n_kv_heads) D outputs
    in_scale: np.ndarray  # [L, (n_heads + 2 n_kv_heads) D]
    out_proj: np.ndarray  # [L, P, n_heads D, 32]
    out_scale: np.ndarray  # [L, d]
    linear1: np.ndarray  # [L, P, d, 32]
    scale1: np.ndarray  # [L, F]
    linear2: np.ndarray  # [L, P, F, 32]
    scale2: np.ndarray  # [L, d]


class FlowWeights(NamedTuple):
    """Weights of the flow net: n blocks `h` wide, stacked, and its first and last layer; matrices as panels."""

    in_proj: np.ndarray  # [P, latent_dim, 32]
    in_bias: np.ndarray  # [h]
    modulation: np.ndarray  # [n, P, h, 32] shift, scale and gate of each block
    modulation_scale: np.ndarray  # [n, 3 h]
    modulation_bias: np.ndarray  # [n, 3 h]
    last_modulation: np.ndarray  # [P, h, 32] shift and scale before the last layer
    last_modulation_scale: np.ndarray  # [2 h]
    last_modulation_bias: np.ndarray  # [2 h]
    norm: np.ndarray  # [n, 2, h] weight, bias
    linear1: np.ndarray  # [n, P, h, 32]
    scale1: np.ndarray  # [n, h]
    bias1: np.ndarray  # [n, h]
    linear2: np.ndarray  # [n, P, h, 32]
    scale2: np.ndarray  # [n, h]
    bias2: np.ndarray  # [n, h]
    out_proj: np.ndarray  # [P, h, 32]
    out_bias: np.ndarray  # [latent_dim]


# ---------------------------------------------------------------- element by element


@njit(**_JIT)
def _expm1_of_part(x):
    """exp(x / 32) − 1 for x ≤ 0, which counts as −20 below that: Taylor's series.

    No table and no bit tricks, so that every compiler turns it into vector instructions (libm's expm1 does not).
    """
    y = (np.float32(-20) if x < np.float32(-20) else x) * np.float32(1 / 32)
    u = np.float32(1 / 720)
    u = u * y + np.float32(1 / 120)
    u = u * y + np.float32(1 / 24)
    u = u * y + np.float32(1 / 6)
    u = u * y + np.float32(1 / 2)
    u = u * y + _ONE
    return u * y


@njit(**_JIT)
def _expm1_of_negative(x):
    """exp(x) − 1 for x ≤ 0, within 2e-7: five times e^2y − 1 = u (u + 2), which damps the error as e^x falls."""
    u = _expm1_of_part(x)
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    return u * (u + np.float32(2))


@njit(**_JIT)
def _exp_of_negative(x):
    """exp(x) for −20 ≤ x ≤ 0, within 4e-6 of itself, so that a sum of thousands stays right."""
    e = _ONE + _expm1_of_part(x)
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@njit(**_JIT)
def _sigmoid(x):
    e = _ONE + _expm1_of_negative(-abs(x))
    return (e if x < _ZERO else _ONE) / (_ONE + e)


@njit(**_JIT)
def elu(x):
    """ELU with alpha 1 (Clevert et al. 2015) of a contiguous array, in place."""
    flat = x.reshape(-1)
    for i in range(flat.size):
        v = flat[i]
        flat[i] = _expm1_of_negative(v) if v < _ZERO else v


@njit(**_JIT)
def silu(x):
    """x · sigmoid(x) in place."""  # [n]
    for i in range(x.size):
        x[i] *= _sigmoid(x[i])


@njit(**_JIT)
def gelu(x):
    """GELU in place, tanh form: x (1 + tanh u) / 2 = x · sigmoid(2u) with u = √(2/π) (x + 0.044715 x³)."""
    flat = x.reshape(-1)
    for i in range(flat.size):
        v = flat[i]
        flat[i] = v * _sigmoid(np.float32(1.5957691216057308) * (v + np.float32(0.044715) * v * v * v))


@njit(**_JIT)
def layer_norm(x, weight, bias, eps, out):
    """LayerNorm of each row: [T, d], [d], [d] -> [T, d]."""
    d = x.shape[1]
    for t in range(x.shape[0]):
        row, to = x[t], out[t]
        total = _ZERO
        for i in range(d):
            total += row[i]
        mean = total / np.float32(d)
        squares = _ZERO
        for i in range(d):
            squares += (row[i] - mean) * (row[i] - mean)
        rstd = _ONE / np.sqrt(squares / np.float32(d) + np.float32(eps))
        for i in range(d):
            to[i] = (row[i] - mean) * rstd * weight[i] + bias[i]


# ---------------------------------------------------------------- matrix products


_tile = simd.make_tile(simd.TILE_ROWS, 1)
_tile_2 = simd.make_tile(2, 1)
_tile_1 = simd.make_tile(1, 1)
_streams = simd.make_tile(1, simd.STREAMS)


@njit(**_JIT)
def _store(sums, row, first, scale, bias, out):
    """Rows of sums [n, COLUMNS], times scale plus bias, into out [T, n_out] from row `row` and column `first` on."""
    n_columns = min(sums.shape[1], out.shape[1] - first)
    for i in range(sums.shape[0]):
        to, of = out[row + i], sums[i]
        for j in range(n_columns):
            to[first + j] = of[j] * scale[first + j] + bias[first + j]


@njit(**_JIT)
def _product_of_row(x, w, first, scale, bias, out):
    """The product of one row: several distant panels at once, because one stream of memory is limited by the hardware
    prefetcher, which stops at each 4 KiB page; eight read about twice as fast."""
    sums = np.empty((simd.STREAMS, simd.COLUMNS), np.float32)
    stride = w.shape[0] // simd.STREAMS
    for p in range(stride):
        for column in range(0, simd.PANEL, simd.COLUMNS):
            _streams(x, 0, w, p, stride, first, column, sums)
            for i in range(simd.STREAMS):
                _store(sums[i : i + 1], 0, (p + i * stride) * simd.PANEL + column, scale, bias, out)
    for p in range(stride * simd.STREAMS, w.shape[0]):
        for column in range(0, simd.PANEL, simd.COLUMNS):
            _tile_1(x, 0, w, p, 1, first, column, sums)
            _store(sums[:1], 0, p * simd.PANEL + column, scale, bias, out)


@njit(**_JIT)
def _product(x, w, first, scale, bias, out):
    """`matmul` with the n_in inputs from `first` on of panels [P, N, 32] that may have more."""
    n_rows = x.shape[0]
    if n_rows == 1:
        _product_of_row(x, w, first, scale, bias, out)
        return
    sums = np.empty((simd.TILE_ROWS, simd.COLUMNS), np.float32)
    for p in range(w.shape[0]):
        for column in range(0, simd.PANEL, simd.COLUMNS):
            place = p * simd.PANEL + column
            t = 0
            while t + simd.TILE_ROWS <= n_rows:
                _tile(x, t, w, p, 1, first, column, sums)
                _store(sums, t, place, scale, bias, out)
                t += simd.TILE_ROWS
            while t + 2 <= n_rows:
                _tile_2(x, t, w, p, 1, first, column, sums)
                _store(sums[:2], t, place, scale, bias, out)
                t += 2
            if t < n_rows:
                _tile_1(x, t, w, p, 1, first, column, sums)
                _store(sums[:1], t, place, scale, bias, out)


@njit(**_JIT)
def matmul(x, w, scale, bias, out):
    """out = (x @ w.T) · scale + bias: [T, n_in], panels [P, n_in, 32], [n_out], [n_out] -> [T, n_out].

    A row's result does not depend on the number of rows.
    """
    _product(x, w, 0, scale, bias, out)


@njit(**_JIT)
def dot_rows(x, w, bias, out):
    """out = x @ w + bias for a single output: [T, n_in], [n_in] -> [T]."""
    for t in range(x.shape[0]):
        row, s = x[t], _ZERO
        for k in range(w.size):
            s += row[k] * w[k]
        out[t] = s + bias


# ---------------------------------------------------------------- convolutions


_BLOCK = 64  # windows that are made and multiplied at a time, so that they stay in the cache


@njit(**_JIT)
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


@njit(**_JIT)
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


@njit(**_JIT)
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


@njit(**_JIT)
def overlap_add(y, tail, bias, out):
    """Sum of the overlapping windows of a transposed convolution.

    y [T, K, C]: window t covers the frames from t · stride on; tail [K − stride, C]: what earlier windows left over,
    updated in place and without the bias; out [T · stride, C] with stride = K − tail's length.
    """
    n_windows, kernel, channels = y.shape
    overlap = tail.shape[0]
    stride = kernel - overlap
    total = np.zeros((n_windows * stride + overlap, channels), np.float32)
    total[:overlap] = tail
    flat = total.reshape(-1)
    for t in range(n_windows):
        frames, window = flat[t * stride * channels : (t * stride + kernel) * channels], y[t].reshape(-1)
        for i in range(window.size):
            frames[i] += window[i]
    for t in range(out.shape[0]):
        for c in range(channels):
            out[t, c] = total[t, c] + bias[c]
    tail[:] = total[n_windows * stride :]


@njit(**_JIT)
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


# ---------------------------------------------------------------- transformer


@njit(**_JIT)
def rope(x, position, inv_freq):
    """Rotate each interleaved pair (2i, 2i + 1) by angle position · inv_freq[i], in place: x [T, H, D], inv_freq [D/2].

    Su et al. 2021, RoFormer, section 3.4.
    """
    for t in range(x.shape[0]):
        for i in range(inv_freq.size):
            angle = inv_freq[i] * np.float32(position + t)
            c, s = np.cos(angle), np.sin(angle)
            for h in range(x.shape[1]):
                a, b = x[t, h, 2 * i], x[t, h, 2 * i + 1]
                x[t, h, 2 * i] = a * c - b * s
                x[t, h, 2 * i + 1] = a * s + b * c


@njit(**_JIT)
def _softmax(scores, first, last):
    """Softmax over entries first..last−1 of [n], in place; the others become zero."""
    scores[:first] = _ZERO
    scores[last:] = _ZERO
    highest = scores[first]
    for j in range(first, last):
        highest = max(highest, scores[j])
    total = _ZERO
    for j in range(first, last):
        e = _exp_of_negative(scores[j] - highest)
        scores[j] = e
        total += e
    for j in range(first, last):
        scores[j] /= total


@njit(**_JIT)
def attention(q, k, v, n_rows, context, out):
    """Causal attention of T new queries over a cache that already holds their keys and values.

    q [T, H, D] already scaled by 1/√D; k [H_kv, capacity / 32, D, 32] and v [H_kv, ceil(D / 32), capacity, 32] are
    panels, so that scores and weighted sums are matrix products. Rows n_rows..n_rows + T − 1 belong to the queries;
    each query sees itself and the `context` − 1 rows before it. Rows after the last may hold anything finite.
    out [T, H, D]. Each key-value head serves H / H_kv query heads (Ainslie et al. 2023, GQA).
    """
    n_new, n_heads, dim = q.shape
    group = n_heads // k.shape[0]
    first_panel = max(0, n_rows + 1 - context) // simd.PANEL  # with the oldest row that any query sees
    end_panel = -(-(n_rows + n_new) // simd.PANEL)
    start = first_panel * simd.PANEL
    queries = np.empty((n_new, dim), np.float32)
    sums = np.empty((n_new, dim), np.float32)
    scores = np.empty((n_new, end_panel * simd.PANEL - start), np.float32)
    unit_scale = np.ones(max(scores.shape[1], dim), np.float32)
    no_bias = np.zeros(unit_scale.size, np.float32)
    for h in range(n_heads):
        queries[:] = q[:, h]
        _product(queries, k[h // group, first_panel:end_panel], 0, unit_scale, no_bias, scores)
        for t in range(n_new):
            last = n_rows + t + 1
            _softmax(scores[t], max(0, last - context) - start, last - start)
        _product(scores, v[h // group], start, unit_scale, no_bias, sums)
        out[:, h] = sums


@njit(**_JIT)
def _split_heads(projected, k, v, n_rows, position, inv_freq, queries):
    """Projected rows [T, (H + 2 H_kv) D] -> rotated, scaled `queries` [T, H, D]; keys and values into the cache."""
    n_new, n_heads, dim = queries.shape
    n_kv_heads = k.shape[0]
    heads = projected.reshape(n_new, n_heads + 2 * n_kv_heads, dim)
    rope(heads[:, : n_heads + n_kv_heads], position, inv_freq)
    queries[:] = heads[:, :n_heads] * np.float32(1 / np.sqrt(dim))
    for t in range(n_new):
        row = n_rows + t
        panel, column = row // simd.PANEL, row % simd.PANEL
        for h in range(n_kv_heads):
            key, value = heads[t, n_heads + h], heads[t, n_heads + n_kv_heads + h]
            for i in range(dim):
                k[h, panel, i, column] = simd.convert(key[i], k)
                v[h, i // simd.PANEL, row, i % simd.PANEL] = simd.convert(value[i], v)


@njit(**_JIT)
def transformer(x, keys, values, n_rows, position, context, inv_freq, w):
    """All layers of a pre-norm transformer on T new rows, in place.

    x [T, d]; keys and values of the L layers as in `attention`, of which `n_rows` rows are filled and the next T are
    written; `position` of the first row for RoPE; w: StackWeights. A layer is x += out(attention(in(norm1 x))), then
    x += linear2(gelu(linear1(norm2 x))).
    """
    n_new, width = x.shape
    dim = keys.shape[3]
    n_heads = w.out_proj.shape[2] // dim
    normed = np.empty((n_new, width), np.float32)
    projected = np.empty((n_new, w.in_scale.shape[1]), np.float32)
    queries = np.empty((n_new, n_heads, dim), np.float32)
    attended = np.empty((n_new, n_heads, dim), np.float32)
    hidden = np.empty((n_new, w.scale1.shape[1]), np.float32)
    update = np.empty((n_new, width), np.float32)
    no_bias = np.zeros(max(projected.shape[1], hidden.shape[1], width), np.float32)
    for layer in range(keys.shape[0]):
        layer_norm(x, w.norm1[layer, 0], w.norm1[layer, 1], 1e-5, normed)
        matmul(normed, w.in_proj[layer], w.in_scale[layer], no_bias, projected)
        _split_heads(projected, keys[layer], values[layer], n_rows, position, inv_freq, queries)
        attention(queries, keys[layer], values[layer], n_rows, context, attended)
        matmul(attended.reshape(n_new, -1), w.out_proj[layer], w.out_scale[layer], no_bias, update)
        x += update
        layer_norm(x, w.norm2[layer, 0], w.norm2[layer, 1], 1e-5, normed)
        matmul(normed, w.linear1[layer], w.scale1[layer], no_bias, hidden)
        gelu(hidden)
        matmul(hidden, w.linear2[layer], w.scale2[layer], no_bias, update)
        x += update


# ---------------------------------------------------------------- flow net


@njit(**_JIT)
def _modulated_norm(x, weight, bias, shift, scale, out):
    """LayerNorm (eps 1e-6) followed by · (1 + scale) + shift: [1, h] and four vectors [h] -> [1, h]."""
    layer_norm(x, weight, bias, 1e-6, out)
    for i in range(out.size):
        out[0, i] = out[0, i] * (_ONE + scale[i]) + shift[i]


@njit(**_JIT)
def flow_net(x, condition, w, out):
    """One evaluation of the AdaLN network: x [latent_dim], condition [h] -> out [latent_dim]; w: FlowWeights.

    Li et al. 2024, Autoregressive Image Generation without Vector Quantization, section 4.3; the blocks are
    x += gate · linear2(silu(linear1(norm(x) (1 + scale) + shift))), all modulations one product of silu(condition).
    """
    width = condition.size
    n_blocks = w.norm.shape[0]
    unit_scale = np.ones(max(width, out.size), np.float32)
    active = condition.copy()
    silu(active)
    active = active.reshape(1, -1)
    parts = np.empty((3, width), np.float32)
    h = np.empty((1, width), np.float32)
    normed = np.empty((1, width), np.float32)
    hidden = np.empty((1, width), np.float32)
    matmul(x.reshape(1, -1), w.in_proj, unit_scale, w.in_bias, h)
    for i in range(n_blocks):
        matmul(active, w.modulation[i], w.modulation_scale[i], w.modulation_bias[i], parts.reshape(1, -1))
        _modulated_norm(h, w.norm[i, 0], w.norm[i, 1], parts[0], parts[1], normed)
        matmul(normed, w.linear1[i], w.scale1[i], w.bias1[i], hidden)
        silu(hidden[0])
        matmul(hidden, w.linear2[i], w.scale2[i], w.bias2[i], normed)
        h += parts[2] * normed
    matmul(active, w.last_modulation, w.last_modulation_scale, w.last_modulation_bias, parts[:2].reshape(1, -1))
    _modulated_norm(h, unit_scale[:width], np.zeros(width, np.float32), parts[0], parts[1], normed)
    matmul(normed, w.out_proj, unit_scale, w.out_bias, out.reshape(1, -1))
