"""The NumPy form of the kernels: equal to the compiled loops but for rounding, and without numba."""

import subprocess
import sys

import numpy as np
import pytest

from pockettts_np.kernels.arguments import CacheView, FlowWeights, StackWeights, cache_table
from pockettts_np.kernels.loops.entries import ENTRIES as LOOPS
from pockettts_np.kernels.panels import NumberType, pack
from pockettts_np.kernels.vectorized.entries import ENTRIES as VECTORIZED
from pockettts_np.kernels.vectorized.products import side_by_side
from pockettts_np.models.transformer import UNLIMITED
from pockettts_np.modules.attention import KVCache, rope_frequencies
from tests.support.helpers import assert_close

ROUNDING = 1e-6  # largest difference, relative to the largest value


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def panels(*shape: int, kind: NumberType = NumberType.FLOAT32) -> np.ndarray:
    """Random matrices [..., n_out, n_in] that keep signals near ±1."""
    if kind is NumberType.INT8:
        return pack(np.random.default_rng(shape).integers(-127, 128, shape, np.int8), kind)
    return pack(normal(*shape, seed=1) / np.float32(np.sqrt(shape[-1])), kind)


def ran(kernel, args: tuple) -> list[np.ndarray]:
    """The arrays that a kernel was given, after it ran on copies of them."""
    copies = [arg.copy() if type(arg) is np.ndarray else arg for arg in args]
    kernel(*copies)
    return [arg for arg in copies if type(arg) is np.ndarray]


def compare(name: str, *args, tol: float = ROUNDING) -> None:
    """Both forms of a kernel leave the same in each of its arrays."""
    for got, want in zip(ran(VECTORIZED[name], args), ran(LOOPS[name], args), strict=True):
        assert_close(got, want, tol, got.dtype)


def test_both_forms_have_the_same_kernels():
    assert list(VECTORIZED) == list(LOOPS)


@pytest.mark.parametrize("shape", [(1,), (300,), (3, 50)])
@pytest.mark.parametrize("name", ["elu", "silu", "gelu"])
def test_activations(name, shape):
    if name != "silu" or len(shape) == 1:
        compare(name, 4 * normal(*shape))


@pytest.mark.parametrize(("T", "d"), [(1, 192), (5, 33)])
def test_layer_norm(T, d):
    compare("layer_norm", 3 + normal(T, d), normal(d, seed=1), normal(d, seed=2), 1e-6, np.empty((T, d), np.float32))


@pytest.mark.parametrize("kind", NumberType)
@pytest.mark.parametrize("n_out", [1, 31, 32, 70, 300])
@pytest.mark.parametrize("T", [0, 1, 2, 16])
def test_matmul(T, n_out, kind):
    out = np.zeros((T, n_out), np.float32)
    compare("matmul", normal(T, 96), panels(n_out, 96, kind=kind), normal(n_out), normal(n_out, seed=1), out)


@pytest.mark.parametrize("n_out", [1, 32, 70])
@pytest.mark.parametrize("T", [1, 5])
def test_a_product_is_the_same_wherever_the_panels_lie(T, n_out):
    w, x = panels(2, n_out, 40), normal(T, 40)
    relaid, got, want = side_by_side(w), np.zeros((T, n_out), np.float32), np.zeros((T, n_out), np.float32)
    assert np.array_equal(relaid, w)
    assert np.shares_memory(side_by_side(relaid), relaid)
    VECTORIZED["matmul"](x, w[1], normal(n_out), normal(n_out, seed=1), want)
    VECTORIZED["matmul"](x, relaid[1], normal(n_out), normal(n_out, seed=1), got)
    assert_close(got, want, ROUNDING)


@pytest.mark.parametrize("T", [1, 4])
def test_dot_rows(T):
    compare("dot_rows", normal(T, 40), normal(40, seed=1), np.array([0.5], np.float32), np.zeros(T, np.float32))


CONVOLUTIONS = [
    (7, 1, 1),
    (2, 1, 1),
    (12, 6, 1),
    (4, 4, 1),
    (3, 1, 2),
    (3, 2, 3),
    (1, 1, 1),
]  # kernel, stride, dilation


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16])
@pytest.mark.parametrize(("K", "stride", "dilation"), CONVOLUTIONS)
@pytest.mark.parametrize("n_windows", [0, 1, 16])
def test_conv1d(n_windows, K, stride, dilation, kind):
    previous = normal((K - 1) * dilation + 1 - stride, 5)
    w, out = panels(40, 5 * K, kind=kind), np.zeros((n_windows, 40), np.float32)
    compare("conv1d", previous, normal(n_windows * stride, 5), stride, dilation, w, normal(40), normal(40), out)


@pytest.mark.parametrize(("K", "stride", "dilation"), CONVOLUTIONS)
@pytest.mark.parametrize("n_windows", [1, 16])
def test_conv1d_to_one(n_windows, K, stride, dilation):
    previous = normal((K - 1) * dilation + 1 - stride, 5)
    x, out = normal(n_windows * stride, 5), np.zeros((n_windows, 1), np.float32)
    compare("conv1d_to_one", previous, x, stride, dilation, normal(1, K * 5), normal(1), out)


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("T", [1, 3, 150])
def test_residual_block(T, dilation, kind):
    w1, w2 = panels(12, 3 * 24, kind=kind), panels(24, 12, kind=kind)
    compare("residual_block", normal(2 * dilation, 24), normal(T, 24), dilation, w1, normal(12), w2, normal(24))


