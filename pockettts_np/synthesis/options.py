"""How a model draws its latents, under the names that pocket-tts 4.0.1 has for it."""

from dataclasses import replace
from typing import Any

from .generation import Sampling


class SamplingOptions:
    """What may be read and set on a model at any time; speech that begins afterwards follows it.

    ValueError, TypeError: a value that `load_model` would refuse.
    """

    sampling: Sampling

    @property
    def temp(self) -> float:
        """Variance of the noise."""
        return self.sampling.temperature

    @temp.setter
    def temp(self, value: float) -> None:
        self._set("temp", value, replace(self.sampling, temperature=value))

    @property
    def sampler_decode_steps(self) -> int:
        """Steps from noise to latent."""
        return self.sampling.n_steps

    @sampler_decode_steps.setter
    def sampler_decode_steps(self, value: int) -> None:
        self._set("sampler_decode_steps", value, replace(self.sampling, n_steps=value))

    @property
    def noise_clamp(self) -> float | None:
        """Largest magnitude of the noise; None is no limit."""
        return self.sampling.noise_clamp

    @noise_clamp.setter
    def noise_clamp(self, value: float | None) -> None:
        self._set("noise_clamp", value, replace(self.sampling, noise_clamp=value))

    @property
    def eos_threshold(self) -> float:
        """EOS logit above which speech ends."""
        return self.sampling.eos_threshold

    @eos_threshold.setter
    def eos_threshold(self, value: float) -> None:
        self._set("eos_threshold", value, replace(self.sampling, eos_threshold=value))

    def _set(self, argument: str, value: Any, sampling: Sampling) -> None:
        """`argument` is what `load_model` calls the option."""
        self.sampling = sampling
