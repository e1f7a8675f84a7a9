"""The compiled loops of the package at the sizes of a model, each beside its NumPy form: tools.bench --kernels.

Both are checked against each other, then timed in turns. A kernel that multiplies matrices, or reads more than the
caches of a core hold, is held against what the machine can do, which is measured first: its arithmetic at the speed
of BLAS or its bytes at the speed of memory, whichever takes longer (Williams et al. 2009, Roofline).
"""

import itertools
import statistics
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from pockettts_np.config.config import Config, SEANetConfig
from pockettts_np.config.load import load_config
from pockettts_np.kernels import entry_points as kernels
from pockettts_np.kernels.panels import NumberType, Panels
from pockettts_np.models.transformer import UNLIMITED, Transformer
from pockettts_np.modules import norm
from pockettts_np.modules.attention import KVCache
from pockettts_np.modules.conv import Conv1d, Conv1dToOne, ConvTranspose1d, Windows
from pockettts_np.modules.mlp import FlowNet
from pockettts_np.weights.checkpoint import Source, Weights
from pockettts_np.weights.packing import quantize_rows, stacked_panels
from pockettts_np.weights.storage import PUBLISHED, QUANTIZED
from tools.bench import numpy_kernels
from tools.bench.worker import relative_error, seconds

OPERATION, NETWORK = 1e-5, 1e-4  # largest error, relative to the largest value
BATCH_S = 0.02  # calls are timed in batches about so long
LIMIT_BYTES = 2**28
OUT_OF_CACHE_BYTES = 2**24
PAST_ROWS = 250  # in the language model's cache: a voice of ten seconds, a sentence, half of its speech
MATMUL_ROWS = (1, 4, 16, 32, 64)
PROMPT_ROWS = 64

Array = np.ndarray
rng = np.random.default_rng(0)


class Comparison(NamedTuple):
    """A kernel and its NumPy form: two functions that return the same array."""

    name: str
    size: str
    kernel: Callable[[], Array]
    plain: Callable[[], Array]
    n_bytes: int  # read and written
    n_flop: int = 0  # of matrix products; 0 where there are none
    tolerance: float = OPERATION
    n_cycled_bytes: int = 0  # of all matrices, where calls take turns with several


def measure_kernels(models: Iterable[str], reps: int, limit_bytes: int = LIMIT_BYTES) -> dict[str, Any]:
    """A row of figures for every kernel at the sizes of every model.

    Raises:
        ValueError: a kernel differs from its NumPy form.
    """
    from tools.bench.package import library_versions

    limits = {"GB/s": read_limit(limit_bytes, reps), "GFLOP/s": blas_limit(reps)}
    measured = [
        measure(comparison, limits, reps, Path(model).stem)
        for model in models
        for comparison in comparisons(load_config(model))
    ]
    return {"limits": limits, "rows": measured, "versions": library_versions()}


def measure(c: Comparison, limits: dict[str, float], reps: int, model: str) -> dict[str, Any]:
    error = relative_error(c.kernel(), c.plain())
    if not error <= c.tolerance:
        raise ValueError(f"{c.name} {c.size} differs from NumPy by {error:.2g}; at most {c.tolerance:g} is right.")
    kernel_s, numpy_s = time_in_turns(c.kernel, c.plain, reps)
    reads_memory = max(c.n_bytes, c.n_cycled_bytes) >= OUT_OF_CACHE_BYTES
    arithmetic_s = c.n_flop / limits["GFLOP/s"] / 1e9
    memory_s = c.n_bytes / limits["GB/s"] / 1e9 if reads_memory else 0.0
    bound_s = max(arithmetic_s, memory_s)
    unit, amount = ("GFLOP/s", c.n_flop) if arithmetic_s > memory_s else ("GB/s", c.n_bytes)
    return {
        "model": model,
        "name": c.name,
        "size": c.size,
        "kernel_s": kernel_s,
        "numpy_s": numpy_s,
        "rate": amount / kernel_s / 1e9,
        "unit": unit,
        "share": bound_s / kernel_s if bound_s else None,
    }


def time_in_turns(kernel: Callable[[], Array], plain: Callable[[], Array], reps: int) -> list[float]:
    """Seconds a call of both: medians of batches, taken in turns."""
    both = (kernel, plain)
    calls = [max(1, round(BATCH_S / max(seconds(run), 1e-9))) for run in both]
    batches = [[seconds(run, n) for run, n in zip(both, calls, strict=True)] for _ in range(reps)]
    return [statistics.median(times) for times in zip(*batches, strict=True)]


