"""Each compiled loop equals its float64 namesake in naive.py, at the edges of its blocks too."""

import dataclasses

import numba
import numpy as np
import pytest

from pockettts_np.config.config import FlowConfig, FlowLMTransformerConfig
from pockettts_np.kernels import entry_points as kernels
from pockettts_np.kernels.loops import tile
from pockettts_np.kernels.loops.integers import products as integers
from pockettts_np.kernels.panels import PANEL, NumberType, as_float32, is_bfloat16, pack
from pockettts_np.kernels.prebuilt import processor
from pockettts_np.kernels.scratch import integers_size
from pockettts_np.models.transformer import UNLIMITED, Transformer
from pockettts_np.modules.attention import KVCache
from pockettts_np.modules.mlp import FlowNet
from pockettts_np.weights.storage import Storage
from tests.support import naive
from tests.support.helpers import NETWORK, assert_close
from tests.support.random_models import RandomWeights
from tests.support.ways import bytes_held, same_bits

pytestmark = pytest.mark.numerics

EPS = 2.0**-24  # largest relative rounding error of float32


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


# ---------------------------------------------------------------- element by element


def in_place(kernel):
    def function(x: np.ndarray) -> np.ndarray:
        out = x.copy()
        kernel(out)
        return out

    return function


elu, silu, gelu = in_place(kernels.elu), in_place(kernels.silu), in_place(kernels.gelu)
ACTIVATIONS = [(elu, naive.elu), (silu, naive.silu), (gelu, naive.gelu)]


@pytest.mark.parametrize(("got", "want"), ACTIVATIONS, ids=["elu", "silu", "gelu"])
def test_activations_are_as_exact_as_float32_can_be(got, want):
    """Within 3e-7 of max(1, |x|): five roundings of a result that is x times a number of at most one."""
    magnitudes = np.concatenate([np.logspace(-8, 1.5, 300), np.arange(0, 30, 0.25)])
    x = np.concatenate([magnitudes, -magnitudes]).astype(np.float32)
    y = got(x)
    assert y.dtype == np.float32
    assert np.all(np.abs(y - want(x)) <= 3e-7 * np.maximum(1, np.abs(x)))


def test_elu_keeps_its_relative_precision_near_zero():
    x = -np.logspace(-30, 0, 300, dtype=np.float32)
    assert np.all(np.abs(elu(x) / np.expm1(x.astype(np.float64)) - 1) <= 5e-7)


EXTREMES = np.array([-1e30, -1e4, -100, 0, 100, 1e4, 1e30, np.inf, np.nan], np.float32)


@pytest.mark.parametrize("got", [elu, silu, gelu])
def test_activations_of_extremes(got):
    with np.errstate(all="ignore"):  # without the compiler, the cube of 1e30 warns
        y = got(EXTREMES)
    low, high = y[:3], y[3:8]
    if got is elu:
        assert np.array_equal(low, [-1, -1, -1])
    else:  # x · sigmoid(x), whose sigmoid has an absolute error under 2e-7
        assert np.all(np.abs(low) <= 2e-7 * np.abs(EXTREMES[:3]))
    assert np.array_equal(high, EXTREMES[3:8])
    assert np.isnan(y[8])


def test_activations_of_minus_infinity():
    x = np.full(3, -np.inf, np.float32)
    assert np.array_equal(elu(x), [-1, -1, -1])
    with np.errstate(all="ignore"):
        assert not np.isfinite(silu(x)).any()  # −∞ · 0 has no value, and must not look like one
        assert not np.isfinite(gelu(x)).any()


# ---------------------------------------------------------------- norms


@pytest.mark.parametrize(("T", "d"), [(1, 2), (3, 1), (2, 5), (9, 16)])
@pytest.mark.parametrize("eps", [1e-5, 1e-6])
def test_layer_norm(T, d, eps):
    x, weight, bias = normal(T, d), 1 + normal(d, seed=1), normal(d, seed=2)
    x *= 0.01  # so small that eps matters
    out = np.empty_like(x)
    kernels.layer_norm(x, weight, bias, eps, out)
    assert_close(out, naive.layer_norm(x, weight, bias, eps))


