"""Every compiled loop of the package; the only module that imports Numba.

One policy for all kernels: compiled on first use and cached on disk; the GIL released, so that the language model and
the decoder overlap; NumPy's division rules; floating-point sums may be reordered, but NaN and infinity keep their
meaning. Kernels trust their callers: shapes and dtypes are checked where data enters the package.

Matrices are stored as `[n_out, n_in]`, the layout of the checkpoints, so that they are used where they lie in the
file. Each row has a float32 `scale`: it carries the int8 quantisation step or the layer scale, and is one elsewhere.
The same source serves float32 and int8 weights: Numba compiles it once for each.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

_JIT: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}
_ZERO = np.float32(0)
_ONE = np.float32(1)


class StackWeights(NamedTuple):
    """Weights of a transformer's L layers, stacked along the first axis."""

    norm1: np.ndarray  # [L, 2, d] weight, bias
    norm2: np.ndarray  # [L, 2, d]
    in_proj: np.ndarray  # [L, (n_heads + 2 n_kv_heads) D, d] queries, keys, values
    in_scale: np.ndarray  # [L, (n_heads + 2 n_kv_heads) D]
    out_proj: np.ndarray  # [L, d, n_heads D]
    out_scale: np.ndarray  # [L, d]
    linear1: np.ndarray  # [L, F, d]
    scale1: np.ndarray  # [L, F]
    linear2: np.ndarray  # [L, d, F]
    scale2: np.ndarray  # [L, d]


class FlowWeights(NamedTuple):
    """Weights of the flow net: n blocks `h` wide, stacked, and its first and last layer."""

    in_proj: np.ndarray  # [h, latent_dim]
    in_scale: np.ndarray  # [h]
    in_bias: np.ndarray  # [h]
    modulation: np.ndarray  # [(3 n + 2) h, h] shift, scale, gate of each block, then shift and scale of the end
    modulation_scale: np.ndarray  # [(3 n + 2) h]
    modulation_bias: np.ndarray  # [(3 n + 2) h]
    norm: np.ndarray  # [n, 2, h] weight, bias
    linear1: np.ndarray  # [n, h, h]
    scale1: np.ndarray  # [n, h]
    bias1: np.ndarray  # [n, h]
    linear2: np.ndarray  # [n, h, h]
    scale2: np.ndarray  # [n, h]
    bias2: np.ndarray  # [n, h]
    out_proj: np.ndarray  # [latent_dim, h]
    out_scale: np.ndarray  # [latent_dim]
    out_bias: np.ndarray  # [latent_dim]


# ---------------------------------------------------------------- element by element


@njit(**_JIT)
def _expm1_of_negative(x):
    """exp(x) − 1 for x ≤ 0: Taylor's series at x/32, doubled five times by e^2y − 1 = u (u + 2).

    The absolute error stays under 2e-7: each doubling multiplies it by 2 (u + 1), which goes to zero with e^x.
    No table and no bit tricks, so that every compiler turns it into vector instructions (libm's expm1 does not).
    """
    y = (np.float32(-20) if x < np.float32(-20) else x) * np.float32(1 / 32)
    u = np.float32(1 / 720)
    u = u * y + np.float32(1 / 120)
    u = u * y + np.float32(1 / 24)
    u = u * y + np.float32(1 / 6)
    u = u * y + np.float32(1 / 2)
    u = u * y + _ONE
    u = u * y
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    return u * (u + np.float32(2))


@njit(**_JIT)
def _sigmoid(x):
    e = _ONE + _expm1_of_negative(-abs(x))
    return (e if x < _ZERO else _ONE) / (_ONE + e)


@njit(**_JIT)
def elu(x, out):
    """ELU with alpha 1, element by element; `x` and `out` are contiguous and may be the same array."""
    a, b = x.reshape(-1), out.reshape(-1)
    for i in range(a.size):
        v = a[i]
        b[i] = _expm1_of_negative(v) if v < _ZERO else v


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


