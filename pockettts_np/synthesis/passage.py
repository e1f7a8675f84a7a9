"""What the language model says of one chunk, frame by frame, for one caller or for several in one pass."""

import itertools
import logging
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..models.flow_lm import FlowLM
from ..models.team import Team
from ..models.transformer import Ear
from ..modules.attention import KVCache
from . import noise
from .generation import Sampling

logger = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class Passage:
    """The latents of one chunk, whose text `state` has read: those that were made, and what the next one needs.

    It ends when the model has said its text, after `max_frames`, when `stop` is set, or with an error. An end of speech
    in the first `min_frames_before_eos` frames is not believed. `draws` are standard-normal, [latent_dim] a frame.
    """

    flow_lm: FlowLM
    state: KVCache
    sampling: Sampling
    draws: Iterator[np.ndarray]
    max_frames: int
    min_frames_before_eos: int
    frames_after_eos: int
    stop: threading.Event
    ear: Ear | None = None
    team: Team | None = None  # of threads that make the steps of this passage alone
    latents: list[np.ndarray] = field(default_factory=list)  # [latent_dim] each

    def __post_init__(self) -> None:
        self.times = self.flow_lm.flow_net.time_table(self.sampling.n_steps)
        self._first_row = self.state.n_rows
        self._n_taken = 0
        self._last_frame: float = math.inf  # once the end has come, known
        self._has_ended = False
        self._error: Exception | None = None
        self._draw: np.ndarray | None = None  # for the next latent

    @property
    def is_over(self) -> bool:
        """Whether no further latent is to be made."""
        return self._has_ended or self.stop.is_set() or len(self.latents) >= self.max_frames

    @property
    def n_ahead(self) -> int:
        """Latents that were made and not taken."""
        return len(self.latents) - self._n_taken

    @property
    def has_begun(self) -> bool:
        """Whether a latent was taken."""
        return self._n_taken > 0

    def take(self) -> np.ndarray | None:
        """The oldest latent that was not taken, or None: there is none, or `stop` is set.

        The error that ended the passage is raised after the last latent.
        """
        if self.stop.is_set():
            return None
        if self.n_ahead:
            self._n_taken += 1
            return self.latents[self._n_taken - 1]
        if self._error is not None:
            raise self._error
        return None

    def begin_frame(self) -> np.ndarray | None:
        """The latent before the next frame, None before the first. A step that was broken off leaves no trace."""
        n_frames = len(self.latents)
        self.state.cut_back(self._first_row + n_frames)
        if self.ear is not None:
            self.ear.forget_after(n_frames)
        return self.latents[-1] if self.latents else None

    def noise(self, eos_logit: float) -> np.ndarray | None:
        """What the next latent is made of [latent_dim], or None: the speech has ended."""
        frame = len(self.latents)
        if eos_logit > self.sampling.eos_threshold and frame >= self.min_frames_before_eos:
            self._last_frame = min(self._last_frame, frame + self.frames_after_eos)
        if frame == self._last_frame:
            self._has_ended = True
            return None
        if self._draw is None:
            self._draw = next(self.draws)
        return noise.scale(self._draw, self.sampling.temperature, self.sampling.noise_clamp)

    def add(self, latent: np.ndarray) -> None:
        """Go on by a frame. FloatingPointError: the latent [latent_dim] is not finite."""
        if not np.isfinite(latent).all():
            raise FloatingPointError("The model made NaN or infinity instead of a latent; its weights are damaged.")
        self._draw = None
        self.latents.append(latent)
        if len(self.latents) == self.max_frames and self._last_frame == math.inf:
            logger.warning(
                "The longest length, %d frames, came before the end of speech: often a sign of an error.",
                self.max_frames,
            )

    def fail(self, error: Exception) -> None:
        """End it with an error for whoever takes the latents."""
        self._error, self._has_ended = error, True


def step(passages: Sequence[Passage]) -> None:
    """Make the next latent of passages of one model, in one pass over its weights, or end them. None may be over.

    What goes wrong with one passage ends that one alone. An error that is raised here leaves all as they were, to be
    stepped again.
    """
    flow_lm = passages[0].flow_lm
    before = [passage.begin_frame() for passage in passages]
    states, ears = [passage.state for passage in passages], [passage.ear for passage in passages]
    team = passages[0].team if len(passages) == 1 else None
    z, logits = flow_lm.steps(before, states, ears, team)
    going_on: list[tuple[Passage, np.ndarray, np.ndarray]] = []
    for passage, condition, logit in zip(passages, z, logits, strict=True):
        try:
            start = passage.noise(float(logit))
        except Exception as error:
            passage.fail(error)
        else:
            if start is not None:
                going_on.append((passage, condition, start))
    going_on.sort(key=_n_steps)
    for _, group in itertools.groupby(going_on, _n_steps):
        _sample(flow_lm, *zip(*group, strict=True))


def _n_steps(entry: tuple[Passage, np.ndarray, np.ndarray]) -> int:
    return entry[0].sampling.n_steps


def _sample(
    flow_lm: FlowLM, passages: Sequence[Passage], conditions: Sequence[np.ndarray], noises: Sequence[np.ndarray]
) -> None:
    """The latents of passages that have the same steps of the sampler."""
    latents = flow_lm.flow_net.sample(np.stack(conditions), np.stack(noises), passages[0].times)
    for passage, latent in zip(passages, latents, strict=True):
        try:
            passage.add(latent)
        except FloatingPointError as error:
            passage.fail(error)


def latents_alone(passage: Passage) -> Iterator[np.ndarray]:
    """The latents [latent_dim] of a passage, each made when it is asked for."""
    while not passage.is_over:
        step([passage])
        if (latent := passage.take()) is not None:
            yield latent
