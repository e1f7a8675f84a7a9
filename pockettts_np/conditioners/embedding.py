"""Token ids to the rows that the language model reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..modules.linear import Linear
from ..weights.checkpoint import Weights


@dataclass(frozen=True, eq=False, repr=False)
class TextEmbedding:
    """A row a token, perhaps through a low-rank projection."""

    table: np.ndarray  # [n_bins + 1, rank or d]; the last row is padding
    projection: Linear | None

    @classmethod
    def load(cls, w: Weights, n_bins: int, width: int, rank: int | None) -> "TextEmbedding":
        table = w.take("embed.weight", (n_bins + 1, rank or width))
        return cls(table, None if rank is None else Linear.load(w.scope("proj"), rank, width))

    def __call__(self, ids: Sequence[int]) -> np.ndarray:  # [T] -> [T, d]
        rows = np.ascontiguousarray(self.table[list(ids)], np.float32)
        return rows if self.projection is None else self.projection(rows)