@njit(**_JIT)
def matvec(w, scale, x, out):
    """out = scale · (w @ x): [n_out, n_in], [n_out], [n_in] -> [n_out].

    Eight rows at a time from eight distant places: one stream of memory is limited by the hardware prefetcher, which
    stops at each 4 KiB page; eight read about twice as fast.
    """
    n_out, n_in = w.shape
    step = n_out // 8
    for n in range(step):
        w0, w1, w2, w3 = w[n], w[n + step], w[n + 2 * step], w[n + 3 * step]
        w4, w5, w6, w7 = w[n + 4 * step], w[n + 5 * step], w[n + 6 * step], w[n + 7 * step]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = _ZERO
        for k in range(n_in):
            v = x[k]
            s0 += np.float32(w0[k]) * v
            s1 += np.float32(w1[k]) * v
            s2 += np.float32(w2[k]) * v
            s3 += np.float32(w3[k]) * v
            s4 += np.float32(w4[k]) * v
            s5 += np.float32(w5[k]) * v
            s6 += np.float32(w6[k]) * v
            s7 += np.float32(w7[k]) * v
        out[n], out[n + step], out[n + 2 * step], out[n + 3 * step] = s0, s1, s2, s3
        out[n + 4 * step], out[n + 5 * step], out[n + 6 * step], out[n + 7 * step] = s4, s5, s6, s7
    for n in range(8 * step, n_out):
        row, s = w[n], _ZERO
        for k in range(n_in):
            s += np.float32(row[k]) * x[k]
        out[n] = s
    for n in range(n_out):
        out[n] *= scale[n]


@njit(**_JIT)
def _matmul_4x4(x, m, w, n, step, scale, out):
    """Rows m..m+3 of x times rows n, n + step, n + 2 step, n + 3 step of w: sixteen sums in registers."""
    x0, x1, x2, x3 = x[m], x[m + 1], x[m + 2], x[m + 3]
    w0, w1, w2, w3 = w[n], w[n + step], w[n + 2 * step], w[n + 3 * step]
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = _ZERO
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = _ZERO
    for k in range(x.shape[1]):
        a0, a1, a2, a3 = x0[k], x1[k], x2[k], x3[k]
        b0, b1, b2, b3 = np.float32(w0[k]), np.float32(w1[k]), np.float32(w2[k]), np.float32(w3[k])
        s00 += a0 * b0
        s01 += a0 * b1
        s02 += a0 * b2
        s03 += a0 * b3
        s10 += a1 * b0
        s11 += a1 * b1
        s12 += a1 * b2
        s13 += a1 * b3
        s20 += a2 * b0
        s21 += a2 * b1
        s22 += a2 * b2
        s23 += a2 * b3
        s30 += a3 * b0
        s31 += a3 * b1
        s32 += a3 * b2
        s33 += a3 * b3
    n1, n2, n3 = n + step, n + 2 * step, n + 3 * step
    c0, c1, c2, c3 = scale[n], scale[n1], scale[n2], scale[n3]
    out[m, n], out[m, n1], out[m, n2], out[m, n3] = s00 * c0, s01 * c1, s02 * c2, s03 * c3
    out[m + 1, n], out[m + 1, n1], out[m + 1, n2], out[m + 1, n3] = s10 * c0, s11 * c1, s12 * c2, s13 * c3
    out[m + 2, n], out[m + 2, n1], out[m + 2, n2], out[m + 2, n3] = s20 * c0, s21 * c1, s22 * c2, s23 * c3
    out[m + 3, n], out[m + 3, n1], out[m + 3, n2], out[m + 3, n3] = s30 * c0, s31 * c1, s32 * c2, s33 * c3


@njit(**_JIT)
def matmul(x, w, scale, out):
    """out = (x @ w.T) · scale: [T, n_in], [n_out, n_in], [n_out] -> [T, n_out].

    Meant for few rows, where it beats BLAS (16 rows: 80–90 against 45–65 GFLOP/s) and reads `w` once.
    """
    rows = x.shape[0] // 4 * 4
    n_out = w.shape[0]
    step = n_out // 4
    if rows:
        for n in range(step):
            for m in range(0, rows, 4):
                _matmul_4x4(x, m, w, n, step, scale, out)
        for n in range(4 * step, n_out):
            for m in range(rows):
                s = _ZERO
                for k in range(x.shape[1]):
                    s += x[m, k] * np.float32(w[n, k])
                out[m, n] = s * scale[n]
    for m in range(rows, x.shape[0]):
        matvec(w, scale, x[m], out[m])


