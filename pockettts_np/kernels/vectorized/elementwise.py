"""Functions of each element or of each row of an array.

The activations are written with tanh, which NumPy computes in vector instructions where the processor has them; expm1
it does not.
"""

import math

import numpy as np

_GELU_SLOPE = math.sqrt(2 / math.pi)


def elu(x: np.ndarray) -> None:
    """ELU with alpha 1 (Clevert et al. 2015), in place: e^x − 1 = 2t / (1 − t) with t = tanh(x/2)."""
    t = np.minimum(x, 0)
    t *= 0.5
    np.tanh(t, out=t)
    negative = 1 - t
    np.divide(t, negative, out=negative)
    negative *= 2
    np.maximum(x, 0, out=x)
    x += negative


def silu(x: np.ndarray) -> None:
    """x · sigmoid(x) in place, with sigmoid(x) = (1 + tanh(x/2)) / 2."""
    u = 0.5 * x
    np.tanh(u, out=u)
    u += 1
    u *= 0.5
    x *= u


def gelu(x: np.ndarray) -> None:
    """GELU in place, tanh form: x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³)."""
    u = x * x
    u *= 0.044715 * _GELU_SLOPE
    u += _GELU_SLOPE
    u *= x
    np.tanh(u, out=u)
    u += 1
    u *= 0.5
    x *= u


def standardize(x: np.ndarray, eps: float, out: np.ndarray) -> None:
    """Each row with mean 0 and variance 1: [T, d] -> [T, d]."""
    width = x.shape[1]
    np.subtract(x, np.add.reduce(x, axis=1, keepdims=True) / width, out=out)
    variance = np.vecdot(out, out)[:, None] / width
    out /= np.sqrt(variance + eps)


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float, out: np.ndarray) -> None:
    """LayerNorm of each row: [T, d], [d], [d] -> [T, d]."""
    standardize(x, eps, out)
    out *= weight
    out += bias
