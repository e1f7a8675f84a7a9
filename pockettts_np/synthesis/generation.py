"""How latents are drawn, and from latents to sound."""

import math
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..models.flow_lm import FlowLM
from ..models.mimi import BLOCK_FRAMES, MimiDecoder
from ..models.team import Team
from ..threads.pipeline import STAGES_A_THREAD, pipelined

MAX_FRAMES_AHEAD = 16  # the language model waits when the decoder, or whoever takes the sound, falls so far behind


def require_whole(name: str, value: object) -> None:
    """Raise TypeError for what is no whole number; what counts frames or steps would never be reached by another."""
    if not isinstance(value, Integral):
        raise TypeError(f"{name} is {value!r}; wanted a whole number.")


@dataclass(frozen=True)
class Sampling:
    """How latents are drawn."""

    temperature: float  # variance of the noise
    n_steps: int  # steps of the sampler
    noise_clamp: float | None  # largest magnitude of the noise
    eos_threshold: float  # speech ends once the EOS logit exceeds it

    def __post_init__(self) -> None:
        clamp = math.inf if self.noise_clamp is None else self.noise_clamp
        numbers = {"temp": self.temperature, "noise_clamp": clamp, "eos_threshold": self.eos_threshold}
        for name, value in numbers.items():
            if not isinstance(value, Real):
                raise TypeError(f"{name} is a {type(value).__name__}; wanted a number.")
        require_whole("sampler_decode_steps", self.n_steps)
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"The temperature is {self.temperature}; wanted a number from 0 up.")
        if self.n_steps < 1:
            raise ValueError(f"sampler_decode_steps is {self.n_steps}; wanted at least 1.")
        if self.noise_clamp is not None and not self.noise_clamp > 0:
            raise ValueError(f"noise_clamp is {self.noise_clamp}; wanted a positive number, or none.")
        if math.isnan(self.eos_threshold):
            raise ValueError("eos_threshold is NaN; wanted a number.")


def decode(
    flow_lm: FlowLM,
    decoder: MimiDecoder,
    latents: Iterator[np.ndarray],
    fade_in_samples: int,
    early_samples: int = 0,
    threads: int = 1,
    team: Team | None = None,
) -> Generator[np.ndarray]:
    """Samples of latents [latent_dim], while these are made; a fresh decoder begins with a small step, so the first
    samples fade in. The `early_samples` before them, of a decoder that looks ahead, are left out.

    With several threads, the making of latents and the decoder's stages run at once; who has nothing else to do assists
    in the steps of `team`, which makes the latents.
    """
    first, *others = decoder.stages(STAGES_A_THREAD * threads)

    def begin(batch: list[np.ndarray]) -> np.ndarray:
        return first(flow_lm.denormalize(np.stack(batch)))

    fade_in: np.ndarray | None = np.linspace(0, 1, fade_in_samples, dtype=np.float32)
    stages: list[Callable[[Any], np.ndarray]] = [begin, *others]
    with closing(pipelined(latents, stages, threads, MAX_FRAMES_AHEAD, BLOCK_FRAMES, team)) as pieces:
        for piece in pieces:
            samples = piece[early_samples:, 0]
            early_samples = max(0, early_samples - len(piece))
            if len(samples) == 0:
                continue
            if fade_in is not None:
                samples[:fade_in_samples] *= fade_in
                fade_in = None
            yield samples


def prolonged(latents: Iterator[np.ndarray], n_frames: int) -> Iterator[np.ndarray]:
    """The latents, then the last of them `n_frames` times more: what a decoder that looks ahead reads at the end."""
    last: list[np.ndarray] = []
    for latent in latents:
        yield latent
        last = [latent]
    yield from last * n_frames


def until(stop: threading.Event, pieces: Generator[np.ndarray]) -> Generator[np.ndarray]:
    """The same samples until `stop` is set; what was made ahead by then is not handed on."""
    with closing(pieces):
        for piece in pieces:
            if stop.is_set():
                return
            yield piece


def fade_out(pieces: Generator[np.ndarray], n_samples: int) -> Generator[np.ndarray]:
    """The same samples, each handed on once `n_samples` more are there, so that the last of them fade out."""
    held = np.zeros(0, np.float32)
    with closing(pieces):
        for piece in pieces:
            held = np.concatenate([held, piece])
            if len(held) > n_samples:
                yield held[:-n_samples]
                held = held[-n_samples:]
    if len(held):
        yield held * np.linspace(1, 0, len(held), dtype=np.float32)


def silence(n_samples: int, frame_samples: int, stop: threading.Event) -> Iterator[np.ndarray]:
    """Zeros, a frame at a time and the rest, until `stop` is set."""
    for start in range(0, n_samples, frame_samples):
        if stop.is_set():
            return
        yield np.zeros(min(frame_samples, n_samples - start), np.float32)
