"""Attention over a cache, and whole transformer layers."""

import numpy as np

from ..panels import PANEL
from ..vectors import convert
from .attention import attention, rope
from .compiled import kernel
from .elementwise import add, gelu, layer_norm
from .integers.products import integer_product
from .products import matmul
from .scratch import take, zeros
from .views import at_address, cube


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
def _float_product(x, w, scale, bias, out, has_dot, scratch):
    """`matmul`, called as `integer_product` is."""
    matmul(x, w, scale, bias, out)


@kernel
def _before_attention(x, w, layer, no_bias, normed, projected, product, has_dot, scratch):
    """A layer's queries, keys and values of rows [T, d] -> projected [T, (H + 2 H_kv) D]."""
    layer_norm(x, w.norm1[layer, 0], w.norm1[layer, 1], 1e-5, normed)
    product(normed, w.in_proj[layer], w.in_scale[layer], no_bias, projected, has_dot, scratch)


@kernel
def _after_attention(x, attended, w, layer, no_bias, normed, hidden, update, product, has_dot, scratch):
    """The rest of a layer on rows x [T, d], in place: attended [T, H D]."""
    product(attended, w.out_proj[layer], w.out_scale[layer], no_bias, update, has_dot, scratch)
    add(x, update)
    layer_norm(x, w.norm2[layer, 0], w.norm2[layer, 1], 1e-5, normed)
    product(normed, w.linear1[layer], w.scale1[layer], no_bias, hidden, has_dot, scratch)
    gelu(hidden)
    product(hidden, w.linear2[layer], w.scale2[layer], no_bias, update, has_dot, scratch)
    add(x, update)


@kernel
def _layers(x, keys, values, n_rows, position, context, inv_freq, w, product, has_dot, scratch):
    """`transformer`, whose matrix products `product` makes."""
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
        _before_attention(x, w, layer, no_bias, normed, projected, product, has_dot, scratch)
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
        _after_attention(x, attended, w, layer, no_bias, normed, hidden, update, product, has_dot, scratch)


@kernel
def transformer(x, keys, values, n_rows, position, context, inv_freq, w, scratch):
    """All layers of a pre-norm transformer on T new rows, in place.

    x [T, d]; keys and values of the L layers as in `attention`, of which `n_rows` rows are filled and the next T are
    written; `position` of the first row for RoPE; w: StackWeights. A layer is x += out(attention(in(norm1 x))), then
    x += linear2(gelu(linear1(norm2 x))).
    """
    _layers(x, keys, values, n_rows, position, context, inv_freq, w, _float_product, 0, scratch)


@kernel
def prompt(x, keys, values, n_rows, position, context, inv_freq, w, has_dot, scratch):
    """`transformer` with int8 weights, whose products round the rows to integers, 32 numbers at a time.

    has_dot: whether the processor has the instructions that `processor.has_byte_products` looks for; they change no
    result.
    """
    _layers(x, keys, values, n_rows, position, context, inv_freq, w, integer_product, has_dot, scratch)


@kernel
def transformer_rows(x, caches, like, context, inv_freq, w, scratch):
    """All layers of a pre-norm transformer on one new row of each of B caches, in place; the weights are read once.

    x [B, d]; caches [B, 5]: `arguments.cache_table` of what `transformer` takes; like: the keys of one of them. A row's
    result does not depend on the rows beside it.
    """
    n_rows, width = x.shape
    n_layers, n_kv_heads, _, dim, _ = like.shape
    n_heads = w.out_proj.shape[2] // dim
    normed, scratch = take(scratch, n_rows, width)
    projected, scratch = take(scratch, n_rows, w.in_scale.shape[1])
    queries, scratch = take(scratch, 1, n_heads * dim)
    attended, scratch = take(scratch, n_rows, n_heads * dim)
    hidden, scratch = take(scratch, n_rows, w.scale1.shape[1])
    update, scratch = take(scratch, n_rows, width)
    no_bias, scratch = zeros(scratch, max(projected.shape[1], hidden.shape[1], width))
    value_panels = -(-dim // PANEL)
    query = cube(queries, 1, n_heads, dim)
    for layer in range(n_layers):
        _before_attention(x, w, layer, no_bias, normed, projected, _float_product, 0, scratch)
        for i in range(n_rows):
            capacity, n_filled, position = caches[i, 2], caches[i, 3], caches[i, 4]
            keys = at_address(caches[i, 0], (n_layers, n_kv_heads, capacity // PANEL, dim, PANEL), like)[layer]
            values = at_address(caches[i, 1], (n_layers, n_kv_heads, value_panels, capacity, PANEL), like)[layer]
            _split_heads(projected[i : i + 1], keys, values, n_filled, position, inv_freq, query)
            out = cube(attended[i : i + 1], 1, n_heads, dim)
            attention(query, keys, values, n_filled, context, out, scratch)
        _after_attention(x, attended, w, layer, no_bias, normed, hidden, update, _float_product, 0, scratch)
