"""Mimi, the codec: latents to samples, and samples to what the voice is made of (Défossez et al. 2024, section 3)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .config import MimiConfig
from .conv import Conv1d, ConvTransposeState, DepthwiseConvTranspose1d
from .ops import Linear
from .seanet import LayerState, SEANet
from .transformer import KVCache, ProjectedTransformer
from .weights import Weights

ENCODE_FRAMES = 25  # frames encoded at once: bounds the memory, changes nothing else


@dataclass
class DecoderState:
    upsample: ConvTransposeState
    transformer: KVCache
    seanet: list[LayerState]


@dataclass(frozen=True)
class MimiDecoder:
    """Latents [T, latent_dim] to samples [T · frame_samples]."""

    projection: Linear
    upsample: DepthwiseConvTranspose1d
    transformer: ProjectedTransformer
    seanet: SEANet

    @classmethod
    def load(cls, w: Weights, config: MimiConfig) -> "MimiDecoder":
        seanet, transformer = config.decoding_seanet, config.decoding_transformer
        width, stride = seanet.dimension, config.frame_stride
        projection = w.scope("quantizer.output_proj").take("weight", (width, config.latent_dim, 1))[:, :, 0]
        return cls(
            Linear.of(projection),
            DepthwiseConvTranspose1d.load(w.scope("upsample.convtr.convtr"), width, 2 * stride, stride),
            ProjectedTransformer.load(
                w.scope("decoder_transformer"),
                transformer,
                width,
                transformer.max_period,
                transformer.context,
            ),
            SEANet.load_decoder(w.scope("decoder"), seanet),
        )

    def init_state(self) -> DecoderState:
        return DecoderState(self.upsample.init_state(), self.transformer.init_state(), self.seanet.init_state())

    def __call__(self, latents: np.ndarray, state: DecoderState) -> np.ndarray:
        x = self.upsample(self.projection(latents), state.upsample)
        return self.seanet(self.transformer(x, state.transformer), state.seanet)[:, 0]


@dataclass(frozen=True)
class MimiEncoder:
    """Samples to one row of `encoder_dim` numbers a frame."""

    seanet: SEANet
    transformer: ProjectedTransformer
    downsample: Conv1d
    frame_samples: int

    @classmethod
    def load(cls, w: Weights, config: MimiConfig) -> "MimiEncoder":
        seanet, transformer = config.seanet, config.transformer
        if seanet is None or transformer is None:
            raise ValueError("This configuration has no encoder (mimi.seanet and mimi.transformer).")
        width, stride = seanet.dimension, config.frame_stride
        return cls(
            SEANet.load_encoder(w.scope("encoder"), seanet),
            ProjectedTransformer.load(
                w.scope("encoder_transformer"),
                transformer,
                width,
                transformer.max_period,
                transformer.context,
            ),
            Conv1d.load(
                w.scope("downsample.conv.conv"),
                width,
                config.encoder_dim,
                2 * stride,
                stride=stride,
                bias=False,
                replicate=True,
            ),
            config.frame_samples,
        )

    def __call__(self, samples: np.ndarray) -> np.ndarray:  # [n] -> [ceil(n / frame_samples), encoder_dim]
        return np.concatenate(list(self._encode(samples)))

    def _encode(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        seanet, transformer = self.seanet.init_state(), self.transformer.init_state()
        downsample = self.downsample.init_state()
        block = ENCODE_FRAMES * self.frame_samples
        for start in range(0, len(samples), block):
            chunk = samples[start : start + block]
            missing = -len(chunk) % self.frame_samples
            x = np.pad(chunk, (0, missing)).astype(np.float32)[:, None]
            yield self.downsample(self.transformer(self.seanet(x, seanet), transformer), downsample)
