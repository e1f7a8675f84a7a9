"""Mimi, the codec: latents to samples, and samples to what the voice is made of (Défossez et al. 2024, section 3)."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol, TypeVar

import numpy as np

from ..config.config import MimiConfig, MimiTransformerConfig, SEANetConfig, SourceFilterConfig
from ..modules.attention import KVCache
from ..modules.conv import Conv1d, ConvState, DepthwiseConvTranspose1d, Windows
from ..modules.linear import Linear
from ..threads.balance import balanced
from ..threads.pipeline import STAGES_A_THREAD, pipelined
from ..weights.checkpoint import Weights
from .seanet import SEANet
from .source_filter import SourceFilter
from .transformer import ProjectedTransformer

BLOCK_FRAMES = 2  # frames encoded or decoded at once: bounds the memory, changes nothing else
MAX_BLOCKS_AHEAD = 8

Part = TypeVar("Part")
Stage = Callable[[np.ndarray], np.ndarray]


def stages_of(steps: Sequence[Stage], work: Sequence[int], n: int) -> list[Stage]:
    """Steps that follow each other as at most `n` stages of about the same work."""
    return [partial(_in_order, steps[part]) for part in balanced(work, n)]


def _in_order(steps: Sequence[Stage], x: np.ndarray) -> np.ndarray:
    for step in steps:
        x = step(x)
    return x


class Head(Protocol):
    """What makes samples in a decoder: `SEANet` or `SourceFilter`."""

    def init_state(self) -> Any: ...

    def __call__(self, x: np.ndarray, state: Any) -> np.ndarray:  # [T, width] -> [T · hop_samples, 1]
        ...

    def steps(self, state: Any) -> list[Stage]:
        """The same as functions that follow each other, each with its own part of the state."""

    def work(self, n_rows: int) -> list[int]:
        """Multiply-adds of each step for `n_rows` rows that come in, what else costs time counted as such."""


def _load_head(w: Weights, config: MimiConfig) -> Head:
    sizes = config.decoder_head
    if isinstance(sizes, SourceFilterConfig):
        return SourceFilter.load(w.scope("filters"), sizes, config.sample_rate)
    return SEANet.load_decoder(w.scope("decoder"), sizes)


@dataclass(eq=False, repr=False)
class DecoderState:
    upsample: ConvState
    transformer: KVCache
    head: Any  # as the head's `init_state` makes it


@dataclass(frozen=True, eq=False, repr=False)
class MimiDecoder:
    """Latents [T, latent_dim] to samples [T · frame_samples]."""

    projection: Linear
    upsample: DepthwiseConvTranspose1d
    transformer: ProjectedTransformer
    head: Head

    @classmethod
    def load(cls, w: Weights, config: MimiConfig) -> "MimiDecoder":
        transformer, width, stride = config.decoding_transformer, config.decoder_head.dimension, config.frame_stride
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
            _load_head(w, config),
        )

    def init_state(self) -> DecoderState:
        return DecoderState(self.upsample.init_state(), self.transformer.init_state(), self.head.init_state())

    def __call__(self, latents: np.ndarray, state: DecoderState) -> np.ndarray:
        blocks = range(0, max(1, len(latents)), BLOCK_FRAMES)
        return np.concatenate([self._decode(latents[i : i + BLOCK_FRAMES], state) for i in blocks])

    def _decode(self, latents: np.ndarray, state: DecoderState) -> np.ndarray:
        return self.head(self._upsampled(latents, state), state.head)[:, 0]

    def _upsampled(self, latents: np.ndarray, state: DecoderState) -> np.ndarray:
        return self.transformer(self.upsample(self.projection(latents), state.upsample), state.transformer)

    def stages(self, n: int) -> list[Stage]:
        """The decoder of a new stream as at most `n` stages of about the same work: latents [T, latent_dim] go into the
        first, samples [T · frame_samples, 1] come out of the last. Each has its own part of the state."""
        state = self.init_state()
        return stages_of([partial(self._upsampled, state=state), *self.head.steps(state.head)], self._work(), n)

    @property
    def frame_work(self) -> int:
        """Multiply-adds of a frame, what else costs time counted as such."""
        return sum(self._work())

    def _work(self) -> list[int]:
        n_rows = self.upsample.stride
        return [n_rows * self.transformer.row_work, *self.head.work(n_rows)]


@dataclass(frozen=True, eq=False, repr=False)
class MimiEncoder:
    """Samples to one row of `encoder_dim` numbers a frame.

    The weights are read when they are first used: who speaks with a saved voice never needs them.
    """

    weights: Weights
    config: MimiConfig
    seanet_config: SEANetConfig
    transformer_config: MimiTransformerConfig

    @classmethod
    def load(cls, w: Weights, config: MimiConfig) -> "MimiEncoder":
        """ValueError: the configuration has no encoder. NaN and infinity are found when the tensors are read."""
        if config.seanet is None or config.transformer is None:
            raise ValueError("This configuration has no encoder (mimi.seanet and mimi.transformer).")
        return cls(w, config, config.seanet, config.transformer)

    @cached_property
    def seanet(self) -> SEANet:
        return self._read("encoder", lambda w: SEANet.load_encoder(w, self.seanet_config))

    @cached_property
    def transformer(self) -> ProjectedTransformer:
        sizes, width = self.transformer_config, self.seanet_config.dimension
        return self._read(
            "encoder_transformer",
            lambda w: ProjectedTransformer.load(w, sizes, width, sizes.max_period, sizes.context),
        )

    @cached_property
    def downsample(self) -> Conv1d:
        stride, width = self.config.frame_stride, self.seanet_config.dimension
        windows = Windows(width, 2 * stride, stride, replicate=True)
        return self._read(
            "downsample.conv.conv", lambda w: Conv1d.load(w, windows, self.config.encoder_dim, bias=False)
        )

    def _read(self, name: str, load: Callable[[Weights], Part]) -> Part:
        weights = self.weights.again()
        part = load(weights.scope(name))
        weights.release()
        return part

    def __call__(self, samples: np.ndarray, threads: int = 1, stop: threading.Event | None = None) -> np.ndarray:
        """Samples [n] to [ceil(n / frame_samples), encoder_dim], by stages in up to `threads` threads.

        CancelledError soon after `stop` is set.
        """
        first, *others = self.stages(STAGES_A_THREAD * threads)
        blocks = self._blocks(samples, stop)
        with closing(pipelined(blocks, [lambda items: first(items[0]), *others], threads, MAX_BLOCKS_AHEAD)) as rows:
            return np.concatenate(list(rows))

    def stages(self, n: int) -> list[Stage]:
        """The encoder of a new stream as at most `n` stages of about the same work: samples [T, 1] of whole frames go
        into the first, rows [T / frame_samples, encoder_dim] come out of the last."""
        convolutions = self.seanet.init_state()
        steps: list[Stage] = [
            *self.seanet.steps(convolutions),
            partial(self.transformer, state=self.transformer.init_state()),
            partial(self.downsample, state=self.downsample.init_state()),
        ]
        n_rows = self.config.frame_stride
        work = [*self.seanet.work(self.config.frame_samples), n_rows * self.transformer.row_work]
        return stages_of(steps, [*work, self.downsample.product.row_work], n)

    def _blocks(self, samples: np.ndarray, stop: threading.Event | None) -> Iterator[np.ndarray]:
        """Blocks of whole frames [T, 1], the last filled up with zeros."""
        size = BLOCK_FRAMES * self.config.frame_samples
        for start in range(0, len(samples), size):
            if stop is not None and stop.is_set():
                raise CancelledError
            block = samples[start : start + size]
            missing = -len(block) % self.config.frame_samples
            yield np.pad(block, (0, missing)).astype(np.float32)[:, None]
