"""Mimi, the codec: latents to samples, and samples to what the voice is made of (Défossez et al. 2024, section 3)."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from .config import MimiConfig
from .conv import Conv1d, ConvTransposeState, DepthwiseConvTranspose1d
from .ops import Linear
from .pipeline import ahead
from .seanet import LayerState, SEANet
from .transformer import KVCache, ProjectedTransformer
from .weights import Weights

BLOCK_FRAMES = 6  # frames encoded at once: bounds the memory, changes nothing else
MAX_BLOCKS_AHEAD = 8


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
            Linear.of(w, projection),
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

    def __call__(self, samples: np.ndarray, threads: int = 1) -> np.ndarray:
        """Samples [n] to [ceil(n / frame_samples), encoder_dim]; two threads share the convolutions and the rest."""
        transformer, downsample = self.transformer.init_state(), self.downsample.init_state()
        convolved = self._convolve(samples)
        batches = ahead(convolved, MAX_BLOCKS_AHEAD) if threads > 1 else ([block] for block in convolved)
        with closing(batches):
            rows = [
                self.downsample(self.transformer(block, transformer), downsample)
                for batch in batches
                for block in batch
            ]
        return np.concatenate(rows)

    def _convolve(self, samples: np.ndarray) -> Generator[np.ndarray]:
        """The SEANet's output for blocks of whole frames, the last filled up with zeros."""
        state = self.seanet.init_state()
        size = BLOCK_FRAMES * self.frame_samples
        for start in range(0, len(samples), size):
            block = samples[start : start + size]
            missing = -len(block) % self.frame_samples
            yield self.seanet(np.pad(block, (0, missing)).astype(np.float32)[:, None], state)
