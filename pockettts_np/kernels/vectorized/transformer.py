"""Attention over a cache, and whole transformer layers."""

from collections.abc import Callable

import numpy as np

from ..arguments import StackWeights, array_at
from ..panels import PANEL, NumberType
from .attention import View, attend, turn_pairs, turns
from .elementwise import gelu, layer_norm
from .products import rounded, scaled


def _remember(k: np.ndarray, v: np.ndarray, n_rows: int, keys: np.ndarray, values: np.ndarray) -> None:
    """Keys and values [T, H_kv, D] into the panels of a cache, from row `n_rows` on."""
    kind = NumberType.of(k)
    rows = np.arange(n_rows, n_rows + len(keys))
    k[:, rows // PANEL, :, rows % PANEL] = kind.bits(keys)
    for panel in range(v.shape[1]):
        part = kind.bits(values[..., panel * PANEL : (panel + 1) * PANEL])
        v[:, panel, n_rows : n_rows + len(keys), : part.shape[2]] = part.swapaxes(0, 1)


def _layers(
    x: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    n_rows: int,
    position: int,
    context: int,
    inv_freq: np.ndarray,
    w: StackWeights,
    seen: Callable[[np.ndarray], np.ndarray],
) -> None:
    """`transformer`, whose matrix products see rows as `seen` gives them."""
    n_new, dim = len(x), keys.shape[3]
    n_kv_heads, n_heads = keys.shape[1], w.out_proj.shape[2] // dim
    turn, view = turns(n_new, position, inv_freq), View.of(n_new, n_rows, context)
    normed, attended = np.empty_like(x), np.empty((n_new, n_heads, dim), np.float32)
    for layer, (k, v) in enumerate(zip(keys, values, strict=True)):
        layer_norm(x, w.norm1[layer, 0], w.norm1[layer, 1], 1e-5, normed)
        heads = scaled(seen(normed), w.in_proj[layer], w.in_scale[layer]).reshape(n_new, -1, dim)
        turn_pairs(heads[:, :-n_kv_heads], turn)
        _remember(k, v, n_rows, heads[:, n_heads:-n_kv_heads], heads[:, -n_kv_heads:])
        attend(heads[:, :n_heads] * np.float32(1 / np.sqrt(dim)), k, v, view, attended)
        x += scaled(seen(attended.reshape(n_new, -1)), w.out_proj[layer], w.out_scale[layer])
        layer_norm(x, w.norm2[layer, 0], w.norm2[layer, 1], 1e-5, normed)
        hidden = scaled(seen(normed), w.linear1[layer], w.scale1[layer])
        gelu(hidden)
        x += scaled(seen(hidden), w.linear2[layer], w.scale2[layer])


def transformer(
    x: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    n_rows: int,
    position: int,
    context: int,
    inv_freq: np.ndarray,
    w: StackWeights,
) -> None:
    """All layers of a pre-norm transformer on T new rows, in place.

    x [T, d]; keys and values of the L layers as in `attention`, of which `n_rows` rows are filled and the next T are
    written; `position` of the first row for RoPE; w: StackWeights. A layer is x += out(attention(in(norm1 x))), then
    x += linear2(gelu(linear1(norm2 x))).
    """
    _layers(x, keys, values, n_rows, position, context, inv_freq, w, lambda rows: rows)


def prompt(
    x: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    n_rows: int,
    position: int,
    context: int,
    inv_freq: np.ndarray,
    w: StackWeights,
    has_dot: int,
) -> None:
    """`transformer`, whose products see rows rounded to integers, 32 numbers at a time."""
    _layers(x, keys, values, n_rows, position, context, inv_freq, w, rounded)


def transformer_rows(
    x: np.ndarray, caches: np.ndarray, like: np.ndarray, context: int, inv_freq: np.ndarray, w: StackWeights
) -> None:
    """All layers of a pre-norm transformer on one new row of each of B caches, in place, one row after the other.

    x [B, d]; caches [B, 5]: `arguments.cache_table` of what `transformer` takes; like: the keys of one of them. A row's
    result does not depend on the rows beside it.
    """
    n_layers, n_kv_heads, _, dim, _ = like.shape
    for i, (keys_at, values_at, capacity, n_rows, position) in enumerate(caches.tolist()):
        keys = array_at(keys_at, (n_layers, n_kv_heads, capacity // PANEL, dim, PANEL), like)
        values = array_at(values_at, (n_layers, n_kv_heads, -(-dim // PANEL), capacity, PANEL), like)
        transformer(x[i : i + 1], keys, values, n_rows, position, context, inv_freq, w)


def transformer_lead(
    x: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    n_rows: int,
    position: int,
    context: int,
    inv_freq: np.ndarray,
    w: StackWeights,
    shared: np.ndarray,
) -> None:
    """`transformer`, without help: NumPy's own threads are at work."""
    transformer(x, keys, values, n_rows, position, context, inv_freq, w)


def transformer_assist(*args: object) -> None:
    """There is nothing to help with."""
