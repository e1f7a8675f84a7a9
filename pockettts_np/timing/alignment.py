"""Which text sounds in which frame: attention heads that follow the text, and the best way through what they see.

A few heads of a trained language model look, while they make a frame, at the token that sounds in it. Dynamic
programming turns their attention, a row a frame, into the most likely way through the tokens, as Whisper's word times
are made (Radford et al. 2023), but while the rows come: what no later row can change is known at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config.config import TimestampHead
from ..kernels import entry_points as kernels
from ..kernels.panels import PANEL, n_panels
from ..models.transformer import Transformer
from ..modules.attention import KVCache

FLOOR = 1e-4  # added to the attention, so that a token may be passed that nobody looks at
BEAM = 30.0  # a way e^30 times less likely than the best is given up


@dataclass(frozen=True, eq=False, repr=False)
class TextEar:
    """Listens to a transformer that speaks, and notes how much some of its heads look at each token of the text."""

    transformer: Transformer
    heads: tuple[TimestampHead, ...]
    keys: tuple[np.ndarray, ...]  # of each head [n_tokens, head_dim]
    rows: list[np.ndarray]  # of each frame [n_heads, n_tokens]: a head's attention to the tokens alone, in sum 1
    layers: tuple[int, ...]  # with any of the heads

    @classmethod
    def after_text(
        cls, transformer: Transformer, heads: Sequence[TimestampHead], state: KVCache, n_tokens: int
    ) -> "TextEar":
        """For a state whose last `n_tokens` rows are the text."""
        _, n_kv_heads, head_dim = state.sizes
        group = transformer.weights.out_proj.shape[2] // head_dim // n_kv_heads
        keys = [state.key_rows(chosen.layer, chosen.head // group)[-n_tokens:] for chosen in heads]
        layers = sorted({chosen.layer for chosen in heads})
        return cls(transformer, tuple(heads), tuple(keys), [], tuple(layers))

    def hear(self, layer: int, x: np.ndarray, position: int) -> None:
        """The row [1, d] of a frame that comes to a layer."""
        if layer == self.layers[0]:
            self.rows.append(np.empty((len(self.heads), len(self.keys[0])), np.float32))
        for i, chosen in enumerate(self.heads):
            if chosen.layer == layer:
                self.rows[-1][i] = _softmax(self.keys[i] @ self._query(x, chosen, position))

    def forget_after(self, n_frames: int) -> None:
        """Unhear what follows the first `n_frames`."""
        del self.rows[n_frames:]

    def _query(self, x: np.ndarray, chosen: TimestampHead, position: int) -> np.ndarray:  # [1, d] -> [head_dim]
        """The query of one head, scaled by 1/√head_dim, of a row that comes to its layer."""
        w, dim = self.transformer.weights, 2 * len(self.transformer.inv_freq)
        first = chosen.head * dim // PANEL  # panels that hold the head's part of the product
        panels = w.in_proj[chosen.layer, first : n_panels((chosen.head + 1) * dim)]
        scale = w.in_scale[chosen.layer, first * PANEL : (first + len(panels)) * PANEL]
        normed, product = np.empty_like(x), np.empty((1, len(scale)), np.float32)
        kernels.layer_norm(x, w.norm1[chosen.layer, 0], w.norm1[chosen.layer, 1], 1e-5, normed)
        kernels.matmul(normed, panels, scale, np.zeros(len(scale), np.float32), product)
        start = chosen.head * dim - first * PANEL
        query = product[:, start : start + dim].reshape(1, 1, dim)
        kernels.rope(query, position, self.transformer.inv_freq)
        return query[0, 0] * np.float32(1 / math.sqrt(dim))


def _softmax(scores: np.ndarray) -> np.ndarray:  # [n] -> [n]
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


class TextPath:
    """The most likely way of frames through tokens: from the first to the last, forwards, none left out.

    A frame may hold several tokens, a token several frames. Every token pays for each frame that it sounds in with the
    logarithm of the attention that it has there.
    """

    def __init__(self, n_tokens: int) -> None:
        self.bounds: list[float] = []  # frames from the start to that of each token, as far as certain; at last the end
        self._n_tokens = n_tokens
        self._scores = np.full(n_tokens, -np.inf)  # of the best way to each token of the newest frame
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []  # of a way: first token in the frame, last one before it
        self._shares: list[np.ndarray] = []  # of each frame [n_tokens]: attention to a token and those before it
        self._certain_frames = 0
        self._starts: list[float] = []  # of tokens, in whole frames; half ones where several share a frame

    def advance(self, row: np.ndarray) -> None:
        """Go on by a frame with the attention [n_tokens] to each token, in sum 1."""
        share = np.cumsum(row, dtype=np.float64)
        paid = np.cumsum(np.log(row.astype(np.float64) + FLOOR))
        stayed = self._scores
        moved = np.concatenate([[-np.inf if self._steps else 0.0], stayed[:-1]])
        entered = np.maximum(stayed, moved) - np.concatenate([[0.0], paid[:-1]])
        best = np.maximum.accumulate(entered)
        first = np.maximum.accumulate(np.where(entered == best, np.arange(self._n_tokens), 0))
        self._steps.append((first, first - (moved[first] > stayed[first])))
        self._shares.append(share / share[-1])
        scores = best + paid
        alive = np.flatnonzero(scores >= scores.max() - BEAM)
        self._scores = np.full(self._n_tokens, -np.inf)
        self._scores[alive] = scores[alive]
        self._settle(int(alive[0]), int(alive[-1]))

    def finish(self) -> None:
        """No frame follows: the last token ends with the last frame."""
        if self._steps:
            self._follow(len(self._steps) - 1, self._n_tokens - 1)
        self._starts += [0.0] * (self._n_tokens - len(self._starts))
        self._refine(last=True)
        self.bounds.append(float(len(self._steps)))

    def _settle(self, low: int, high: int) -> None:
        """Make certain what the ways to two tokens of the newest frame have in common; ways between lie between."""
        frame = len(self._steps) - 1
        while low != high:
            before = self._steps[frame][1]
            low, high, frame = int(before[low]), int(before[high]), frame - 1
        self._follow(frame, low)
        self._refine(last=False)

    def _follow(self, frame: int, token: int) -> None:
        """The way to `token` of `frame` is certain."""
        starts: list[float] = []
        for f in range(frame, self._certain_frames - 1, -1):
            first, before = int(self._steps[f][0][token]), int(self._steps[f][1][token])
            starts += [f + 0.5] * (token - first) + [float(f)] * (first - before)
            token = before
        self._starts += reversed(starts)
        self._certain_frames = max(self._certain_frames, frame + 1)

    def _refine(self, last: bool) -> None:
        """Move the starts within a frame: as much of the frames around them as belongs to the tokens before."""
        n_frames = len(self._shares)
        while len(self.bounds) < len(self._starts):
            token = len(self.bounds)
            start = self._starts[token]
            first, end = max(0, math.floor(start) - 1), math.ceil(start) + 1
            if end > n_frames and not last:
                return
            shares = [frame[token - 1] for frame in self._shares[first:end]] if token else []
            self.bounds.append(max([*self.bounds[-1:], first + float(sum(shares))]))
