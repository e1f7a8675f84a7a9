"""Run every kernel on numbers drawn with a seed, and print what tells their results apart to the bit, as JSON.

POCKETTTS_NP_KERNELS=numba python -m tests.support.every_kernel
"""

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from pockettts_np.kernels import entry_points as kernels
from pockettts_np.kernels.arguments import (
    BOARD,
    WORD,
    CacheView,
    FlowWeights,
    StackWeights,
    cache_table,
    shared_size,
    unclaimable,
)
from pockettts_np.kernels.panels import NumberType, pack
from pockettts_np.kernels.prebuilt.processor import has_byte_products

RNG = np.random.default_rng(0)
FLOAT32, FLOAT16, INT8 = NumberType.FLOAT32, NumberType.FLOAT16, NumberType.INT8
HAS_DOT = int(has_byte_products())


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, np.float32)


def panels(kind: NumberType, n_out: int, n_in: int, layers: int | None = None) -> np.ndarray:
    """The data of one matrix, or of a stack."""
    shape = (n_out, n_in) if layers is None else (layers, n_out, n_in)
    return pack(RNG.integers(-99, 99, shape).astype(np.int8) if kind is INT8 else normal(*shape), kind)


def results() -> Iterator[tuple[str, np.ndarray]]:
    yield from element_by_element()
    yield from products()
    yield from convolutions()
    for kind, cache in ((FLOAT32, FLOAT32), (INT8, FLOAT16)):
        yield from networks(kind, cache)


def element_by_element() -> Iterator[tuple[str, np.ndarray]]:
    for name, shape in (("elu", (33, 77)), ("silu", (2001,)), ("gelu", (33, 77))):
        x = normal(*shape)
        getattr(kernels, name)(x)
        yield name, x
    out = normal(5, 100)
    kernels.layer_norm(normal(5, 100), normal(100), normal(100), 1e-5, out)
    yield "layer_norm", out
    x = normal(4, 2, 8)
    kernels.rope(x, 77, np.exp(-(normal(4) ** 2)))
    yield "rope", x


def products() -> Iterator[tuple[str, np.ndarray]]:
    for kind in NumberType:
        for n_rows in (1, 2, 9):
            out = normal(n_rows, 100)
            kernels.matmul(normal(n_rows, 50), panels(kind, 100, 50), normal(100), normal(100), out)
            yield f"matmul {kind.value} {n_rows}", out
    out = normal(7)
    kernels.dot_rows(normal(7, 45), normal(45), normal(1), out)
    yield "dot_rows", out


def convolutions() -> Iterator[tuple[str, np.ndarray]]:
    for dilation in (1, 2):
        out, w = normal(20, 24), panels(FLOAT32, 24, 48)
        kernels.conv1d(normal(2 * dilation, 16), normal(20, 16), 1, dilation, w, normal(24), normal(24), out)
        yield f"conv1d {dilation}", out
    out = normal(20, 1)
    kernels.conv1d_to_one(normal(2, 16), normal(20, 16), 1, 1, normal(1, 48), normal(1), out)
    yield "conv1d_to_one", out
    previous, x = normal(4, 16), normal(100, 16)
    kernels.residual_block(previous, x, 2, panels(FLOAT32, 8, 48), normal(8), panels(FLOAT32, 16, 8), normal(16))
    yield "residual_block", np.concatenate([previous, x])


def networks(kind: NumberType, cache: NumberType) -> Iterator[tuple[str, np.ndarray]]:
    n, d, heads, dim, hidden = 2, 32, 4, 8, 64
    w = StackWeights(
        *(normal(n, 2, d), normal(n, 2, d)),
        *(panels(kind, 3 * d, d, n), normal(n, 3 * d) / 10, panels(kind, d, d, n), normal(n, d) / 10),
        *(panels(kind, hidden, d, n), normal(n, hidden) / 10, panels(kind, d, hidden, n), normal(n, d) / 10),
    )
    keys = np.zeros((n, heads, 2, dim, 32), cache.stored)
    values = np.zeros((n, heads, 1, 64, 32), cache.stored)
    for n_rows, n_new in ((0, 17), (17, 1), (18, 1)):
        x = normal(n_new, d)
        kernels.transformer(x, keys, values, n_rows, n_rows, 2**31, np.exp(-(normal(4) ** 2)), w)
        yield f"transformer {kind.value} {n_rows}", x
    if kind is INT8:
        for has_dot in (0, 1):  # rows of the same numbers: the second must come out as the first
            x = np.random.default_rng(1).standard_normal((17, d), np.float32)
            kernels.prompt(
                x, keys, values, 0, 0, 2**31, np.exp(-(np.arange(4, dtype=np.float32) ** 2)), w, HAS_DOT * has_dot
            )
            yield f"prompt {kind.value} {has_dot}", x
    x, other = normal(2, d), np.zeros_like(values)
    views = [CacheView(keys, values, 19, 19), CacheView(np.zeros_like(keys), other, 0, 5)]
    kernels.transformer_rows(x, cache_table(views), keys, 2**31, np.exp(-(normal(4) ** 2)), w)
    yield f"transformer_rows {kind.value}", x
    shared, x = np.zeros(shared_size(w), np.float32), normal(1, d)
    shared[:BOARD].view(np.int64)[WORD] = unclaimable(1)
    kernels.transformer_lead(x, keys, values, 19, 19, 2**31, np.exp(-(normal(4) ** 2)), w, shared)
    yield f"transformer_lead {kind.value}", x
    kernels.transformer_assist(x, keys, values, 20, 1, 2**31, normal(4), w, shared)
    yield f"transformer_assist {kind.value}", shared
    out = normal(5, heads, dim)
    kernels.attention(normal(5, heads, dim), keys[0], values[0], 14, 9, out)
    yield f"attention {cache.value}", out
    flow = FlowWeights(
        *(panels(FLOAT32, d, 8), normal(d), panels(kind, 3 * d, d, n), normal(n, 3 * d), normal(n, 3 * d)),
        *(panels(kind, 2 * d, d), normal(2 * d), normal(2 * d), normal(n, 2, d)),
        *(panels(kind, d, d, n), normal(n, d), normal(n, d), panels(kind, d, d, n), normal(n, d), normal(n, d)),
        *(panels(FLOAT32, 8, d), normal(8)),
    )
    out = normal(3, 8)
    kernels.flow_net(normal(3, 8), normal(3, d), flow, out)
    yield f"flow_net {kind.value}", out


if __name__ == "__main__":
    print(json.dumps({name: hashlib.sha256(result.tobytes()).hexdigest()[:16] for name, result in results()}))
