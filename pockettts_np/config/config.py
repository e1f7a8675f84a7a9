"""What a model is made of: frozen dataclasses, read from TOML or from the reference's YAML and checked.

Field names and nesting are those of the configuration files published with Pocket TTS, so either format maps
one to one. Every error is a ValueError (or FileNotFoundError) that names the file and the key.
"""

import math
import typing
from dataclasses import dataclass, field, fields
from typing import Any

SAMPLERS = ("lsd", "flow_matching", "drifting", "pointwise")
DTYPES = ("float32", "float16", "bfloat16")
TEXT_FRONT_ENDS = ("english",)


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ValueError(sentence)


def _require_sizes(config: Any) -> None:
    """Every integer field of a section is a size or a count: at least 1."""
    for f in fields(config):
        value = getattr(config, f.name)
        if isinstance(value, int) and not isinstance(value, bool):
            _require(value >= 1, f"{f.name} is {value}; a size must be at least 1")


def _require_one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    _require(value in allowed, f"{key} is {value!r}; wanted one of {', '.join(allowed)}")


def _require_heads(transformer: "FlowLMTransformerConfig | MimiTransformerConfig") -> None:
    """Heads share the attention width evenly, and rotary embeddings turn pairs of channels."""
    heads, width = transformer.num_heads, transformer.q_dim
    _require(width % heads == 0, f"num_heads is {heads}, which does not divide the attention width {width}")
    head_dim = width // heads
    _require(head_dim % 2 == 0, f"num_heads is {heads}, so a head is {head_dim} wide; an even width is needed")
    _require(transformer.max_period > 0, f"max_period is {transformer.max_period}; it must be positive")


@dataclass(frozen=True)
class FlowConfig:
    """The flow net: `depth` residual blocks of width `dim`, run by the sampler `type`."""

    dim: int
    depth: int
    type: str = "lsd"

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require(self.dim % 2 == 0, f"dim is {self.dim}; the time embedding needs an even width")
        _require_one_of("type", self.type, SAMPLERS)

    @property
    def n_time_conditions(self) -> int:
        """Times the flow net is told: start and target, one, or none."""
        return {"lsd": 2, "flow_matching": 1}.get(self.type, 0)


@dataclass(frozen=True)
class FlowLMTransformerConfig:
    """The language model's transformer. Optional sizes fall back as `q_dim`, `kv_heads` and `ff_dim` say."""

    hidden_scale: int
    max_period: int
    d_model: int
    num_heads: int
    num_layers: int
    attn_dim: int | None = None
    num_kv_heads: int | None = None
    dim_feedforward: int | None = None

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require_heads(self)
        _require(
            self.num_heads % self.kv_heads == 0,
            f"num_kv_heads is {self.kv_heads}, which does not divide num_heads {self.num_heads}",
        )

    @property
    def q_dim(self) -> int:
        """Width of the queries and of the attention output."""
        return self.attn_dim or self.d_model

    @property
    def kv_heads(self) -> int:
        """Key and value heads, each shared by num_heads / kv_heads query heads."""
        return self.num_kv_heads or self.num_heads

    @property
    def head_dim(self) -> int:
        return self.q_dim // self.num_heads

    @property
    def ff_dim(self) -> int:
        return self.dim_feedforward or self.d_model * self.hidden_scale


@dataclass(frozen=True)
class LookupTableConfig:
    """Text embeddings: `n_bins` tokens and one padding row, `dim` wide, factored through `rank` if given."""

    dim: int
    n_bins: int
    tokenizer: str
    tokenizer_path: str
    rank: int | None = None

    def __post_init__(self) -> None:
        _require_sizes(self)


@dataclass(frozen=True)
class FlowLMConfig:
    """The language model. `dtype` says how the weights were published; the computation is float32."""

    dtype: str
    flow: FlowConfig
    transformer: FlowLMTransformerConfig
    lookup_table: LookupTableConfig
    z_dim: int | None = None
    weights_path: str | None = None
    insert_bos_before_voice: bool = False

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require_one_of("dtype", self.dtype, DTYPES)
        dim, d_model = self.lookup_table.dim, self.transformer.d_model
        _require(dim == d_model, f"lookup_table.dim is {dim}, but transformer.d_model is {d_model}")

    @property
    def condition_dim(self) -> int:
        """Width of what the flow net and the end-of-speech logit read."""
        return self.z_dim or self.transformer.d_model


@dataclass(frozen=True)
class SEANetConfig:
    """A convolutional encoder or decoder between samples and `dimension` channels every `hop_samples`."""

    dimension: int
    channels: int
    n_filters: int
    n_residual_layers: int
    ratios: tuple[int, ...]
    kernel_size: int
    residual_kernel_size: int
    last_kernel_size: int
    dilation_base: int
    pad_mode: str
    compress: int

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require(len(self.ratios) > 0, "ratios is empty; wanted the stride of each stage, as in [6, 5, 4]")
        _require(min(self.ratios) >= 1, f"ratios is {list(self.ratios)}; each must be at least 1")
        _require(self.channels == 1, f"channels is {self.channels}; only mono codecs exist")
        _require_one_of("pad_mode", self.pad_mode, ("constant", "replicate"))
        _require(
            self.compress <= self.n_filters,
            f"compress is {self.compress}, which leaves no channel of n_filters {self.n_filters}",
        )

    @property
    def hop_samples(self) -> int:
        return math.prod(self.ratios)