@njit(nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _sum_of_eight_streams(x):  # type: ignore[no-untyped-def]  # Numba infers the types
    n = x.size // 8
    total = np.float32(0)
    a, b, c, d = x[:n], x[n : 2 * n], x[2 * n : 3 * n], x[3 * n : 4 * n]
    e, f, g, h = x[4 * n : 5 * n], x[5 * n : 6 * n], x[6 * n : 7 * n], x[7 * n : 8 * n]
    for i in range(n):
        total += ((a[i] + b[i]) + (c[i] + d[i])) + ((e[i] + f[i]) + (g[i] + h[i]))
    return total


def read_limit(n_bytes: int, reps: int) -> float:
    """GB/s of the fastest of three ways to read an array larger than the caches."""
    x = np.ones(n_bytes // 4, np.float32)
    matrix, vector = x.reshape(-1, 1024), np.ones(1024, np.float32)
    ways = (lambda: _sum_of_eight_streams(x), lambda: matrix @ vector, lambda: x @ x)
    for way in ways:
        way()
    return x.nbytes / min(seconds(way) for _ in range(reps) for way in ways) / 1e9


def blas_limit(reps: int) -> float:
    """GFLOP/s of NumPy's product of two large matrices."""
    a = np.ones((1024, 1024), np.float32)
    a @ a
    return 2 * 1024**3 / min(seconds(lambda: a @ a) for _ in range(3 * reps)) / 1e9


# ---------------------------------------------------------------- the sizes of a model


def normal(*shape: int) -> Array:
    return rng.standard_normal(shape, np.float32)


class RandomWeights(Weights):
    """Stands for a checkpoint: it has every tensor that it is asked for, and gives it again by name."""

    @property
    def is_int8(self) -> bool:
        return self.storage.stacks is NumberType.INT8

    def has(self, name: str) -> bool:
        return False

    def _claim(self, name: str, shape: tuple[int, ...]) -> Source:
        array = normal(*shape) / np.float32(np.sqrt(shape[-1])) if len(shape) > 1 else 1 + normal(*shape) / 10
        self.sources[self.prefix + name] = Source(lambda: array.shape, lambda: array, lambda: array, lambda: None)
        return self.sources[self.prefix + name]

    def tensor(self, name: str) -> Array:
        return self.sources[name].read()

    def matrix(self, name: str) -> numpy_kernels.Matrix:
        values = self.tensor(name)
        if self.is_int8:
            return numpy_kernels.Matrix(*quantize_rows(values))
        return numpy_kernels.Matrix(values, np.ones(len(values), np.float32))


def random_weights(quantize: bool = False) -> RandomWeights:
    """Held as `load_model(quantize=…)` does: int8 matrices and float16 caches."""
    return RandomWeights("", {}, QUANTIZED.language_model if quantize else PUBLISHED)


def dtype_name(quantize: bool) -> str:
    return "int8" if quantize else "float32"


def comparisons(config: Config) -> Iterator[Comparison]:
    """Every kernel at the sizes of a model."""
    yield from element_kernels(config)
    if isinstance(config.mimi.decoder_head, SEANetConfig):
        yield from seanet_kernels(config.mimi.decoder_head, config.mimi.frame_stride, config.mimi.frame_samples)
    for quantize in (False, True):
        yield from matrix_kernels(config, quantize)
    yield from attention_kernels(config)
    for quantize in (False, True):
        yield from network_kernels(config, quantize)


def element_kernels(config: Config) -> Iterator[Comparison]:
    mimi = config.mimi
    hidden = normal(mimi.frame_stride, mimi.decoding_transformer.ff_dim)
    yield activation_kernel("gelu", kernels.gelu, numpy_kernels.gelu, hidden)
    yield layer_norm_kernel(normal(1, config.flow_lm.transformer.d_model))
    yield layer_norm_kernel(normal(mimi.frame_stride, mimi.decoding_transformer.d_model))


def activation_kernel(
    name: str, kernel: Callable[[Array], Any], plain: Callable[[Array], Array], x: Array
) -> Comparison:
    def run() -> Array:
        out = x.copy()  # the kernel works in place
        kernel(out)
        return out

    return Comparison(name, "×".join(map(str, x.shape)), run, lambda: plain(x), 2 * x.nbytes)


def layer_norm_kernel(x: Array) -> Comparison:
    layer = norm.LayerNorm(1 + normal(x.shape[1]) / 10, normal(x.shape[1]))
    return Comparison(
        "layer_norm",
        "×".join(map(str, x.shape)),
        lambda: layer(x),
        lambda: numpy_kernels.layer_norm(x, layer.weight, layer.bias),
        2 * x.nbytes,
    )


def seanet_kernels(seanet: SEANetConfig, n_rows: int, n_samples: int) -> Iterator[Comparison]:
    """For one frame: the ELU, the first, the last and a residual convolution, the first and last transposed one."""
    widest, filters = seanet.n_filters * 2 ** len(seanet.ratios), seanet.n_filters
    first, last = seanet.ratios[0], seanet.ratios[-1]
    yield activation_kernel("elu", kernels.elu, numpy_kernels.elu, normal(n_samples, filters))
    yield conv_kernel(n_rows, seanet.dimension, widest, seanet.kernel_size)
    yield conv_kernel(n_samples, filters, filters // seanet.compress, seanet.residual_kernel_size)
    yield conv_kernel(n_samples, filters, seanet.channels, seanet.last_kernel_size)
    yield conv_transpose_kernel(n_rows, widest, widest // 2, first)
    yield conv_transpose_kernel(n_samples // last, 2 * filters, filters, last)


def conv_kernel(n_rows: int, n_in: int, n_out: int, kernel_size: int) -> Comparison:
    w, x = random_weights(), normal(n_rows, n_in)
    windows = Windows(n_in, kernel_size)
    conv = Conv1dToOne.load(w, windows) if n_out == 1 else Conv1d.load(w, windows, n_out)
    state, plain = conv.init_state(), numpy_kernels.Conv1d(w.tensor("weight"), w.tensor("bias"))
    return Comparison(
        "convolution",
        f"{n_rows} rows, {n_in} → {n_out}, kernel {kernel_size}",
        lambda: conv(x, state),
        lambda: plain(x),
        x.nbytes + w.tensor("weight").nbytes,
        2 * n_rows * w.tensor("weight").size,
    )


def conv_transpose_kernel(n_rows: int, n_in: int, n_out: int, stride: int) -> Comparison:
    w, x = random_weights(), normal(n_rows, n_in)
    conv = ConvTranspose1d.load(w, n_in, n_out, 2 * stride, stride)
    state, plain = conv.init_state(), numpy_kernels.ConvTranspose1d(w.tensor("weight"), w.tensor("bias"))
    return Comparison(
        "transposed convolution",
        f"{n_rows} rows, {n_in} → {n_out}, stride {stride}",
        lambda: conv(x, state),
        lambda: plain(x),
        x.nbytes + w.tensor("weight").nbytes,
        2 * n_rows * w.tensor("weight").size,
    )


def matrix_kernels(config: Config, quantize: bool) -> Iterator[Comparison]:
    """The first feed-forward product of the language model; the layers take turns, as in a step."""
    sizes, w = config.flow_lm.transformer, random_weights(quantize)
    panels = stacked_panels(w, "{}", sizes.num_layers, (sizes.ff_dim, sizes.d_model))
    plain = [w.matrix(str(i)) for i in range(sizes.num_layers)]
    x = normal(max(MATMUL_ROWS), sizes.d_model)
    for n_rows in MATMUL_ROWS:
        yield matmul_kernel(x[:n_rows], panels, plain)


def matmul_kernel(x: Array, panels: Panels, plain: list[numpy_kernels.Matrix]) -> Comparison:
    turns, plain_turns = itertools.cycle(range(len(plain))), itertools.cycle(plain)
    no_bias = np.zeros(panels.n_out, np.float32)

    def kernel() -> Array:
        i = next(turns)
        out = np.empty((len(x), panels.n_out), np.float32)
        kernels.matmul(x, panels.data[i], panels.scale[i], no_bias, out)
        return out

    n_out, n_in = plain[0].values.shape
    return Comparison(
        "matrix product",
        f"{rows(len(x))}, {n_in} → {n_out}, {plain[0].values.dtype}",
        kernel,
        lambda: next(plain_turns)(x),
        plain[0].values.nbytes,
        2 * len(x) * n_in * n_out,
        n_cycled_bytes=len(plain) * plain[0].values.nbytes,
    )


def rows(n: int) -> str:
    return f"{n} row{'s' * (n > 1)}"


def attention_kernels(config: Config) -> Iterator[Comparison]:
    lm, decoder = config.flow_lm.transformer, config.mimi.decoding_transformer
    for sizes, n_new, context in ((lm, 1, UNLIMITED), (decoder, config.mimi.frame_stride, decoder.context)):
        n_rows = min(PAST_ROWS, context)
        q = normal(n_new, sizes.num_heads, sizes.head_dim) / np.float32(np.sqrt(sizes.head_dim))
        kv = normal(2, sizes.kv_heads, n_rows + n_new, sizes.head_dim)
        yield attention_kernel(q, kv, n_rows, context)


def attention_kernel(q: Array, kv: Array, n_rows: int, context: int) -> Comparison:
    cache = KVCache.from_rows(kv[None].transpose(0, 1, 3, 2, 4), kv.shape[2])

    def kernel() -> Array:
        out = np.empty_like(q)
        kernels.attention(q, cache.keys[0], cache.values[0], n_rows, context, out)
        return out

    return Comparison(
        "attention",
        f"{rows(len(q))} over {kv.shape[2]}, {q.shape[1]} heads of {q.shape[2]}, {kv.shape[1]} of keys",
        kernel,
        lambda: numpy_kernels.attention(q, kv, n_rows, context),
        kv.nbytes,
        4 * q.size * kv.shape[2],
    )


def network_kernels(config: Config, quantize: bool) -> Iterator[Comparison]:
    """Whole steps of the transformers, and the flow net."""
    lm, decoder = config.flow_lm, config.mimi.decoding_transformer
    w = random_weights(quantize)
    stack = Transformer.load(w, lm.transformer, lm.transformer.max_period)
    yield transformer_kernel("language-model step", w, stack, 1, PAST_ROWS)
    yield transformer_kernel("language-model prompt", w, stack, PROMPT_ROWS, 0)
    if not quantize:
        w = random_weights()
        stack = Transformer.load(w, decoder, decoder.max_period, decoder.context)
        past = min(PAST_ROWS, decoder.context)
        yield transformer_kernel("decoder transformer", w, stack, config.mimi.frame_stride, past)
    yield flow_net_kernel(config, quantize)


def transformer_kernel(name: str, w: RandomWeights, stack: Transformer, n_new: int, n_rows: int) -> Comparison:
    n_layers, width = len(stack.weights.norm1), stack.weights.norm1.shape[2]
    plain = numpy_kernels.Transformer(w.tensor, w.matrix, n_layers)
    past, x = normal(n_layers, 2, n_rows, stack.n_kv_heads, 2 * len(stack.inv_freq)), normal(n_new, width)
    state = KVCache.from_rows(past, n_rows, stack.cache_kind)
    kv: Array = np.pad(past, [(0, 0), (0, 0), (0, n_new), (0, 0), (0, 0)]).swapaxes(2, 3)
    kv = kv.astype(stack.cache_kind.value)

    def kernel() -> Array:
        state.n_rows = state.position = n_rows
        return stack(x, state)

    return Comparison(
        name,
        f"{rows(n_new)} after {n_rows}, {n_layers} layers of {width}, {dtype_name(w.is_int8)}",
        kernel,
        lambda: plain(x, kv, n_rows, stack.context, stack.inv_freq),
        sum(m.values.nbytes for m in plain.matrices) + kv.nbytes,
        2 * n_new * sum(m.values.size for m in plain.matrices),
        NETWORK,
    )


def flow_net_kernel(config: Config, quantize: bool) -> Comparison:
    sizes, w = config.flow_lm.flow, random_weights(quantize)
    net = FlowNet.load(w, sizes, config.mimi.latent_dim, config.flow_lm.condition_dim)
    plain = numpy_kernels.FlowNet(w.tensor, w.matrix, sizes.depth)
    x, condition = normal(1, config.mimi.latent_dim), normal(1, sizes.dim)
    return Comparison(
        "flow net",
        f"{sizes.depth} blocks of {sizes.dim}, {dtype_name(quantize)}",
        lambda: net.velocity(x, condition),
        lambda: plain(x[0], condition[0])[None],
        sum(m.values.nbytes for m in plain.matrices),
        2 * sum(m.values.size for m in plain.matrices),
        NETWORK,
    )
