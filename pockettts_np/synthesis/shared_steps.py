"""Callers that speak with one model at once share the passes over its weights.

There is no thread for it. A caller that soon needs a latent, and finds no pass running, runs one for all: every caller
that is not far ahead of its decoder gets its next latent. So a pass has a row of nearly every caller, while decoders
run in the callers' threads. A caller that nobody listens to is left out; one that goes, or fails, goes alone.
"""

import os
import threading
from collections.abc import Generator, Iterator
from weakref import WeakSet

import numpy as np

from ..models.transformer import ROWS_STAND_ALONE
from ..threads.cores import SPEECHES_A_PASS, usable_cores
from .passage import Passage, latents_alone, step

MAX_ROWS = SPEECHES_A_PASS  # as many as the tile of the matrix product
LEAST_ROWS = 4  # a pass of fewer takes as long
CORES_A_PASS = 4  # so that passes and decoders of callers keep all cores busy
FEW_AHEAD = 1  # latents with which a caller goes for the next pass, which runs while decoders use them up
MAX_AHEAD = 8  # latents with which it is left out of passes


class SharedSteps:
    """Where the callers of one model meet."""

    def __init__(self, n_at_once: int | None = None) -> None:
        """`n_at_once` passes may run at once; by default as many as suit the cores."""
        self._n_at_once = n_at_once or max(1, usable_cores() // CORES_A_PASS)
        self.forget()
        _ALL.add(self)

    def forget(self) -> None:
        """Know no caller: a fork takes no thread along, and so none that would end its pass."""
        self._changed = threading.Condition()  # guards all below
        self._speaking: list[Passage] = []
        self._passes: list[list[Passage]] = []  # that run

    def latents(self, passage: Passage) -> Iterator[np.ndarray]:
        """The latents [latent_dim] of a passage: those of `latents_alone`, from steps that callers share.

        Where a row's numbers depend on the rows beside it, every caller steps alone.
        """
        return self._latents(passage) if ROWS_STAND_ALONE else latents_alone(passage)

    def _latents(self, passage: Passage) -> Generator[np.ndarray]:
        with self._changed:
            self._speaking.append(passage)
        try:
            while (latent := self._next(passage)) is not None:
                yield latent
        finally:
            with self._changed:
                if passage in self._speaking:  # not so after a fork
                    self._speaking.remove(passage)
                self._changed.wait_for(lambda: not self._is_in_pass(passage))  # which writes into its state

    def _next(self, passage: Passage) -> np.ndarray | None:
        """The next latent; None when the passage is over."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: passage.n_ahead or passage.is_over or self._may_step(passage))
                few = FEW_AHEAD if passage.has_begun and len(self._speaking) > 1 else 0
                if passage.is_over or passage.n_ahead > few or not self._may_step(passage):
                    return passage.take()
                together = self._chosen(passage)
                self._passes.append(together)
            try:
                _step_all(together)
            finally:
                with self._changed:
                    self._passes.remove(together)
                    self._changed.notify_all()

    def _may_step(self, passage: Passage) -> bool:
        return len(self._passes) < self._n_at_once and not self._is_in_pass(passage)

    def _is_in_pass(self, passage: Passage) -> bool:
        return any(passage in together for together in self._passes)

    def _chosen(self, first: Passage) -> list[Passage]:
        """A passage, and others of its model that are to get a latent too: those with the fewest ahead."""
        others = [
            other
            for other in self._speaking
            if other is not first
            and other.flow_lm is first.flow_lm
            and other.n_ahead < MAX_AHEAD
            and not other.is_over
            and not self._is_in_pass(other)
        ]
        share = -(-len(self._speaking) // self._n_at_once)
        n_rows = min(max(share, LEAST_ROWS), MAX_ROWS)
        return [first, *sorted(others, key=lambda other: other.n_ahead)[: n_rows - 1]]


_ALL: WeakSet[SharedSteps] = WeakSet()


def _forget_all() -> None:
    for steps in list(_ALL):
        steps.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _step_all(passages: list[Passage]) -> None:
    """A step of all; where that cannot be, each by itself, so that one of them spoils no other's speech."""
    try:
        step(passages)
    except Exception:
        for passage in passages:
            if not passage.is_over:
                _step_or_fail(passage)


def _step_or_fail(passage: Passage) -> None:
    try:
        step([passage])
    except Exception as error:
        passage.fail(error)
