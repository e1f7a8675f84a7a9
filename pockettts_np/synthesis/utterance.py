"""From a script to sound: each chunk through the language model and the decoder, each pause as silence."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..audio.effects import styled
from ..conditioners.script import Script
from ..conditioners.text import Chunk
from ..config.config import Config
from ..language.pauses import Pause
from ..models.flow_lm import FlowLM
from ..models.mimi import MimiDecoder
from ..models.team import Team
from ..models.transformer import Ear
from ..modules.attention import KVCache
from . import generation
from .generation import Sampling
from .passage import Passage
from .shared_steps import SharedSteps

FADE_HZ = 200  # 5 ms


class Listener(Protocol):
    """Follows the language model while it speaks, as `timing.timestamps.WordClock` does."""

    def follow(self, flow_lm: FlowLM, state: KVCache, n_tokens: int) -> Ear:
        """What listens to the language model in the next chunk, whose `n_tokens` tokens `state` has just read."""

    def hear(self, samples: np.ndarray, speed: float) -> None:
        """What the model made next, or silence [n], and how many times faster it is heard."""

    def end_chunk(self) -> None:
        """All of the chunk was said and heard."""


@dataclass(frozen=True, eq=False, repr=False)
class Performer:
    """Speaks scripts with one model. It holds no state of any utterance."""

    flow_lm: FlowLM
    decoder: MimiDecoder
    config: Config
    sampling: Sampling
    threads: int
    steps: SharedSteps
    longest_frames: Callable[[int], int]  # frames after which speech of so many tokens is cut off
    gain_db: Callable[[KVCache], float]  # that brings a voice to the loudness that is wanted

    def perform(
        self,
        script: Script,
        voices: Mapping[str | None, KVCache],
        rows: Iterator[np.ndarray],
        stop: threading.Event,
        frames_after_eos: int | None = None,
        copy_state: bool = True,
        listener: Listener | None = None,
    ) -> Generator[np.ndarray]:
        """Samples [n] while they are made.

        `voices` has those that the script names, and as None the one that it begins with, to which alone `copy_state`
        applies. `rows` are standard-normal draws [latent_dim], one a frame.
        """
        for part, following in zip(script.parts, [*script.parts[1:], None], strict=True):
            if stop.is_set():
                return
            if isinstance(part, Pause):
                n_samples = part.n_samples(self.config.mimi.sample_rate)
                silence = generation.silence(n_samples, self.config.mimi.frame_samples, stop)
                yield from _heard(silence, 1.0, listener)
                continue
            voice = voices[part.manner.voice]
            is_copied = copy_state or part.manner.voice is not None
            state = voice.copy(len(part.ids) + self.longest_frames(len(part.ids))) if is_copied else voice
            samples = self._speak(part, state, rows, stop, frames_after_eos, listener)
            if isinstance(following, Pause):
                samples = generation.fade_out(samples, self._fade_samples)
            speed, gain_db = part.manner.speed, part.manner.volume_db + self.gain_db(voice)
            samples = _heard(generation.until(stop, samples), speed, listener)
            yield from generation.until(stop, styled(samples, self.config.mimi.sample_rate, speed, gain_db))
            if listener is not None and not stop.is_set():
                listener.end_chunk()

    def _speak(
        self,
        chunk: Chunk,
        state: KVCache,
        rows: Iterator[np.ndarray],
        stop: threading.Event,
        frames_after_eos: int | None,
        listener: Listener | None,
    ) -> Generator[np.ndarray]:
        n_tokens = len(chunk.ids)
        n_after, n_silent = self._after_eos(frames_after_eos, chunk.frames_after_eos)
        self.flow_lm.prompt(self.flow_lm.text(chunk.ids), state, self.threads)
        team = Team.of(self.flow_lm, self.decoder, self.threads) if listener is None else None
        passage = Passage(
            self.flow_lm,
            state,
            self.sampling,
            rows,
            self.longest_frames(n_tokens),
            self.config.min_frames_before_eos,
            n_after,
            stop,
            None if listener is None else listener.follow(self.flow_lm, state, n_tokens),
            team,
        )
        latents = self.steps.latents(passage)
        frame_samples, lookahead = self.config.mimi.frame_samples, self.config.mimi.lookahead_frames or 0
        read = generation.prolonged(latents, lookahead)
        early_samples = lookahead * frame_samples
        samples = generation.decode(
            self.flow_lm, self.decoder, read, self._fade_samples, early_samples, self.threads, team
        )
        yield from generation.fade_out(samples, self._fade_samples) if n_silent else samples
        yield from generation.silence(n_silent * frame_samples, frame_samples, stop)

    @property
    def _fade_samples(self) -> int:
        return self.config.mimi.sample_rate // FADE_HZ

    def _after_eos(self, given: int | None, guess: int) -> tuple[int, int]:
        """Frames after the end of speech: those that the model makes, then those of silence."""
        recommended = self.config.model_recommended_frames_after_eos
        own = guess + 2 if recommended is None else recommended
        wanted, most = own if given is None else given, self.config.max_frames_after_eos
        made = wanted if most is None else min(wanted, most)
        return made, wanted - made


def _heard(
    pieces: Generator[np.ndarray] | Iterator[np.ndarray], speed: float, listener: Listener | None
) -> Generator[np.ndarray]:
    """The same samples, once the listener has heard them."""
    for samples in pieces:
        if listener is not None:
            listener.hear(samples, speed)
        yield samples
