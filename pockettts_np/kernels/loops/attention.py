"""Attention over a cache, and rotary position embeddings."""

import numpy as np

from ..panels import PANEL
from .compiled import kernel
from .elementwise import ZERO, exp_of_negative
from .products import product
from .scratch import ones, take, zeros


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
def attention(q, k, v, n_rows, context, out, scratch):
    """Causal attention of T new queries over a cache that already holds their keys and values.

    q [T, H, D] already scaled by 1/√D; k [H_kv, capacity / 32, D, 32] and v [H_kv, ceil(D / 32), capacity, 32] are
    panels, so that scores and weighted sums are matrix products. Rows n_rows..n_rows + T − 1 belong to the queries;
    each query sees itself and the `context` − 1 rows before it. Rows after the last may hold anything finite.
    out [T, H, D]. Each key-value head serves H / H_kv query heads (Ainslie et al. 2023, GQA).
    """
    n_new, n_heads, dim = q.shape
    group = n_heads // k.shape[0]
    first_panel = max(0, n_rows + 1 - context) // PANEL  # with the oldest row that any query sees
    end_panel = -(-(n_rows + n_new) // PANEL)
    start = first_panel * PANEL
    queries, scratch = take(scratch, n_new, dim)
    sums, scratch = take(scratch, n_new, dim)
    scores, scratch = take(scratch, n_new, end_panel * PANEL - start)
    unit_scale, scratch = ones(scratch, max(scores.shape[1], dim))
    no_bias, scratch = zeros(scratch, unit_scale.size)
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
