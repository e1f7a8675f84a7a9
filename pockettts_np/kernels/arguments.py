"""The weights of a whole network, or the caches of several callers, as one argument of a kernel.

Matrices are panels, all of one kind; caches are the addresses of their arrays, which no kernel holds on to.
"""

import ctypes
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class StackWeights(NamedTuple):
    """Weights of a transformer's L layers, stacked along the first axis."""

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
    """Weights of the flow net: n blocks `h` wide, stacked, and its first and last layer."""

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


class CacheView(NamedTuple):
    """The layers of one cache that a kernel runs, and where its next row stands."""

    keys: np.ndarray  # [L, H_kv, capacity / 32, D, 32]
    values: np.ndarray  # [L, H_kv, ceil(D / 32), capacity, 32]
    n_rows: int
    position: int


def cache_table(caches: Sequence[CacheView]) -> np.ndarray:
    """int64 [B, 5]: the addresses of keys and values, the capacity in rows, n_rows and position.

    Whoever calls a kernel with the table holds the arrays meanwhile.
    """
    return np.array(
        [
            (_address(cache.keys), _address(cache.values), cache.values.shape[3], cache.n_rows, cache.position)
            for cache in caches
        ],
        np.int64,
    )


def _address(array: np.ndarray) -> int:
    """Of an array's first number. ValueError: its numbers do not lie one after the other."""
    if not array.flags.c_contiguous:
        raise ValueError(f"A cache of shape {list(array.shape)} is not contiguous.")
    return int(array.__array_interface__["data"][0])


def array_at(address: int, shape: tuple[int, ...], like: np.ndarray) -> np.ndarray:
    """The contiguous array of that shape at an address, of numbers of the type of `like`'s."""
    n_bytes = math.prod(shape) * like.itemsize
    memory = memoryview((ctypes.c_byte * n_bytes).from_address(int(address))).cast("B")
    return np.frombuffer(memory, like.dtype).reshape(shape)


# What a team's kernels share: the board, then rows. Places on the board are those of int64.
BOARD = 64  # float32 numbers of the board
WORD, DONE = 0, 16  # far enough apart for caches
STEP, PHASE = 2**32, 2**16  # what the word's parts are multiplied by; the unit is the rest
MOST_STEPS = 2**30


def unclaimable(step: int) -> int:
    """The word before a step begins: no unit of it can be had."""
    return step * STEP + PHASE - 1


def shared_size(w: StackWeights) -> int:
    """Float32 numbers that a team shares."""
    width = w.norm1.shape[2]
    return BOARD + 2 * width + w.in_scale.shape[1] + 2 * w.out_proj.shape[2] + w.scale1.shape[1]
