"""Attention over a cache, and whole transformer layers."""

import numpy as np

from ..panels import PANEL
from ..vectors import convert
from .attention import attention, rope
from .compiled import kernel
from .elementwise import add, gelu, layer_norm
from .products import matmul
from .scratch import take, zeros
from .views import cube


@kernel
def _split_heads(projected, k, v, n_rows, position, inv_freq, queries):
    """Projected rows [T, (H + 2 H_kv) D] -> rotated, scaled `queries` [T, H, D]; keys and values into the cache."""
    n_new, n_heads, dim = queries.shape
    n_kv_heads = k.shape[0]
    heads = cube(projected, n_new, n_heads + 2 * n_kv_heads, dim)
    rope(heads[:, : n_heads + n_kv_heads], position, inv_freq)
    scale = np.float32(1 / np.sqrt(dim))
    for t in range(n_new):
        for h in range(n_heads):
            for i in range(dim):
                queries[t, h, i] = heads[t, h, i] * scale
        row = n_rows + t
        panel, column = row // PANEL, row % PANEL
        for h in range(n_kv_heads):
            key, value = heads[t, n_heads + h], heads[t, n_heads + n_kv_heads + h]
            for i in range(dim):
                k[h, panel, i, column] = convert(key[i], k)
                v[h, i // PANEL, row, i % PANEL] = convert(value[i], v)


@kernel
def transformer(x, keys, values, n_rows, position, context, inv_freq, w, scratch):
    """All layers of a pre-norm transformer on T new rows, in place.

    x [T, d]; keys and values of the L layers as in `attention`, of which `n_rows` rows are filled and the next T are
    written; `position` of the first row for RoPE; w: StackWeights. A layer is x += out(attention(in(norm1 x))), then
    x += linear2(gelu(linear1(norm2 x))).
    """
    n_new, width = x.shape
    dim = keys.shape[3]
    n_heads = w.out_proj.shape[2] // dim
    normed, scratch = take(scratch, n_new, width)
    projected, scratch = take(scratch, n_new, w.in_scale.shape[1])
    queries, scratch = take(scratch, n_new, n_heads * dim)
    attended, scratch = take(scratch, n_new, n_heads * dim)
    hidden, scratch = take(scratch, n_new, w.scale1.shape[1])
    update, scratch = take(scratch, n_new, width)
    no_bias, scratch = zeros(scratch, max(projected.shape[1], hidden.shape[1], width))
    for layer in range(keys.shape[0]):
        layer_norm(x, w.norm1[layer, 0], w.norm1[layer, 1], 1e-5, normed)
        matmul(normed, w.in_proj[layer], w.in_scale[layer], no_bias, projected)
        _split_heads(
            projected, keys[layer], values[layer], n_rows, position, inv_freq, cube(queries, n_new, n_heads, dim)
        )
        attention(
            cube(queries, n_new, n_heads, dim),
            keys[layer],
            values[layer],
            n_rows,
            context,
            cube(attended, n_new, n_heads, dim),
            scratch,
        )
        matmul(attended, w.out_proj[layer], w.out_scale[layer], no_bias, update)
        add(x, update)
        layer_norm(x, w.norm2[layer, 0], w.norm2[layer, 1], 1e-5, normed)
        matmul(normed, w.linear1[layer], w.scale1[layer], no_bias, hidden)
        gelu(hidden)
        matmul(hidden, w.linear2[layer], w.scale2[layer], no_bias, update)
        add(x, update)
