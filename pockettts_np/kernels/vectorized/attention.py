"""Attention over a cache, and rotary position embeddings."""

from dataclasses import dataclass

import numpy as np

from ..panels import PANEL, as_float32


def turns(n_new: int, position: int, inv_freq: np.ndarray) -> np.ndarray:
    """What each pair of numbers of a head is turned by at `n_new` positions: complex64 [n_new, D / 2]."""
    angles = np.arange(position, position + n_new, dtype=np.float32)[:, None] * inv_freq
    turn = np.empty(angles.shape, np.complex64)
    np.cos(angles, out=turn.real)
    np.sin(angles, out=turn.imag)
    return turn


def turn_pairs(x: np.ndarray, turn: np.ndarray) -> None:
    """Rotate pairs (2i, 2i + 1), read as complex numbers, in place: x [T, H, D], complex64 [T, D / 2]."""
    pairs = x.view(np.complex64)
    pairs *= turn[:, None]


def rope(x: np.ndarray, position: int, inv_freq: np.ndarray) -> None:
    """Rotate each interleaved pair (2i, 2i + 1) by angle position · inv_freq[i], in place: x [T, H, D], inv_freq [D/2].

    Su et al. 2021, RoFormer, section 3.4.
    """
    turn_pairs(x, turns(len(x), position, inv_freq))


@dataclass(frozen=True, eq=False, repr=False)
class View:
    """What T new queries see of a cache."""

    panels: slice  # of keys
    rows: slice  # of values
    hidden: np.ndarray  # [T, n] which of these rows each query does not see

    @classmethod
    def of(cls, n_new: int, n_rows: int, context: int) -> "View":
        first = max(0, n_rows + 1 - context) // PANEL  # with the oldest row that any query sees
        end = -(-(n_rows + n_new) // PANEL)
        age = np.arange(n_rows, n_rows + n_new)[:, None] - np.arange(first * PANEL, end * PANEL)
        return cls(slice(first, end), slice(first * PANEL, end * PANEL), (age < 0) | (age >= context))


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray, view: View, out: np.ndarray) -> None:
    """`attention` of queries whose view is known: all query heads of a key-value head in one product."""
    n_new, n_heads, dim = q.shape
    n_kv_heads, n_value_panels = v.shape[:2]
    keys, values = as_float32(k[:, view.panels]), as_float32(v[:, :, view.rows])
    n_queries, n_seen = n_heads // n_kv_heads * n_new, view.hidden.shape[1]
    queries = q.swapaxes(0, 1).reshape(n_kv_heads, 1, n_queries, dim)
    scores = np.empty((n_kv_heads, n_queries, n_seen), np.float32)
    np.matmul(queries, keys, out=scores.reshape(n_kv_heads, n_queries, -1, PANEL).swapaxes(1, 2))
    np.copyto(scores.reshape(n_heads, n_new, n_seen), -np.inf, where=view.hidden)
    scores -= np.maximum.reduce(scores, axis=2, keepdims=True)
    np.exp(scores, out=scores)
    totals = np.add.reduce(scores, axis=2).reshape(n_heads, n_new)
    sums = np.matmul(scores[:, None], values)  # [H_kv, ceil(D / 32), n_queries, 32]
    sums = sums.reshape(n_kv_heads, n_value_panels, -1, n_new, PANEL).transpose(3, 0, 2, 1, 4)
    np.divide(sums.reshape(n_new, n_heads, -1)[..., :dim], totals.T[..., None], out=out)


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, n_rows: int, context: int, out: np.ndarray) -> None:
    """Causal attention of T new queries over a cache that already holds their keys and values.

    q [T, H, D] already scaled by 1/√D; k [H_kv, capacity / 32, D, 32] and v [H_kv, ceil(D / 32), capacity, 32] are
    panels, so that scores and weighted sums are matrix products. Rows n_rows..n_rows + T − 1 belong to the queries;
    each query sees itself and the `context` − 1 rows before it. Rows after the last may hold anything finite.
    out [T, H, D]. Each key-value head serves H / H_kv query heads (Ainslie et al. 2023, GQA).
    """
    attend(q, k, v, View.of(len(q), n_rows, context), out)
