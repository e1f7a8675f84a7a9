"""Stateless building blocks on time-major float32 arrays `[T, C]`."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from . import kernels
from .weights import Weights

FEW_ROWS = 48  # up to here the compiled product beats BLAS; see tools/bench.py --kernels


@dataclass(frozen=True)
class Linear:
    """y = x @ weight.T + bias."""

    weight: np.ndarray  # [n_out, n_in]
    bias: np.ndarray | None = None  # [n_out]

    @classmethod
    def load(cls, w: Weights, n_in: int, n_out: int, bias: bool = False) -> "Linear":
        weight = w.stack(["weight"], (n_out, n_in))[0]
        return cls(weight, w.take("bias", (n_out,)) if bias else None)

    @cached_property
    def _unit_scale(self) -> np.ndarray:
        return np.ones(len(self.weight), np.float32)

    def __call__(self, x: np.ndarray) -> np.ndarray:  # [T, n_in] -> [T, n_out]
        if len(x) <= FEW_ROWS:
            y = np.empty((len(x), len(self.weight)), np.float32)
            kernels.matmul(x, self.weight, self._unit_scale, y)
        else:
            y = x @ self.weight.T
        if self.bias is not None:
            y += self.bias
        return y


@dataclass(frozen=True)
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


def elu(x: np.ndarray) -> np.ndarray:
    """ELU with alpha 1 (Clevert et al. 2015): [T, C] -> [T, C]."""
    out = np.empty_like(x)
    kernels.elu(x, out)
    return out


def std_norm(x: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """x · gain / √(variance + 1e-5): [d], [d] -> [d].

    The flow net calls it RMSNorm, but it divides by the unbiased standard deviation and leaves the mean in.
    """
    return x * (gain / np.sqrt(np.float32(1e-5) + x.var(ddof=1)))


def silu(x: np.ndarray) -> np.ndarray:
    """x · sigmoid(x): [d] -> [d]."""
    out = x.copy()
    kernels.silu(out)
    return out
