"""A transformer whose steps of one row several threads share: where a step waits for memory, two read more than one."""

from collections.abc import Callable

import numpy as np

from ..kernels import entry_points as kernels
from ..kernels.arguments import BOARD, MOST_STEPS, WORD, shared_size, unclaimable
from ..modules.attention import KVCache
from .flow_lm import FlowLM
from .mimi import MimiDecoder
from .transformer import Transformer

LEAST_BYTES = 4_000_000  # of weights, in a step that is worth sharing
DECODED_A_BYTE = 3  # multiply-adds of the decoder in the time of a byte of these weights, as measured


class Team:
    """Steps one speech. One thread calls it; others may `assist` in its step meanwhile."""

    def __init__(self, transformer: Transformer) -> None:
        self._transformer = transformer
        self._shared = np.zeros(shared_size(transformer.weights), np.float32)
        self._board = self._shared[:BOARD].view(np.int64)
        self._arguments: tuple | None = None  # of the kernels, while a step is at work
        self.step = 0  # number of the last one that began
        self.on_step: Callable[[], object] = lambda: None  # called when a step begins

    @classmethod
    def of(cls, flow_lm: FlowLM, decoder: MimiDecoder, threads: int) -> "Team | None":
        """For a language model's transformer, where several threads gain by sharing its steps.

        Two have the decoder to do besides, and gain where a step takes half as long again as that.
        """
        inner = flow_lm.transformer
        if threads == 1:
            return None
        n_bytes = sum(array.nbytes for array in inner.weights)
        others = 1.5 * decoder.frame_work / DECODED_A_BYTE if threads == 2 else 0
        return cls(inner) if n_bytes >= max(LEAST_BYTES, others) else None

    @property
    def is_at_work(self) -> bool:
        """Whether there is a step to assist in."""
        return self._arguments is not None

    def __call__(self, x: np.ndarray, state: KVCache) -> np.ndarray:  # [1, d] -> [1, d]
        inner, out = self._transformer, np.array(x, np.float32, order="C")
        state.reserve(1, inner.context)
        self.step = self.step % MOST_STEPS + 1
        self._board[WORD] = unclaimable(self.step)
        before, after = (out, state.keys, state.values, state.n_rows), (inner.context, inner.inv_freq, inner.weights)
        self._arguments = (*before, self.step, *after, self._shared)
        try:
            self.on_step()
            kernels.transformer_lead(*before, state.position, *after, self._shared)
        finally:
            self._arguments = None
        state.advance(1)
        return out

    def assist(self) -> None:
        """Help with the step at work until it is over, or until nothing comes for a moment."""
        if (arguments := self._arguments) is not None:
            kernels.transformer_assist(*arguments)