@dataclass(frozen=True)
class SourceFilterConfig:
    """A decoder that filters harmonics and noise, from `dimension` channels every `hop_samples`.

    A window lasts two rows, and one begins every half row.
    """

    dimension: int
    hop_samples: int
    max_harmonic_hz: float  # the source has the harmonics up to here
    reference_pitch_hz: float  # the pitch where its logarithm is 0

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require(self.hop_samples % 2 == 0, f"hop_samples is {self.hop_samples}; two windows a row need an even number")
        for key in ("max_harmonic_hz", "reference_pitch_hz"):
            value = getattr(self, key)
            _require(value >= 1, f"{key} is {value}; it must be at least 1")

    @property
    def n_fft(self) -> int:
        """Samples of a window."""
        return 2 * self.hop_samples

    @property
    def n_bins(self) -> int:
        """Frequencies of a window."""
        return self.n_fft // 2 + 1

    @property
    def n_parameters(self) -> int:
        """Numbers that a row of the source and its filters has."""
        return 3 * self.n_bins + 2


@dataclass(frozen=True)
class MimiTransformerConfig:
    """A transformer of the codec; a query sees the last `context` positions, itself included."""

    d_model: int
    input_dimension: int
    output_dimensions: tuple[int, ...]
    num_heads: int
    num_layers: int
    layer_scale: float
    context: int
    dim_feedforward: int
    max_period: float = 10000.0

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require_heads(self)
        sizes = list(self.output_dimensions)
        _require(sizes == [self.input_dimension], f"output_dimensions is {sizes}; wanted [input_dimension]")

    @property
    def q_dim(self) -> int:
        return self.d_model

    @property
    def kv_heads(self) -> int:
        return self.num_heads

    @property
    def head_dim(self) -> int:
        return self.d_model // self.num_heads

    @property
    def ff_dim(self) -> int:
        return self.dim_feedforward


@dataclass(frozen=True)
class QuantizerConfig:
    """The projection from a latent (`dimension`) to the decoder's width."""

    dimension: int
    output_dimension: int

    def __post_init__(self) -> None:
        _require_sizes(self)


