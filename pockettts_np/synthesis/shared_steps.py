"""Callers that speak with one model at once share the passes over its weights.

There is no thread for it. Whoever needs a latent and finds no pass running runs one for all: each caller that is not
far ahead of its decoder gets its next latent too. So a pass has nearly always a row of every caller, while decoders
run in the callers' threads; a caller that nobody listens to is left out, and one that goes, or fails, goes alone.
"""

import threading
from collections.abc import Generator

import numpy as np

from .passage import Passage, step

MAX_ROWS = 8  # callers in a pass: as many rows as the tile of the matrix product has
MAX_AHEAD = 8  # latents that others may make for a caller before it takes one


class SharedSteps:
    """Where the callers of one model meet."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all below
        self._speaking: list[Passage] = []
        self._in_pass: list[Passage] = []  # those of the pass that runs

    @property
    def n_speaking(self) -> int:
        """Passages that are being made."""
        return len(self._speaking)

    def latents(self, passage: Passage) -> Generator[np.ndarray]:
        """The latents [latent_dim] of a passage, as `latents_alone` makes them, in steps that callers share."""
        with self._changed:
            self._speaking.append(passage)
        try:
            while (latent := self._next(passage)) is not None:
                yield latent
        finally:
            with self._changed:
                self._speaking.remove(passage)
                self._changed.wait_for(lambda: passage not in self._in_pass)  # its state is still written into

    def _next(self, passage: Passage) -> np.ndarray | None:
        """The next latent, from a pass of whoever came first; None when the passage is over."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: passage.n_ahead or passage.is_over or not self._in_pass)
                if passage.n_ahead or passage.is_over:
                    return passage.take()
                self._in_pass = chosen = self._with_room(passage)
            try:
                _step_each(chosen)
            finally:
                with self._changed:
                    self._in_pass = []
                    self._changed.notify_all()

    def _with_room(self, first: Passage) -> list[Passage]:
        """A passage, and others of its model that are to have a latent too: those with the fewest ahead."""
        others = [
            other
            for other in self._speaking
            if other is not first and other.flow_lm is first.flow_lm and other.n_ahead < MAX_AHEAD and not other.is_over
        ]
        return [first, *sorted(others, key=lambda other: other.n_ahead)[: MAX_ROWS - 1]]


def _step_each(passages: list[Passage]) -> None:
    """A step of them all; if that cannot be, each by itself, so that one of them spoils no other's speech."""
    try:
        step(passages)
    except Exception:
        for passage in passages:
            if passage.is_over:
                continue
            try:
                step([passage])
            except Exception as error:
                passage.fail(error)
