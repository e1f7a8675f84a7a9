"""Stateless building blocks on time-major float32 arrays `[T, C]`."""

from dataclasses import dataclass, replace

import numpy as np

from ..kernels import entry_points as kernels
from ..kernels.panels import pack
from ..weights.checkpoint import Weights


@dataclass(frozen=True)
class Linear:
    """y = x @ weight.T + bias, the weight packed for the compiled product; a single output is kept as a row."""

    panels: np.ndarray  # [P, n_in, 32], or [1, n_in] for one output
    scale: np.ndarray  # [n_out] ones
    bias: np.ndarray  # [n_out]

    @classmethod
    def of(cls, w: Weights, weight: np.ndarray, bias: np.ndarray | None = None) -> "Linear":
        """From a matrix [n_out, n_in], stored as `w` says."""
        n_out = len(weight)
        return cls(
            np.ascontiguousarray(weight, np.float32) if n_out == 1 else w.panels(weight),
            np.ones(n_out, np.float32),
            np.zeros(n_out, np.float32) if bias is None else bias,
        )

    @classmethod
    def load(cls, w: Weights, n_in: int, n_out: int, bias: bool = False) -> "Linear":
        weight = w.take_matrix("weight", (n_out, n_in), (0, 1), n_in)
        return cls.of(w, weight, w.take("bias", (n_out,)) if bias else None)

    def packed(self) -> "Linear":
        """The same with panels, also for a single output."""
        return self if self.panels.ndim == 3 else replace(self, panels=pack(self.panels))

    def __call__(self, x: np.ndarray) -> np.ndarray:  # [T, n_in] -> [T, n_out]
        y = np.empty((len(x), len(self.bias)), np.float32)
        if len(self.bias) == 1:
            kernels.dot_rows(x, self.panels[0], self.bias[0], y[:, 0])
        else:
            kernels.matmul(x, self.panels, self.scale, self.bias, y)
        return y
