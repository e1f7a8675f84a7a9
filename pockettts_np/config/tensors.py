"""What a checkpoint holds: the name and the shape of every tensor, from the configuration alone.

The names are those of the released files. A file is held against this before anything is built of it; loading then
takes tensor by tensor.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .config import (
    Config,
    FlowConfig,
    FlowLMConfig,
    FlowLMTransformerConfig,
    MimiConfig,
    MimiTransformerConfig,
    SEANetConfig,
    SourceFilterConfig,
)

TIME_FREQUENCIES = 256  # sines and cosines of a time that the flow net is told
SPEAKER_PROJECTION = "flow_lm.speaker_proj_weight"
ENCODER = "mimi.encoder."
CLONING = (SPEAKER_PROJECTION, ENCODER, "mimi.encoder_transformer.", "mimi.downsample.")  # needed for cloning alone

Shape = tuple[int, ...]
Tensors = Iterator[tuple[str, Shape]]


@dataclass(frozen=True)
class MatrixStack:
    """Matrices [n_out, n_in], one a layer, that a quantised file holds as one int8 tensor with its scales."""

    pattern: str  # of their names: {} is the number of the layer
    n_layers: int
    shape: tuple[int, int]

    @property
    def names(self) -> list[str]:
        return [self.pattern.format(i) for i in range(self.n_layers)]

    @property
    def name(self) -> str:
        """Of the stack in a quantised file."""
        return self.pattern.format("*")

    @property
    def scale_name(self) -> str:
        return f"{self.name}_scale"


def tensors_of(config: Config) -> dict[str, Shape]:
    """All tensors of a whole checkpoint, with the encoder where the configuration has one, by name."""
    return dict(_flow_lm(config)) | dict(_mimi(config.mimi))


def is_for_cloning(name: str) -> bool:
    """Whether a tensor may be left out of a checkpoint that cannot clone voices."""
    return name.startswith(CLONING)


def language_model_stacks(config: Config) -> list[MatrixStack]:
    """The matrices of the language model that are quantised: nearly all of its numbers."""
    c = config.flow_lm
    layers = [
        MatrixStack(f"flow_lm.transformer.layers.{{}}.{name}.weight", c.transformer.num_layers, shape)
        for name, shape in _layer_matrices(c.transformer).items()
    ]
    h = c.flow.dim
    blocks = {"mlp.0": (h, h), "mlp.2": (h, h), "adaLN_modulation.1": (3 * h, h)}
    return [
        *layers,
        *(
            MatrixStack(f"flow_lm.flow_net.res_blocks.{{}}.{name}.weight", c.flow.depth, blocks[name])
            for name in blocks
        ),
        MatrixStack("flow_lm.flow_net.final_layer.adaLN_modulation.1.weight", 1, (2 * h, h)),
    ]


# ---------------------------------------------------------------- the language model


def _flow_lm(config: Config) -> Tensors:
    c, latent_dim, d = config.flow_lm, config.mimi.latent_dim, config.flow_lm.transformer.d_model
    yield from _conditioner(c)
    yield "flow_lm.input_linear.weight", (d, latent_dim)
    yield "flow_lm.bos_emb", (latent_dim,)
    if c.insert_bos_before_voice:
        yield "flow_lm.bos_before_voice", (1, 1, d)
    yield from _layers("flow_lm.transformer", c.transformer)
    yield from _norm("flow_lm.out_norm", d)
    if c.z_dim:
        yield "flow_lm.z_proj.weight", (c.z_dim, d)
    yield from _linear("flow_lm.out_eos", c.condition_dim, 1)
    yield from _flow_net("flow_lm.flow_net", c.flow, latent_dim, c.condition_dim)
    yield "flow_lm.emb_std", (latent_dim,)
    yield "flow_lm.emb_mean", (latent_dim,)
    yield SPEAKER_PROJECTION, (d, config.mimi.encoder_dim)


def _conditioner(c: FlowLMConfig) -> Tensors:
    table, d = c.lookup_table, c.transformer.d_model
    yield "flow_lm.conditioner.embed.weight", (table.n_bins + 1, table.rank or d)
    if table.rank:
        yield "flow_lm.conditioner.proj.weight", (d, table.rank)


def _flow_net(name: str, flow: FlowConfig, latent_dim: int, condition_dim: int) -> Tensors:
    h = flow.dim
    yield from _linear(f"{name}.input_proj", latent_dim, h)
    for i in range(flow.depth):
        block = f"{name}.res_blocks.{i}"
        yield from _norm(f"{block}.in_ln", h)
        yield from _linear(f"{block}.mlp.0", h, h)
        yield from _linear(f"{block}.mlp.2", h, h)
        yield from _linear(f"{block}.adaLN_modulation.1", h, 3 * h)
    yield from _linear(f"{name}.final_layer.adaLN_modulation.1", h, 2 * h)
    yield from _linear(f"{name}.final_layer.linear", h, latent_dim)
    for i in range(flow.n_time_conditions):
        time = f"{name}.time_embed.{i}"
        yield f"{time}.freqs", (TIME_FREQUENCIES // 2,)
        yield from _linear(f"{time}.mlp.0", TIME_FREQUENCIES, h)
        yield from _linear(f"{time}.mlp.2", h, h)
        yield f"{time}.mlp.3.alpha", (h,)
    yield from _linear(f"{name}.cond_embed", condition_dim, h)


# ---------------------------------------------------------------- the codec


def _mimi(c: MimiConfig) -> Tensors:
    head, width, stride = c.decoder_head, c.decoder_head.dimension, c.frame_stride
    yield "mimi.quantizer.output_proj.weight", (width, c.latent_dim, 1)
    yield "mimi.upsample.convtr.convtr.weight", (width, 1, 2 * stride)
    yield from _projected("mimi.decoder_transformer", c.decoding_transformer, width)
    if isinstance(head, SourceFilterConfig):
        yield from _norm("mimi.filters.norm", width)
        yield from _linear("mimi.filters.linear", width, head.n_parameters)
    else:
        yield from _seanet_decoder("mimi.decoder.model", head)
    if c.seanet and c.transformer:
        yield from _seanet_encoder("mimi.encoder.model", c.seanet)
        yield from _projected("mimi.encoder_transformer", c.transformer, c.seanet.dimension)
        yield "mimi.downsample.conv.conv.weight", (c.encoder_dim, c.seanet.dimension, 2 * stride)


def _projected(name: str, transformer: MimiTransformerConfig, width: int) -> Tensors:
    d = transformer.d_model
    if d != width:
        yield f"{name}.input_proj.weight", (d, width)
        yield f"{name}.output_projs.0.weight", (width, d)
    yield from _layers(f"{name}.transformer", transformer)
    for i in range(transformer.num_layers):
        for branch in (1, 2):
            yield f"{name}.transformer.layers.{i}.layer_scale_{branch}.scale", (d,)


def _seanet_encoder(name: str, s: SEANetConfig) -> Tensors:
    """Layers are counted with the ELUs between them, which have no tensors."""
    width = s.n_filters
    yield from _conv(f"{name}.0.conv", s.channels, width, s.kernel_size)
    index = 1
    for ratio in reversed(s.ratios):
        yield from _residuals(name, index, width, s)
        index += s.n_residual_layers + 1
        yield from _conv(f"{name}.{index}.conv", width, 2 * width, 2 * ratio)
        index, width = index + 1, 2 * width
    yield from _conv(f"{name}.{index + 1}.conv", width, s.dimension, s.last_kernel_size)


def _seanet_decoder(name: str, s: SEANetConfig) -> Tensors:
    width = s.n_filters * 2 ** len(s.ratios)
    yield from _conv(f"{name}.0.conv", s.dimension, width, s.kernel_size)
    index = 1
    for ratio in s.ratios:
        yield f"{name}.{index + 1}.convtr.weight", (width, width // 2, 2 * ratio)
        yield f"{name}.{index + 1}.convtr.bias", (width // 2,)
        index, width = index + 2, width // 2
        yield from _residuals(name, index, width, s)
        index += s.n_residual_layers
    yield from _conv(f"{name}.{index + 1}.conv", width, s.channels, s.last_kernel_size)


def _residuals(name: str, index: int, width: int, s: SEANetConfig) -> Tensors:
    hidden = width // s.compress
    for i in range(index, index + s.n_residual_layers):
        yield from _conv(f"{name}.{i}.block.1.conv", width, hidden, s.residual_kernel_size)
        yield from _conv(f"{name}.{i}.block.3.conv", hidden, width, 1)


# ---------------------------------------------------------------- layers


def _layer_matrices(t: FlowLMTransformerConfig | MimiTransformerConfig) -> dict[str, tuple[int, int]]:
    d = t.d_model
    return {
        "self_attn.in_proj": (t.q_dim + 2 * t.kv_heads * t.head_dim, d),
        "self_attn.out_proj": (d, t.q_dim),
        "linear1": (t.ff_dim, d),
        "linear2": (d, t.ff_dim),
    }


def _layers(name: str, t: FlowLMTransformerConfig | MimiTransformerConfig) -> Tensors:
    for i in range(t.num_layers):
        for leaf, shape in _layer_matrices(t).items():
            yield f"{name}.layers.{i}.{leaf}.weight", shape
        for norm in ("norm1", "norm2"):
            yield from _norm(f"{name}.layers.{i}.{norm}", t.d_model)


def _linear(name: str, n_in: int, n_out: int) -> Tensors:
    yield f"{name}.weight", (n_out, n_in)
    yield f"{name}.bias", (n_out,)


def _conv(name: str, n_in: int, n_out: int, kernel_size: int) -> Tensors:
    yield f"{name}.weight", (n_out, n_in, kernel_size)
    yield f"{name}.bias", (n_out,)


def _norm(name: str, width: int) -> Tensors:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)