# ---------------------------------------------------------------- convolutions


@njit(**_JIT)
def unfold(previous, x, stride, dilation, out):
    """The windows of a convolution as rows: [P, C], [T, C] -> out [T // stride, K, C].

    P = (K − 1) dilation + 1 − stride; window t, tap k is frame t · stride + k · dilation of `previous` followed by `x`.
    """
    n_previous = previous.shape[0]
    for t in range(out.shape[0]):
        for k in range(out.shape[1]):
            i = t * stride + k * dilation
            row = previous[i] if i < n_previous else x[i - n_previous]
            to = out[t, k]
            for c in range(row.size):
                to[c] = row[c]


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
        e = _ONE + _expm1_of_negative(scores[j] - highest)
        scores[j] = e
        total += e
    for j in range(first, last):
        scores[j] /= total


@njit(**_JIT)
def _weighted_sums(p, v, out):
    """out = p @ v: [T, n], [n, D] -> [T, D]; four rows of v at a time, so that `out` is read and written less."""
    n = v.shape[0]
    for t in range(p.shape[0]):
        to, weights = out[t], p[t]
        to[:] = _ZERO
        for j in range(0, n - 3, 4):
            p0, p1, p2, p3 = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
            v0, v1, v2, v3 = v[j], v[j + 1], v[j + 2], v[j + 3]
            for i in range(to.size):
                to[i] += p0 * v0[i] + p1 * v1[i] + p2 * v2[i] + p3 * v3[i]
        for j in range(n // 4 * 4, n):
            weight, row = weights[j], v[j]
            for i in range(to.size):
                to[i] += weight * row[i]


@njit(**_JIT)
def attention(q, kv, n_rows, context, out):
    """Causal attention of T new queries over a cache that already holds their keys and values.

    q [T, H, D] already scaled by 1/√D; kv [2, H_kv, capacity, D], its rows n_rows..n_rows + T − 1 belonging to the
    queries; each query sees itself and the `context` − 1 rows before it. out [T, H, D]. Each key-value head serves
    H / H_kv query heads (Ainslie et al. 2023, GQA).
    """
    n_new, n_heads, dim = q.shape
    group = n_heads // kv.shape[1]
    first = max(0, n_rows + 1 - context)  # the oldest row that any query sees
    n_keys = n_rows + n_new - first
    queries = np.empty((n_new, dim), np.float32)
    sums = np.empty((n_new, dim), np.float32)
    scores = np.empty((n_new, n_keys), np.float32)
    unit_scale = np.ones(n_keys, np.float32)
    for h in range(n_heads):
        queries[:] = q[:, h]
        matmul(queries, kv[0, h // group, first : first + n_keys], unit_scale, scores)
        for t in range(n_new):
            last = n_rows + t + 1
            _softmax(scores[t], max(0, last - context) - first, last - first)
        _weighted_sums(scores, kv[1, h // group, first : first + n_keys], sums)
        out[:, h] = sums


@njit(**_JIT)
def _split_heads(projected, kv, n_rows, position, inv_freq, queries):
    """Projected rows [T, (H + 2 H_kv) D] -> rotated, scaled `queries` [T, H, D]; keys and values into the cache."""
    n_new, n_heads, dim = queries.shape
    n_kv_heads = kv.shape[1]
    heads = projected.reshape(n_new, n_heads + 2 * n_kv_heads, dim)
    rope(heads[:, : n_heads + n_kv_heads], position, inv_freq)
    queries[:] = heads[:, :n_heads] * np.float32(1 / np.sqrt(dim))
    for t in range(n_new):
        for h in range(n_kv_heads):
            kv[0, h, n_rows + t] = heads[t, n_heads + h]
            kv[1, h, n_rows + t] = heads[t, n_heads + n_kv_heads + h]


@njit(**_JIT)
def transformer(x, kv, n_rows, position, context, inv_freq, w):
    """All layers of a pre-norm transformer on T new rows, in place.

    x [T, d]; kv [L, 2, H_kv, capacity, D], of which `n_rows` rows are filled and the next T are written; `position` of
    the first row for RoPE; w: StackWeights. A layer is x += out(attention(in(norm1 x))), then
    x += linear2(gelu(linear1(norm2 x))).
    """
    n_new, width = x.shape
    dim = kv.shape[4]
    n_heads = w.out_proj.shape[2] // dim
    normed = np.empty((n_new, width), np.float32)
    projected = np.empty((n_new, w.in_proj.shape[1]), np.float32)
    queries = np.empty((n_new, n_heads, dim), np.float32)
    attended = np.empty((n_new, n_heads, dim), np.float32)
    hidden = np.empty((n_new, w.linear1.shape[1]), np.float32)
    update = np.empty((n_new, width), np.float32)
    for layer in range(kv.shape[0]):
        layer_norm(x, w.norm1[layer, 0], w.norm1[layer, 1], 1e-5, normed)
        matmul(normed, w.in_proj[layer], w.in_scale[layer], projected)
        _split_heads(projected, kv[layer], n_rows, position, inv_freq, queries)
        attention(queries, kv[layer], n_rows, context, attended)
        matmul(attended.reshape(n_new, -1), w.out_proj[layer], w.out_scale[layer], update)
        x += update
        layer_norm(x, w.norm2[layer, 0], w.norm2[layer, 1], 1e-5, normed)
        matmul(normed, w.linear1[layer], w.scale1[layer], hidden)
        gelu(hidden)
        matmul(hidden, w.linear2[layer], w.scale2[layer], update)
        x += update


# ---------------------------------------------------------------- flow net


@njit(**_JIT)
def _modulated_norm(x, weight, bias, shift, scale, out):
    """LayerNorm (eps 1e-6) followed by · (1 + scale) + shift: five vectors [h] -> [h]."""
    layer_norm(x.reshape(1, -1), weight, bias, 1e-6, out.reshape(1, -1))
    for i in range(out.size):
        out[i] = out[i] * (_ONE + scale[i]) + shift[i]


@njit(**_JIT)
def flow_net(x, condition, w, out):
    """One evaluation of the AdaLN network: x [latent_dim], condition [h] -> out [latent_dim]; w: FlowWeights.

    Li et al. 2024, Autoregressive Image Generation without Vector Quantization, section 4.3; the blocks are
    x += gate · linear2(silu(linear1(norm(x) (1 + scale) + shift))), all modulations one product of silu(condition).
    """
    width = condition.size
    n_blocks = w.norm.shape[0]
    active = condition.copy()
    silu(active)
    modulation = np.empty(w.modulation.shape[0], np.float32)
    matvec(w.modulation, w.modulation_scale, active, modulation)
    modulation += w.modulation_bias
    parts = modulation.reshape(-1, width)
    h = np.empty(width, np.float32)
    normed = np.empty(width, np.float32)
    hidden = np.empty(width, np.float32)
    matvec(w.in_proj, w.in_scale, x, h)
    h += w.in_bias
    for i in range(n_blocks):
        _modulated_norm(h, w.norm[i, 0], w.norm[i, 1], parts[3 * i], parts[3 * i + 1], normed)
        matvec(w.linear1[i], w.scale1[i], normed, hidden)
        hidden += w.bias1[i]
        silu(hidden)
        matvec(w.linear2[i], w.scale2[i], hidden, normed)
        h += parts[3 * i + 2] * (normed + w.bias2[i])
    _modulated_norm(h, np.ones_like(h), np.zeros_like(h), parts[3 * n_blocks], parts[3 * n_blocks + 1], normed)
    matvec(w.out_proj, w.out_scale, normed, out)
    out += w.out_bias