@pytest.mark.parametrize("position", [0, 700])
def test_rope(position):
    compare("rope", normal(3, 2, 8), position, rope_frequencies(8, 10_000))


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16])
@pytest.mark.parametrize("context", [UNLIMITED, 1, 33])
@pytest.mark.parametrize(("T", "n_rows"), [(1, 0), (1, 31), (1, 90), (16, 64), (9, 3)])
@pytest.mark.parametrize(("H", "H_kv", "D"), [(4, 4, 32), (6, 2, 34)])
def test_attention(T, n_rows, context, H, H_kv, D, kind):
    cache = KVCache.from_rows(normal(1, 2, n_rows + T, H_kv, D), 0, kind)
    q, out = normal(T, H, D) / np.float32(np.sqrt(D)), np.zeros((T, H, D), np.float32)
    # Both forms round scores, their exponentials and the sums, each of them by as much as one kernel may.
    compare("attention", q, cache.keys[0], cache.values[0], n_rows, context, out, tol=2 * ROUNDING)


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.BFLOAT16])
@pytest.mark.parametrize(("T", "n_rows", "context"), [(1, 40, UNLIMITED), (16, 30, 20)])
@pytest.mark.parametrize(("H", "H_kv", "D"), [(4, 4, 32), (3, 1, 34)])
def test_transformer(H, H_kv, D, T, n_rows, context, kind):
    d, F, L, qkv = 48, 96, 2, (H + 2 * H_kv) * D
    shapes = (qkv, d), (d, H * D), (F, d), (d, F)
    scaled = [array for shape in shapes for array in (panels(L, *shape, kind=kind), normal(L, shape[0]))]
    w = StackWeights(normal(L, 2, d), normal(L, 2, d, seed=1), *scaled)
    cache = KVCache.from_rows(normal(L, 2, n_rows, H_kv, D), n_rows)
    cache.reserve(T, UNLIMITED)
    compare("transformer", normal(T, d), cache.keys, cache.values, n_rows, n_rows, context, rope_frequencies(D, 100), w)


@pytest.mark.parametrize("T", [1, 9])
def test_prompt(T):
    """One layer: what the next one rounds may be rounded differently where it differs at all."""
    H, H_kv, D, d, F = 3, 1, 34, 48, 96
    shapes = ((H + 2 * H_kv) * D, d), (d, H * D), (F, d), (d, F)
    scaled = [a for n, m in shapes for a in (panels(1, n, m, kind=NumberType.INT8), normal(1, n) / 1000)]
    w = StackWeights(normal(1, 2, d), normal(1, 2, d, seed=1), *scaled)
    cache = KVCache.from_rows(normal(1, 2, 30, H_kv, D), 30)
    cache.reserve(T, UNLIMITED)
    compare("prompt", normal(T, d), cache.keys, cache.values, 30, 30, UNLIMITED, rope_frequencies(D, 100), w, 0)


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16])
def test_transformer_rows(kind):
    H, H_kv, D, d, F, L = 3, 1, 34, 48, 96, 2
    shapes = ((H + 2 * H_kv) * D, d), (d, H * D), (F, d), (d, F)
    scaled = [array for shape in shapes for array in (panels(L, *shape), normal(L, shape[0]))]
    w = StackWeights(normal(L, 2, d), normal(L, 2, d, seed=1), *scaled)

    def run(kernel) -> list[np.ndarray]:
        caches = [KVCache.from_rows(normal(L, 2, n, H_kv, D, seed=n), 2 * n, kind).copy(1) for n in (5, 31, 70)]
        views = [CacheView(cache.keys, cache.values, cache.n_rows, cache.position) for cache in caches]
        x = normal(3, d)
        kernel(x, cache_table(views), caches[0].keys, 33, rope_frequencies(D, 100), w)
        return [x, *(NumberType.numbers(kind, array) for cache in caches for array in (cache.keys, cache.values))]

    for got, want in zip(run(VECTORIZED["transformer_rows"]), run(LOOPS["transformer_rows"]), strict=True):
        assert_close(got, want, ROUNDING if kind is NumberType.FLOAT32 else 2**-10)


def test_a_table_holds_no_cache_that_lies_in_pieces():
    cache = KVCache.empty(2, 2, 4, 32)
    with pytest.raises(ValueError, match="is not contiguous"):
        cache_table([CacheView(cache.keys[:, ::2], cache.values, 0, 0)])


@pytest.mark.parametrize("B", [1, 3])
@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16])
def test_flow_net(kind, B):
    """On rows so small that the eps of the norms matters."""
    latent, h, n = 32, 48, 3
    w = FlowWeights(
        in_proj=panels(h, latent),
        in_bias=0.01 * normal(h),
        modulation=panels(n, 3 * h, h, kind=kind),
        modulation_scale=normal(n, 3 * h),
        modulation_bias=normal(n, 3 * h, seed=1),
        last_modulation=panels(2 * h, h, kind=kind),
        last_modulation_scale=normal(2 * h),
        last_modulation_bias=normal(2 * h, seed=1),
        norm=normal(n, 2, h),
        linear1=panels(n, h, h, kind=kind),
        scale1=normal(n, h),
        bias1=normal(n, h, seed=1),
        linear2=panels(n, h, h, kind=kind),
        scale2=normal(n, h, seed=2),
        bias2=normal(n, h, seed=3),
        out_proj=panels(latent, h),
        out_bias=normal(latent),
    )
    compare("flow_net", 0.01 * normal(B, latent), normal(B, h), w, np.zeros((B, latent), np.float32))


def test_it_runs_without_numba():
    code = (
        "import sys; sys.modules.update(numba=None, llvmlite=None)\n"
        "from pockettts_np.kernels.vectorized.entries import ENTRIES\n"
        "import numpy as np; x = np.full(3, -100, np.float32); ENTRIES['elu'](x); print(x.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[-1.0, -1.0, -1.0]\n", done.stderr