def test_layer_norm_of_a_large_mean():
    """The mean is taken off before squaring, so the error is that of the input's own rounding, 100 · EPS."""
    x = normal(4, 64) + np.float32(100)
    one, zero, out = np.ones(64, np.float32), np.zeros(64, np.float32), np.empty_like(x)
    kernels.layer_norm(x, one, zero, 1e-5, out)
    assert_close(out, naive.layer_norm(x, one, zero), 4 * 100 * EPS)


# ---------------------------------------------------------------- matrix products


KINDS = ["float32", "float16", "bfloat16", "int8"]


def matrix(n_out: int, n_in: int, kind: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Random weights [n_out, n_in] that `kind` can hold, and the panels of them."""
    w = normal(n_out, n_in, seed=4)
    if kind == "int8":
        w = np.random.default_rng((n_out, n_in)).integers(-127, 128, (n_out, n_in), np.int8)
        return w, pack(w, NumberType.INT8)
    if kind == "float16":
        w = w.astype(np.float16).astype(np.float32)
        return w, pack(w, NumberType.FLOAT16)
    if kind == "bfloat16":
        w = (w.view(np.uint32) & 0xFFFF0000).view(np.float32)
        return w, pack(w, NumberType.BFLOAT16)
    return w, pack(w)


def product(x, panels, n_out, scale=None, bias=None) -> np.ndarray:
    scale = np.ones(n_out, np.float32) if scale is None else scale
    bias = np.zeros(n_out, np.float32) if bias is None else bias
    out = np.full((len(x), n_out), np.nan, np.float32)
    kernels.matmul(x, panels, scale, bias, out)
    return out


# Around a panel, and around the panels that are read at once for a single row.
N_OUT = [1, 2, 31, 32, 33, 65, tile.STREAMS * PANEL - 1, (tile.STREAMS + 1) * PANEL + 3]


@pytest.mark.parametrize("n_out", [1, 31, 32, 33, 70])
def test_panels_hold_each_weight_once_and_zeros(n_out):
    w = 1 + np.arange(2 * n_out * 3, dtype=np.float32).reshape(2, n_out, 3)
    packed = pack(w)
    assert packed.shape == (2, -(-n_out // 32), 3, 32)
    for i, n, k in np.ndindex(w.shape):
        assert packed[i, n // 32, k, n % 32] == w[i, n, k]
    assert np.count_nonzero(packed) == w.size


@pytest.mark.parametrize("kind", KINDS)
def test_panels_give_back_the_numbers_they_hold(kind):
    w, packed = matrix(40, 3, kind)
    assert packed.itemsize == {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}[kind]
    assert np.array_equal(as_float32(packed), pack(w.astype(np.float32)))


def test_numbers_that_bfloat16_holds_are_known():
    w, _ = matrix(40, 40, "bfloat16")
    assert is_bfloat16(w)
    assert is_bfloat16(w.T)
    for place in (0, -1):
        other = w.copy()
        other.flat[place] = np.float32(0.1)
        assert not is_bfloat16(other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_in", [1, 2, 7])
@pytest.mark.parametrize("n_out", N_OUT)
def test_products_of_every_shape(n_out, n_in, kind):
    (w, panels), x = matrix(n_out, n_in, kind), normal(2 * tile.TILE_ROWS + 3, n_in)
    scale, bias = 1 + normal(n_out, seed=5), normal(n_out, seed=6)
    want = naive.linear(x, w.astype(np.float64)) * scale + bias
    for T in range(len(x) + 1):
        assert_close(product(x[:T], panels, n_out, scale, bias), want[:T])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("T", [2, 96, 97, 101])
def test_products_past_the_blocks_of_rows_and_inputs(T, kind):
    """256 inputs at a time, and 96 rows of a panel that is not full."""
    for n_in in (255, 256, 257, 513):
        (w, panels), x = matrix(37, n_in, kind), normal(T, n_in)
        scale, bias = 1 + normal(37, seed=5), normal(37, seed=6)
        want = (x.astype(np.float64) @ w.T.astype(np.float64)) * scale + bias
        assert_close(product(x, panels, 37, scale, bias), want)


@pytest.mark.parametrize("n_out", [33, 64])
def test_products_touch_no_row_after_the_last(n_out):
    _, panels = matrix(n_out, 5)
    for T in range(1, 2 * tile.TILE_ROWS):
        out = np.full((T + tile.TILE_ROWS, n_out), 7, np.float32)
        kernels.matmul(normal(T, 5), panels, np.ones(n_out, np.float32), np.zeros(n_out, np.float32), out[:T])
        assert np.all(out[T:] == 7)
        assert not np.any(out[:T] == 7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_out", [33, (tile.STREAMS + 1) * PANEL])
def test_a_row_s_result_does_not_depend_on_the_rows_beside_it(n_out, kind):
    """Bit for bit: so speech does not depend on how the decoder's work was cut. (NumPy's product, without the compiler,
    rounds a row alone otherwise.)"""
    n_in = 300  # more than a block of inputs; enough rows for weights to be converted beforehand
    (_, panels), x = matrix(n_out, n_in, kind), normal(4 * tile.TILE_ROWS + 3, n_in)
    whole = product(x, panels, n_out)
    for T in (1, 2, 3, 4, 5, tile.TILE_ROWS):
        pieces = np.concatenate([product(x[t : t + T], panels, n_out) for t in range(0, len(x), T)])
        assert_close(pieces, whole, same_bits(n_in * EPS))


@pytest.mark.parametrize("kind", KINDS)
def test_long_sums_stay_within_the_rounding_bound(kind):
    """|error| ≤ n · EPS · Σ|w x|, whatever the order of the sum (Higham 2002, section 3.1)."""
    (w, panels), x = matrix(9, 600, kind), normal(5, 600)
    exact = x.astype(np.float64) @ w.T.astype(np.float64)
    bound = 600 * EPS * (np.abs(x).astype(np.float64) @ np.abs(w.T.astype(np.float64)))
    assert np.all(np.abs(product(x, panels, 9) - exact) <= bound)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_number_reaches_its_own_results_only(bad):
    x = normal(5, 6)
    x[2, 3] = bad
    with np.errstate(all="ignore"):
        out = product(x, matrix(9, 6)[1], 9)
    assert np.array_equal(np.isfinite(out).all(axis=1), [True, True, False, True, True])
    assert not np.isfinite(out[2]).any()


@pytest.mark.parametrize("T", [1, 2, 7])
def test_dot_rows(T):
    x, w, out = normal(T, 11), normal(1, 11), np.full(T, np.nan, np.float32)
    kernels.dot_rows(x, w[0], np.array([0.5], np.float32), out)
    assert_close(out, naive.linear(x, w)[:, 0] + 0.5)


# ---------------------------------------------------------------- products in integers

DOTS = [0, int(processor.has_byte_products())]  # without and with the instructions that not every processor has


def integer_product(x, w, scale, bias, has_dot=0) -> np.ndarray:
    out = np.full((len(x), len(w)), np.nan, np.float32)
    scratch = np.empty(integers_size(*x.shape), np.float32)
    integers.integer_product(x, pack(w, NumberType.INT8), scale, bias, out, has_dot, scratch)
    return out


@pytest.mark.parametrize("n_in", [1, 31, 32, 34, 255, 257, 300])
@pytest.mark.parametrize("n_out", [1, 32, 70])
def test_integer_products_are_those_of_rounded_rows(n_out, n_in):
    w, _ = matrix(n_out, n_in, "int8")
    x = normal(2 * integers.TILE_ROWS + 1, n_in) * np.logspace(-9, 3, 2 * integers.TILE_ROWS + 1)[:, None]
    x = x.astype(np.float32)
    x[1, :32] = 0
    scale, bias = 1 + normal(n_out, seed=5), np.zeros(n_out, np.float32)
    want = naive.linear(naive.rounded(x), w.astype(np.float64)) * scale
    for T in (1, 2, integers.TILE_ROWS, len(x)):
        got = [integer_product(x[:T], w, scale, bias, has_dot) for has_dot in DOTS]
        for t in range(T):  # each row by itself, as their sizes differ
            assert_close(got[0][t], want[t])
        assert np.array_equal(*got)
        assert np.array_equal(got[0][-1], integer_product(x[T - 1 : T], w, scale, bias)[0])
    shift = normal(n_out, seed=6)
    assert_close(integer_product(x[-1:], w, scale, shift), want[-1:] + shift)


@pytest.mark.parametrize("weight", [-128, 127])
@pytest.mark.parametrize("number", [-3, 3])
def test_the_largest_integers_fit(weight, number):
    """Nothing is cut off: 63 · 255 twice in 16 bits, 32 times in 32."""
    x, w = np.full((2, 64), number, np.float32), np.full((32, 64), weight, np.int8)
    for has_dot in DOTS:
        got = integer_product(x, w, np.ones(32, np.float32), np.zeros(32, np.float32), has_dot)
        assert_close(got, np.full((2, 32), 64.0 * number * weight))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_number_reaches_the_integer_products_of_its_own_row_only(bad):
    x = normal(5, 40)
    x[2, 37] = bad
    with np.errstate(all="ignore"):
        out = integer_product(x, matrix(9, 40, "int8")[0], np.ones(9, np.float32), np.zeros(9, np.float32))
    assert np.array_equal(np.isfinite(out).all(axis=1), [True, True, False, True, True])
    assert np.isnan(out[2]).all()


# ---------------------------------------------------------------- attention


def inv_freq(D: int, max_period: float = 10_000.0) -> np.ndarray:
    return (max_period ** (-2 * np.arange(D // 2) / D)).astype(np.float32)


@pytest.mark.parametrize("position", [0, 1, 250, 5000])
@pytest.mark.parametrize(("T", "H", "D"), [(1, 1, 2), (3, 2, 6), (2, 3, 8)])
def test_rope(position, T, H, D):
    """An angle is a float32 product, so it is wrong by up to position · 2 EPS radians, as it is in the reference."""
    x = normal(T, H, D)
    want = naive.rope(x, position)
    kernels.rope(x, position, inv_freq(D))
    assert_close(x, want, 1e-6 + 2 * EPS * (position + T))


def test_rope_makes_products_depend_on_distance_alone():
    q, k = normal(1, 1, 8, seed=1), normal(1, 1, 8, seed=2)
    products = []
    for shift in (0, 3, 40):
        a, b = q.copy(), k.copy()
        kernels.rope(a, 9 + shift, inv_freq(8))
        kernels.rope(b, 4 + shift, inv_freq(8))
        products.append((a * b).sum())
    assert_close(np.array(products), np.full(3, products[0]))


def attend(q, k, v, n_rows, context=UNLIMITED, kind=NumberType.FLOAT32):
    """kernels.attention on arrays as naive.attention has them. Rows that are not held yet are large, to be noticed."""
    cache = KVCache.from_rows(np.stack([k, v]).astype(np.float32)[None], len(k), kind)
    if kind is NumberType.FLOAT32:
        cache.keys[:, :, -1, :, (len(k) - 1) % 32 + 1 :] = 1e6
        cache.values[:, :, :, len(k) :] = 1e6
    out = np.full(q.shape, np.nan, np.float32)
    kernels.attention(
        (q / np.sqrt(q.shape[2])).astype(np.float32), cache.keys[0], cache.values[0], n_rows, context, out
    )
    return out


@pytest.mark.parametrize("context", [None, 1, 2, 5, 33, 40])
@pytest.mark.parametrize(("T", "n_rows"), [(1, 0), (1, 6), (5, 0), (9, 3), (1, 31), (1, 32), (3, 30), (2, 71), (9, 64)])
@pytest.mark.parametrize(("H", "H_kv", "D"), [(4, 2, 4), (3, 1, 34)])
def test_attention(T, n_rows, context, H, H_kv, D):
    q, k, v = normal(T, H, D), normal(n_rows + T, H_kv, D, seed=1), normal(n_rows + T, H_kv, D, seed=2)
    want = naive.attention(2 * q, k, v, context)
    assert_close(attend(2 * q, k, v, n_rows, context or UNLIMITED), want)


def test_attention_to_a_cache_of_float16_equals_that_to_its_rounded_rows():
    q, k, v = normal(3, 4, 6), normal(40, 2, 6, seed=1), normal(40, 2, 6, seed=2)
    want = naive.attention(q, k.astype(np.float16).astype(float), v.astype(np.float16).astype(float), 7)
    assert_close(attend(q, k, v, 37, 7, NumberType.FLOAT16), want)


def test_attention_with_a_context_of_one_is_the_value_itself():
    v = normal(5, 1, 4)
    assert np.array_equal(attend(normal(5, 1, 4, seed=1), normal(5, 1, 4, seed=2), v, 0, context=1), v)


def test_attention_to_equal_keys_is_the_mean():
    v = normal(12, 1, 4)
    got = attend(normal(1, 1, 4, seed=1), np.ones((12, 1, 4)), v, 11)
    assert_close(got[0, 0], v[:, 0].mean(axis=0))


@pytest.mark.parametrize("score", [1e4, 1e30])
def test_softmax_of_extremes_picks_the_largest(score):
    """Weights under e^-20 count as e^-20 = 2.1e-9: n rows take at most n times that from the largest."""
    n = 50
    k, v = np.full((n, 1, 2), -score), np.ones((n, 1, 2))
    k[17], v[17] = score, 0
    got = attend(np.full((1, 1, 2), 1.0), k, v, n - 1)
    assert np.all(got >= 0)
    assert np.all(got <= n * 2.1e-9 + EPS)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_key_is_not_hidden(bad):
    k = normal(6, 1, 4, seed=1)
    k[2] = bad
    with np.errstate(all="ignore"):
        assert np.isnan(attend(np.ones((1, 1, 4)), k, normal(6, 1, 4), 5)).all()


# ---------------------------------------------------------------- whole networks

STACKS = {
    "plain": FlowLMTransformerConfig(d_model=8, num_heads=2, num_layers=2, hidden_scale=2, max_period=10_000),
    "grouped": FlowLMTransformerConfig(
        d_model=6, attn_dim=16, num_heads=4, num_kv_heads=2, num_layers=3, hidden_scale=1, max_period=100
    ),
    "one key head": FlowLMTransformerConfig(
        d_model=6, attn_dim=12, num_heads=3, num_kv_heads=1, num_layers=1, dim_feedforward=5, hidden_scale=9,
        max_period=50,
    ),
}  # fmt: skip


def naive_stack(x, tensors, sizes, context):
    for i in range(sizes.num_layers):
        w = naive.scope(tensors, f"layers.{i}")
        x = naive.transformer_layer(x, w, sizes.num_heads, sizes.kv_heads, context, sizes.max_period)
    return x


@pytest.mark.parametrize("layer_scale", [False, True])
@pytest.mark.parametrize("context", [None, 4])
@pytest.mark.parametrize("sizes", STACKS.values(), ids=STACKS.keys())
def test_transformer(sizes, context, layer_scale):
    w = RandomWeights.seeded(1)
    stack = Transformer.load(w, sizes, sizes.max_period, context, layer_scale)
    x, state = normal(7, sizes.d_model), stack.init_state()
    got = np.concatenate([stack(x[:4], state), stack(x[4:], state)])
    assert_close(got, naive_stack(x, w.tensors, sizes, context), NETWORK)


N_HELD = (0, 5, 31, 40)  # rows of the caches that are stepped together


def stepped_together(stack: Transformer, x: np.ndarray, states: list[KVCache]) -> np.ndarray:
    return stack.step(x, states, [None] * len(states))


@pytest.mark.parametrize("context", [None, 4])
@pytest.mark.parametrize("sizes", STACKS.values(), ids=STACKS.keys())
def test_a_step_of_several_caches_is_that_of_each(sizes, context):
    w = RandomWeights.seeded(1)
    stack = Transformer.load(w, sizes, sizes.max_period, context)
    histories = [normal(n + 1, sizes.d_model, seed=n) for n in N_HELD]
    states = [stack.init_state() for _ in histories]
    for history, state in zip(histories, states, strict=True):
        stack(history[:-1], state)
    got = stepped_together(stack, np.stack([history[-1] for history in histories]), states)
    want = [naive_stack(history, w.tensors, sizes, context)[-1] for history in histories]
    assert_close(got, np.stack(want), NETWORK)
    assert [state.position for state in states] == [n + 1 for n in N_HELD]


@pytest.mark.parametrize("kind", NumberType)
@pytest.mark.parametrize("sizes", STACKS.values(), ids=STACKS.keys())
def test_a_row_s_step_does_not_depend_on_the_callers_beside_it(sizes, kind):
    """For any number of them, also where one has broken numbers in its cache."""
    cache = NumberType.FLOAT16 if kind in (NumberType.FLOAT16, NumberType.INT8) else NumberType.FLOAT32
    stack = Transformer.load(RandomWeights(storage=Storage(kind, cache=cache)), sizes, sizes.max_period)
    x, states = normal(9, sizes.d_model), [stack.init_state() for _ in range(9)]
    for i, state in enumerate(states):
        stack(normal(3 * i + 1, sizes.d_model, seed=i), state)
    alone = [stepped_together(stack, x[i : i + 1], [state.copy(1)])[0] for i, state in enumerate(states)]
    assert_close(np.stack(alone), np.concatenate([stack(x[i : i + 1], s.copy(1)) for i, s in enumerate(states)]), 0)
    for n in range(1, 10):
        got = stepped_together(stack, x[:n], [state.copy(1) for state in states[:n]])
        assert_close(got, np.stack(alone[:n]), same_bits(NETWORK))
    broken = [state.copy(1) for state in states]
    broken[4].keys[:] = broken[4].kind.bits(np.float32([np.nan]))[0]
    with np.errstate(all="ignore"):
        got = stepped_together(stack, x, broken)
    assert np.isnan(got[4]).all()
    assert_close(np.delete(got, 4, axis=0), np.delete(np.stack(alone), 4, axis=0), same_bits(NETWORK))


def rounded(w: np.ndarray, kind: NumberType) -> np.ndarray:
    """A matrix as it is after storing it as `kind`: int8 has 127 steps to the largest number of each row."""
    if kind is NumberType.FLOAT16:
        return w.astype(np.float16)
    step = np.abs(w).max(axis=1, keepdims=True) / 127
    return np.round(w / step) * step


@pytest.mark.parametrize("kind", [NumberType.INT8, NumberType.FLOAT16])
def test_transformer_with_rounded_weights(kind):
    sizes = STACKS["grouped"]
    w = RandomWeights.seeded(2).held_as(Storage(stacks=kind))
    stack = Transformer.load(w, sizes, sizes.max_period, layer_scale=True)
    tensors = w.tensors
    for leaf in ("self_attn.in_proj", "self_attn.out_proj", "linear1", "linear2"):
        for i in range(sizes.num_layers):
            name = f"layers.{i}.{leaf}.weight"
            tensors[name] = rounded(tensors[name], kind)
    x = normal(5, sizes.d_model)
    assert stack.weights.in_proj.itemsize == bytes_held(kind.stored.itemsize)
    assert_close(stack(x, stack.init_state()), naive_stack(x, tensors, sizes, None), NETWORK)


@pytest.mark.parametrize("sizes", STACKS.values(), ids=STACKS.keys())
def test_a_prompt_does_not_depend_on_the_calls_and_threads_that_read_it(sizes):
    stack = Transformer.load(RandomWeights(storage=Storage(NumberType.INT8)), sizes, sizes.max_period)
    x, states = normal(70, sizes.d_model), [stack.init_state() for _ in range(4)]
    within = same_bits(0.05)  # BLAS rounds otherwise, so that a number may become another integer
    whole = stack.prompt(x, states[0])
    for state, threads in ((states[1], 2), (states[2], 3)):
        assert_close(stack.prompt(x, state, threads), whole, within)
    assert_close(np.concatenate([stack.prompt(row[None], states[3]) for row in x]), whole, within)
    after = [stack(x[:1], state) for state in states]
    for step in after[1:]:
        assert_close(step, after[0], within)


def test_only_prompts_of_int8_are_rounded():
    sizes = STACKS["grouped"]
    for kind in NumberType:
        stack = Transformer.load(RandomWeights(storage=Storage(kind)), sizes, sizes.max_period)
        x = normal(9, sizes.d_model)
        prompted, made = stack.prompt(x, stack.init_state()), stack(x, stack.init_state())
        is_rounded = kind is NumberType.INT8 and processor.has_integer_products()
        assert np.array_equal(prompted, made) is not is_rounded
        assert_close(prompted, made, 0.05 if is_rounded else 0)  # half of one in 63, in each of 12 products


@pytest.mark.parametrize(("depth", "width", "latent", "condition"), [(1, 4, 3, 5), (3, 10, 8, 6), (2, 16, 1, 16)])
@pytest.mark.parametrize("sampler", ["lsd", "flow_matching", "drifting", "pointwise"])
def test_flow_net_and_samplers(depth, width, latent, condition, sampler):
    w = RandomWeights.seeded(3)
    net = FlowNet.load(w, FlowConfig(dim=width, depth=depth, type=sampler), latent, condition)
    z, noise = normal(condition), normal(latent)
    n_steps = 3 if sampler in ("lsd", "flow_matching") else 1

    def velocity(times, x):
        return naive.flow_net(z, times, x, w.tensors)

    want = naive.sample(sampler, velocity, noise.astype(np.float64), n_steps)
    assert_close(net.sample(z[None], noise[None], net.time_table(n_steps))[0], want, NETWORK)


@pytest.mark.parametrize("sampler", ["lsd", "drifting"])
@pytest.mark.parametrize("width", [10, 48])
def test_a_latent_does_not_depend_on_the_callers_beside_it(width, sampler):
    net = FlowNet.load(RandomWeights.seeded(3), FlowConfig(dim=width, depth=2, type=sampler), 7, 12)
    z, noise, times = normal(9, 12), normal(9, 7, seed=1), net.time_table(1)
    noise[4] = np.nan
    alone = np.concatenate([net.sample(z[i : i + 1], noise[i : i + 1], times) for i in range(9)])
    for n in range(1, 10):
        got = net.sample(z[:n], noise[:n], times)
        assert np.array_equal(np.isnan(got), np.isnan(alone[:n]))
        assert_close(np.nan_to_num(got), np.nan_to_num(alone[:n]), same_bits(NETWORK))


def test_the_flow_net_s_norms_have_an_eps_of_1e_6():
    """Rows so small that it matters: 1e-5, which the transformers have, would shrink them."""
    w = RandomWeights.seeded(4)
    net = FlowNet.load(w, FlowConfig(dim=8, depth=2, type="drifting"), 4, 8)
    tensors = w.tensors | {"input_proj.bias": np.zeros(8, np.float32)}
    net = dataclasses.replace(net, weights=net.weights._replace(in_bias=tensors["input_proj.bias"]))
    z, noise = normal(8), 1e-3 * normal(4)
    assert_close(net.sample(z[None], noise[None], net.time_table(1))[0], naive.flow_net(z, [], noise, tensors), NETWORK)


@pytest.mark.parametrize("kind", NumberType)
def test_a_tile_compiles_afresh(kind):
    """The generated instructions, not those in the cache: three rows and two panels of every kind of weight, in two
    blocks of inputs."""
    three_rows = tile.make_tile(3, 2, tile.COLUMNS)

    @numba.njit
    def call(x, w, scale, bias, out):
        for start, end in ((0, 3), (3, 5)):
            three_rows(x, 1, w, 0, 2, 4, start, end, 0, scale, bias, out, 1, 0, w, 0, 32)

    w = normal(96, 9)
    w = pack(10 * w, kind)
    x, scale, bias, out = normal(5, 5), normal(96), normal(96, seed=1), np.full((4, 96), np.nan, np.float32)
    call(x, w, scale, bias, out)
    columns = np.concatenate([np.arange(tile.COLUMNS), 64 + np.arange(tile.COLUMNS)])
    numbers = as_float32(w)[[0, 2], 4:, : tile.COLUMNS].astype(np.float64)
    want = np.einsum("tk,pkc->tpc", x[1:4].astype(np.float64), numbers).reshape(3, -1)
    assert_close(out[1:, columns], want * scale[columns] + bias[columns])
    assert np.isnan(np.delete(out, columns, axis=1)).all()
