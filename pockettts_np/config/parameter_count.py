"""How many parameters a configuration has, counted without its weights."""

from dataclasses import dataclass

from .config import Config, FlowConfig, FlowLMConfig, FlowLMTransformerConfig, MimiTransformerConfig, SEANetConfig

_TIME_FREQUENCIES = 256  # as in flow_net.py, which would bring the compiler along


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters: of the two parts that speak, and of what only cloning needs."""

    language_model: int
    decoder: int
    cloning: int  # the encoder and the speaker projection


def count_parameters(config: Config) -> Parameters:
    """As many numbers as a whole checkpoint of this configuration holds."""
    mimi, seanet = config.mimi, config.mimi.decoding_seanet
    decoder = mimi.latent_dim * seanet.dimension + 2 * mimi.frame_stride * seanet.dimension
    decoder += _projected(mimi.decoding_transformer, seanet.dimension) + _seanet_decoder(seanet)
    cloning = 0
    if mimi.seanet and mimi.transformer:
        width = mimi.seanet.dimension
        cloning = _seanet_encoder(mimi.seanet) + _projected(mimi.transformer, width)
        cloning += 2 * mimi.frame_stride * width * mimi.encoder_dim
        cloning += config.flow_lm.transformer.d_model * mimi.encoder_dim
    return Parameters(_flow_lm(config.flow_lm, mimi.latent_dim), decoder, cloning)


def _linear(n_in: int, n_out: int) -> int:
    return n_in * n_out + n_out


def _conv(n_in: int, n_out: int, kernel_size: int) -> int:
    return n_in * n_out * kernel_size + n_out


def _flow_lm(c: FlowLMConfig, latent_dim: int) -> int:
    d, table = c.transformer.d_model, c.lookup_table
    text = (table.n_bins + 1) * (table.rank or d) + (table.rank or 0) * d
    ends = latent_dim * d + 3 * latent_dim + 2 * d + _linear(c.condition_dim, 1)
    ends += d * c.insert_bos_before_voice + d * (c.z_dim or 0)
    return text + ends + _transformer(c.transformer, n_vectors=4) + _flow_net(c.flow, latent_dim, c.condition_dim)


def _projected(t: MimiTransformerConfig, width: int) -> int:
    projections = 0 if t.d_model == width else 2 * t.d_model * width
    return projections + _transformer(t, n_vectors=6)


def _transformer(t: FlowLMTransformerConfig | MimiTransformerConfig, n_vectors: int) -> int:
    """`n_vectors` [d_model] a layer: four of the norms, in the codec also two scales."""
    d, kv_dim = t.d_model, t.kv_heads * t.head_dim
    attention = d * (t.q_dim + 2 * kv_dim) + t.q_dim * d
    return t.num_layers * (attention + 2 * d * t.ff_dim + n_vectors * d)


def _flow_net(flow: FlowConfig, latent_dim: int, condition_dim: int) -> int:
    h = flow.dim
    block = _linear(h, 3 * h) + 2 * _linear(h, h) + 2 * h
    time = _TIME_FREQUENCIES // 2 + _linear(_TIME_FREQUENCIES, h) + _linear(h, h) + h
    ends = _linear(latent_dim, h) + _linear(condition_dim, h) + _linear(h, 2 * h) + _linear(h, latent_dim)
    return flow.depth * block + flow.n_time_conditions * time + ends


def _seanet_encoder(s: SEANetConfig) -> int:
    width, total = s.n_filters, _conv(s.channels, s.n_filters, s.kernel_size)
    for ratio in reversed(s.ratios):
        total += _residuals(s, width) + _conv(width, 2 * width, 2 * ratio)
        width *= 2
    return total + _conv(width, s.dimension, s.last_kernel_size)


def _seanet_decoder(s: SEANetConfig) -> int:
    width, total = s.n_filters, _conv(s.n_filters, s.channels, s.last_kernel_size)
    for ratio in reversed(s.ratios):
        total += _residuals(s, width) + _conv(2 * width, width, 2 * ratio)
        width *= 2
    return total + _conv(s.dimension, width, s.kernel_size)


def _residuals(s: SEANetConfig, width: int) -> int:
    hidden = width // s.compress
    return s.n_residual_layers * (_conv(width, hidden, s.residual_kernel_size) + _conv(hidden, width, 1))
