"""Norms of rows."""

from dataclasses import dataclass

import numpy as np

from ..kernels import entry_points as kernels
from ..weights.checkpoint import Weights


@dataclass(frozen=True, eq=False, repr=False)
class LayerNorm:
    """LayerNorm of each row, eps 1e-5."""

    weight: np.ndarray  # [d]
    bias: np.ndarray  # [d]

    @classmethod
    def load(cls, w: Weights, width: int) -> "LayerNorm":
        return cls(w.take("weight", (width,)), w.take("bias", (width,)))

    def __call__(self, x: np.ndarray) -> np.ndarray:  # [T, d] -> [T, d]
        out = np.empty_like(x)
        kernels.layer_norm(x, self.weight, self.bias, 1e-5, out)
        return out


def std_norm(x: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """x · gain / √(variance + 1e-5): [d], [d] -> [d].

    The flow net calls it RMSNorm, but it divides by the unbiased standard deviation and leaves the mean in.
    """
    return x * (gain / np.sqrt(np.float32(1e-5) + x.var(ddof=1)))
