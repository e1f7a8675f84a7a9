"""Streams, and where they may be cut: the result of a streaming layer does not depend on it."""

import itertools

import numpy as np
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@st.composite
def cuts(draw, n: int, step: int = 1) -> list[int]:
    """Bounds 0, …, n of the pieces of a stream, multiples of `step`: any set of places to cut at, none and all too."""
    inner = draw(st.sets(st.integers(1, n // step - 1))) if n > step else set()
    return [0, *(step * i for i in sorted(inner)), n]


def in_pieces(layer, x: np.ndarray, bounds: list[int]) -> np.ndarray:
    state = layer.init_state()
    return np.concatenate([layer(x[a:b], state) for a, b in itertools.pairwise(bounds)])


def whole(layer, x: np.ndarray) -> np.ndarray:
    return layer(x, layer.init_state())
