"""What one frame of speech asks of a processor: matrix products, activations and bytes, from a configuration alone.

Counted are a step of the language model with PAST_ROWS rows behind it, one evaluation of the flow net, and the decoding
of the latent. Norms, rotary embeddings, copies and what Python and NumPy do are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pockettts_np.config.config import (
    Config,
    FlowLMTransformerConfig,
    MimiTransformerConfig,
    SEANetConfig,
    SourceFilterConfig,
)
from pockettts_np.kernels.panels import PANEL, NumberType, n_panels

PAST_ROWS = 250  # in the language model's cache: a voice of ten seconds, a sentence, half of its speech


@dataclass(frozen=True)
class Product:
    """`count` products of [rows, n_in] with different matrices [n_out, n_in]."""

    n_rows: int
    n_out: int
    n_in: int
    kind: NumberType
    count: int = 1

    @property
    def n_multiply_adds(self) -> int:
        return self.count * self.n_rows * self.n_out * self.n_in

    @property
    def n_bytes(self) -> int:
        """Of the matrices, as panels hold them."""
        return self.count * n_panels(self.n_out) * PANEL * self.n_in * self.kind.stored.itemsize


@dataclass(frozen=True)
class Work:
    """Of one network, for one frame."""

    products: tuple[Product, ...]
    activations: dict[str, int]  # numbers that go through elu, gelu or silu
    dot_multiply_adds: int  # of attention and of the last convolution, which are products of vectors
    dot_bytes: int  # keys and values

    @property
    def n_bytes(self) -> int:
        return self.dot_bytes + sum(product.n_bytes for product in self.products)

    @property
    def n_multiply_adds(self) -> int:
        return self.dot_multiply_adds + sum(product.n_multiply_adds for product in self.products)


@dataclass(frozen=True)
class Kinds:
    """In which numbers a model is held."""

    stacks: NumberType  # the language model's matrices that layers have alike
    lone: NumberType  # its others
    cache: NumberType  # its keys and values
    codec: NumberType  # the codec's matrices
    codec_cache: NumberType


PUBLISHED = Kinds(NumberType.BFLOAT16, NumberType.BFLOAT16, NumberType.FLOAT32, NumberType.BFLOAT16, NumberType.FLOAT32)
QUANTIZED = Kinds(NumberType.INT8, NumberType.FLOAT16, NumberType.FLOAT16, NumberType.FLOAT16, NumberType.FLOAT16)


def language_model(config: Config, kinds: Kinds) -> Work:
    """A step of the language model, and the flow net once."""
    c, latent = config.flow_lm, config.mimi.latent_dim
    t, h, depth = c.transformer, c.flow.dim, c.flow.depth
    lone = [(t.d_model, latent), (h, c.condition_dim)] + ([(c.z_dim, t.d_model)] if c.z_dim else [])
    products = [
        *_layer_products(t, 1, kinds.stacks),
        *(Product(1, n_out, n_in, kinds.lone) for n_out, n_in in lone),
        Product(1, h, h, kinds.stacks, 2 * depth),
        Product(1, 3 * h, h, kinds.stacks, depth),
        Product(1, 2 * h, h, kinds.stacks),
        Product(1, h, latent, NumberType.FLOAT32),
        Product(1, latent, h, NumberType.FLOAT32),
    ]
    keys = 2 * t.num_layers * t.kv_heads * t.head_dim
    return Work(
        products=tuple(products),
        activations={"gelu": t.num_layers * t.ff_dim, "silu": (depth + 1) * h},
        dot_multiply_adds=2 * t.num_layers * t.q_dim * PAST_ROWS,
        dot_bytes=keys * PAST_ROWS * kinds.cache.stored.itemsize,
    )


def decoder(config: Config, kinds: Kinds) -> Work:
    """A latent to samples."""
    mimi, t, head = config.mimi, config.mimi.decoding_transformer, config.mimi.decoder_head
    n_rows = mimi.frame_stride
    products = [
        Product(1, head.dimension, mimi.latent_dim, kinds.codec),
        *_layer_products(t, n_rows, kinds.codec),
        *(Product(n_rows, a, b, kinds.codec) for a, b in _projections(t.d_model, head.dimension)),
    ]
    elu = last = 0
    if isinstance(head, SourceFilterConfig):
        products.append(Product(n_rows, head.n_parameters, head.dimension, kinds.codec))
    else:
        elu = mimi.frame_samples * head.n_filters  # before the last convolution
        last = elu * head.last_kernel_size
        for product, n_read in _seanet_products(head, n_rows, kinds.codec):
            products.append(product)
            elu += n_read
    seen = t.context + n_rows
    return Work(
        products=tuple(products),
        activations={"gelu": n_rows * t.num_layers * t.ff_dim, "elu": elu},
        dot_multiply_adds=2 * t.num_layers * n_rows * t.d_model * seen + last,
        dot_bytes=2 * t.num_layers * t.d_model * seen * kinds.codec_cache.stored.itemsize,
    )


def _layer_products(
    t: FlowLMTransformerConfig | MimiTransformerConfig, n_rows: int, kind: NumberType
) -> Iterator[Product]:
    keys_and_values = 2 * t.kv_heads * t.head_dim
    for n_out, n_in in (
        (t.q_dim + keys_and_values, t.d_model),
        (t.d_model, t.q_dim),
        (t.ff_dim, t.d_model),
        (t.d_model, t.ff_dim),
    ):
        yield Product(n_rows, n_out, n_in, kind, t.num_layers)


def _projections(inside: int, outside: int) -> tuple[tuple[int, int], ...]:
    """The matrices before and behind a transformer of another width."""
    return ((inside, outside), (outside, inside)) if inside != outside else ()


def _seanet_products(s: SEANetConfig, n_rows: int, kind: NumberType) -> Iterator[tuple[Product, int]]:
    """The decoder's convolutions but the last, as products of windows; how many numbers the ELU before each reads."""
    width = s.n_filters * 2 ** len(s.ratios)
    yield Product(n_rows, width, s.kernel_size * s.dimension, kind), 0
    for ratio in s.ratios:
        yield Product(n_rows, ratio * width // 2, 2 * width, kind), n_rows * width
        n_rows, width = n_rows * ratio, width // 2
        hidden = width // s.compress
        for _ in range(s.n_residual_layers):
            yield Product(n_rows, hidden, s.residual_kernel_size * width, kind), n_rows * width
            yield Product(n_rows, width, hidden, kind), n_rows * hidden
