"""Attention over a cache, and whole transformer layers."""

from typing import NamedTuple

import numpy as np

from .. import simd
from ..jit import kernel
from .elementwise import ZERO, add, exp_of_negative, gelu, layer_norm
from .products import matmul, product


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


@kernel
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


@kernel
def _softmax(scores, first, last):
    """Softmax over entries first..last−1 of [n], in place; the others become zero."""
    for j in range(first):
        scores[j] = ZERO
    for j in range(last, scores.size):
        scores[j] = ZERO
    highest = scores[first]
    for j in range(first, last):
        highest = max(highest, scores[j])
    total = ZERO
    for j in range(first, last):
        e = exp_of_negative(scores[j] - highest)
        scores[j] = e
        total += e
    for j in range(first, last):
        scores[j] /= total


@kernel
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
        for t in range(n_new):
            for i in range(dim):
                queries[t, i] = q[t, h, i]
        product(queries, k[h // group, first_panel:end_panel], 0, unit_scale, no_bias, scores)
        for t in range(n_new):
            last = n_rows + t + 1
            _softmax(scores[t], max(0, last - context) - start, last - start)
        product(scores, v[h // group], start, unit_scale, no_bias, sums)
        for t in range(n_new):
            for i in range(dim):
                out[t, h, i] = sums[t, i]


@kernel
def _split_heads(projected, k, v, n_rows, position, inv_freq, queries):
    """Projected rows [T, (H + 2 H_kv) D] -> rotated, scaled `queries` [T, H, D]; keys and values into the cache."""
    n_new, n_heads, dim = queries.shape
    n_kv_heads = k.shape[0]
    heads = projected.reshape(n_new, n_heads + 2 * n_kv_heads, dim)
    rope(heads[:, : n_heads + n_kv_heads], position, inv_freq)
    scale = np.float32(1 / np.sqrt(dim))
    for t in range(n_new):
        for h in range(n_heads):
            for i in range(dim):
                queries[t, h, i] = heads[t, h, i] * scale
        row = n_rows + t
        panel, column = row // simd.PANEL, row % simd.PANEL
        for h in range(n_kv_heads):
            key, value = heads[t, n_heads + h], heads[t, n_heads + n_kv_heads + h]
            for i in range(dim):
                k[h, panel, i, column] = simd.convert(key[i], k)
                v[h, i // simd.PANEL, row, i % simd.PANEL] = simd.convert(value[i], v)


@kernel
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
        add(x, update)
        layer_norm(x, w.norm2[layer, 0], w.norm2[layer, 1], 1e-5, normed)
        matmul(normed, w.linear1[layer], w.scale1[layer], no_bias, hidden)
        gelu(hidden)
        matmul(hidden, w.linear2[layer], w.scale2[layer], no_bias, update)
        add(x, update)
