"""Linear layers on time-major float32 arrays `[T, C]`."""

from dataclasses import dataclass

import numpy as np

from ..kernels import entry_points as kernels
from ..kernels.panels import Panels
from ..weights.checkpoint import Weights
from ..weights.packing import lone_panels


@dataclass(frozen=True, eq=False, repr=False)
class Linear:
    """y = x @ weight.T + bias, the weight as panels for the compiled product."""

    panels: Panels  # of [n_out, n_in]
    bias: np.ndarray  # [n_out]

    @classmethod
    def of(cls, w: Weights, weight: np.ndarray, bias: np.ndarray | None = None) -> "Linear":
        """From a matrix [n_out, n_in], held as `w` says."""
        return cls(lone_panels(w, weight), np.zeros(len(weight), np.float32) if bias is None else bias)

    @classmethod
    def load(cls, w: Weights, n_in: int, n_out: int, bias: bool = False) -> "Linear":
        weight = w.take_matrix("weight", (n_out, n_in), (0, 1), n_in)
        return cls.of(w, weight, w.take("bias", (n_out,)) if bias else None)

    @property
    def n_out(self) -> int:
        return len(self.bias)

    @property
    def row_work(self) -> int:
        """Multiply-adds of a row, those for the panels' spare outputs included."""
        return self.panels.data.size

    def __call__(self, x: np.ndarray) -> np.ndarray:  # [T, n_in] -> [T, n_out]
        y = np.empty((len(x), self.n_out), np.float32)
        kernels.matmul(x, self.panels.data, self.panels.scale, self.bias, y)
        return y


@dataclass(frozen=True, eq=False, repr=False)
class SingleOutput:
    """y = x · weight + bias: one number a row, for which a panel of 32 outputs would be wasted."""

    weight: np.ndarray  # [n_in]
    bias: np.ndarray  # [1]

    @classmethod
    def load(cls, w: Weights, n_in: int) -> "SingleOutput":
        return cls(np.array(w.take("weight", (1, n_in))[0]), w.take("bias", (1,)))

    def __call__(self, x: np.ndarray) -> np.ndarray:  # [T, n_in] -> [T]
        y = np.empty(len(x), np.float32)
        kernels.dot_rows(x, self.weight, self.bias, y)
        return y