@dataclass(frozen=True)
class MimiConfig:
    """The codec. Without an encoder there is no `seanet` and no `transformer`, only the decoder's own."""

    dtype: str
    sample_rate: int
    channels: int
    frame_rate: float
    quantizer: QuantizerConfig
    seanet: SEANetConfig | None = None
    transformer: MimiTransformerConfig | None = None
    weights_path: str | None = None
    inner_dim: int | None = None
    outer_dim: int | None = None
    decoder_seanet: SEANetConfig | None = None
    decoder_source_filter: SourceFilterConfig | None = None  # instead of a SEANet
    decoder_transformer: MimiTransformerConfig | None = None
    lookahead_frames: int | None = None  # the decoder speaks a frame when it has read so many more; else at once

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require_one_of("dtype", self.dtype, DTYPES)
        _require(self.channels == 1, f"channels is {self.channels}; only mono codecs exist")
        _require(
            (self.seanet is None) == (self.transformer is None),
            "seanet and transformer make the encoder together; give both or neither",
        )
        if not self.has_encoder:
            _require(
                self.decoder_seanet is not None or self.decoder_source_filter is not None,
                "decoder_seanet is missing, and so are seanet and decoder_source_filter",
            )
            _require(self.decoder_transformer is not None, "decoder_transformer is missing, and so is transformer")
        _require(
            self.decoder_seanet is None or self.decoder_source_filter is None,
            "decoder_seanet and decoder_source_filter are two kinds of decoder; give one of them",
        )
        self._require_widths()
        self._require_rates()

    def _require_widths(self) -> None:
        decoder_dim = self.decoder_head.dimension
        kind = "source_filter" if self.decoder_source_filter else "seanet"
        for key, size in {
            "outer_dim": self.outer_dim or decoder_dim,
            "quantizer.output_dimension": self.quantizer.output_dimension,
            "the decoder transformer's input_dimension": self.decoding_transformer.input_dimension,
        }.items():
            _require(size == decoder_dim, f"{key} is {size}, but the decoder's {kind} dimension is {decoder_dim}")
        if self.seanet and self.transformer:
            got, wanted = self.transformer.input_dimension, self.seanet.dimension
            _require(got == wanted, f"transformer.input_dimension is {got}, but seanet.dimension is {wanted}")

    def _require_rates(self) -> None:
        rate_hz, frame_hz, hop = self.sample_rate, self.frame_rate, self.decoder_head.hop_samples
        _require(frame_hz > 0, f"frame_rate is {frame_hz}; it must be positive")
        _require(
            rate_hz / frame_hz == rate_hz // frame_hz,
            f"frame_rate is {frame_hz}, which does not cut sample_rate {rate_hz} into whole frames",
        )
        _require(
            self.frame_samples % hop == 0,
            f"frame_rate is {frame_hz}: a frame of {self.frame_samples} samples is not a multiple of "
            f"{hop}, the decoder's {'hop_samples' if self.decoder_source_filter else 'ratios multiplied'}",
        )
        if self.seanet:
            got = self.seanet.hop_samples
            _require(got == hop, f"seanet.ratios multiply to {got}, but the decoder's to {hop}")
        if self.decoder_source_filter:
            highest = self.decoder_source_filter.max_harmonic_hz
            _require(
                highest < rate_hz / 2,
                f"decoder_source_filter.max_harmonic_hz is {highest}; it must be below half of sample_rate {rate_hz}",
            )

    @property
    def has_encoder(self) -> bool:
        """Whether the model can encode audio, that is, clone a voice."""
        return self.seanet is not None

    @property
    def decoder_head(self) -> SEANetConfig | SourceFilterConfig:
        """What makes samples in the decoder: a network of its own, else the SEANet that it shares with the encoder."""
        own = self.decoder_source_filter or self.decoder_seanet
        return typing.cast(SEANetConfig | SourceFilterConfig, own or self.seanet)

    @property
    def decoding_transformer(self) -> MimiTransformerConfig:
        """The decoder's own transformer, else the one it shares with the encoder."""
        return typing.cast(MimiTransformerConfig, self.decoder_transformer or self.transformer)

    @property
    def latent_dim(self) -> int:
        """Numbers in a latent: what the language model makes and the decoder reads."""
        return self.quantizer.dimension

    @property
    def encoder_dim(self) -> int:
        """Numbers a frame that encoded audio has, before the speaker projection."""
        return self.inner_dim or (self.seanet or self.decoder_head).dimension

    @property
    def frame_samples(self) -> int:
        return int(self.sample_rate / self.frame_rate)

    @property
    def frame_stride(self) -> int:
        """Decoder steps a latent: the factor of the up- and downsampling layers."""
        return self.frame_samples // self.decoder_head.hop_samples


@dataclass(frozen=True)
class TimestampHead:
    """An attention head of the language model that follows the text; both numbers count from 0."""

    layer: int
    head: int


@dataclass(frozen=True)
class Config:
    """A whole model. `name` is the released name or the file's stem; `released` tells which of the two."""

    flow_lm: FlowLMConfig
    mimi: MimiConfig
    weights_path: str | None = None
    weights_path_without_voice_cloning: str | None = None
    pad_with_spaces_for_short_inputs: bool = False
    remove_semicolons: bool = False
    append_terminal_punctuation: bool = True
    capitalize_first_letter: bool = True
    replace_characters: tuple[tuple[str, str], ...] = ()
    text_front_end: str | None = None  # "english": numbers and abbreviations are spelled out, in plain small letters
    model_recommended_frames_after_eos: int | None = None
    min_frames_before_eos: int = 6  # an earlier end of speech is not believed
    max_frames_after_eos: int | None = None  # frames that are asked for beyond these are silence
    one_sentence_per_chunk: bool = False  # and what it repeats apart; else as many as max_tokens allows
    max_clause_words: int | None = None  # where no punctuation comes for longer, a chunk is cut between words
    default_temperature: float = 0.3
    default_eos_threshold: float = -4.0
    timestamp_heads: tuple[TimestampHead, ...] = ()  # without any, words have no times
    name: str = field(default="", metadata={"in_file": False})
    released: bool = field(default=False, metadata={"in_file": False})

    def __post_init__(self) -> None:
        for old, _ in self.replace_characters:
            _require(len(old) == 1, f"replace_characters has the key {old!r}; wanted a single character")
        if self.text_front_end is not None:
            _require_one_of("text_front_end", self.text_front_end, TEXT_FRONT_ENDS)
        for key in (
            "default_temperature",
            "model_recommended_frames_after_eos",
            "min_frames_before_eos",
            "max_frames_after_eos",
        ):
            value = getattr(self, key)
            _require((value or 0) >= 0, f"{key} is {value}; it must not be negative")
        words = self.max_clause_words
        _require(words is None or words >= 2, f"max_clause_words is {words}; it must be at least 2")
        sizes = self.flow_lm.transformer
        for chosen in self.timestamp_heads:
            exists = 0 <= chosen.layer < sizes.num_layers and 0 <= chosen.head < sizes.num_heads
            _require(
                exists,
                f"timestamp_heads has layer {chosen.layer}, head {chosen.head}; counted from 0, the last are layer "
                f"{sizes.num_layers - 1} and head {sizes.num_heads - 1}",
            )
