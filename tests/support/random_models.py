"""Layers and models of any size without a checkpoint: tensors drawn when they are asked for."""

import dataclasses
import functools
from dataclasses import dataclass, field

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.conditioners.tokenizer.load import load_tokenizer
from pockettts_np.config.config import Config
from pockettts_np.config.load import load_config
from pockettts_np.loading.model_source import ModelSource
from pockettts_np.synthesis.generation import Sampling
from pockettts_np.weights.checkpoint import Source, Weights
from pockettts_np.weights.storage import AS_PUBLISHED
from tests.support.helpers import GOLDEN


@dataclass(frozen=True)
class RandomWeights(Weights):
    """A checkpoint that has every tensor it is asked for: off its neutral value, and keeping signals near ±1."""

    label: str = "random weights"
    sources: dict[str, Source] = field(default_factory=dict)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @classmethod
    def seeded(cls, seed: int) -> "RandomWeights":
        return cls(rng=np.random.default_rng(seed))

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """What was drawn, by name, for the naive loops."""
        return {name: source.read() for name, source in self.sources.items()}

    def has(self, name: str) -> bool:
        return not name.endswith("_scale")  # those would make it a quantised checkpoint

    def _claim(self, name: str, shape: tuple[int, ...]) -> Source:
        array = self._draw(name, shape).astype(np.float32)
        self.sources[self.prefix + name] = Source(lambda: array.shape, lambda: array, lambda: array, lambda: None)
        return super()._claim(name, shape)

    def _draw(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name == "freqs":  # no parameter but a constant of the model, which checkpoints hold all the same
            return 10_000.0 ** (-np.arange(shape[0]) / shape[0])
        normal = self.rng.standard_normal(shape)
        if len(shape) > 1:
            return normal / np.sqrt(np.prod(shape[1:]))
        is_gain = name.rpartition(".")[2] in ("weight", "scale", "alpha", "emb_std")
        return 0.3 * normal + is_gain


def small_config(name: str = "lsd") -> Config:
    """A golden configuration with a codec of few, thin layers, but whole frames of 1920 samples."""
    config = load_config(GOLDEN / f"{name}.toml")
    mimi = config.mimi
    if mimi.decoder_source_filter:  # it is small
        return config
    seanet = dataclasses.replace(
        mimi.seanet, ratios=(30, 4), n_filters=1, compress=1, kernel_size=3, residual_kernel_size=2, last_kernel_size=2
    )
    parts = {"seanet": seanet, "transformer": dataclasses.replace(mimi.transformer, num_layers=1, context=20)}
    if mimi.decoder_seanet:
        parts["decoder_seanet"] = dataclasses.replace(seanet, dimension=mimi.decoder_seanet.dimension)
    return dataclasses.replace(config, mimi=dataclasses.replace(mimi, **parts))


@functools.cache
def small_model(name: str = "lsd", seed: int = 0, eos_threshold: float = -np.inf) -> TTSModel:
    """A random model, quick also without compiled code. By default speech ends as soon as it may, on frame 6."""
    sampling = Sampling(temperature=0.5, n_steps=1, noise_clamp=None, eos_threshold=float(eos_threshold))
    return random_model(small_config(name), RandomWeights.seeded(seed), sampling)


def random_model(config: Config, weights: RandomWeights, sampling: Sampling | None = None) -> TTSModel:
    """A model of that configuration, built of what `weights` draws."""
    table = config.flow_lm.lookup_table
    tokenizer = load_tokenizer(table.tokenizer_path, table.n_bins, table.tokenizer)
    return TTSModel._build(ModelSource(config, weights, tokenizer, AS_PUBLISHED), sampling)
