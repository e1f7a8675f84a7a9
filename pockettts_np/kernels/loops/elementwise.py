"""Loops over the elements or the rows of an array."""

import numpy as np

from .compiled import kernel
from .views import line

ZERO = np.float32(0)
ONE = np.float32(1)


@kernel
def _expm1_of_part(x):
    """exp(x / 32) − 1 for x ≤ 0, which counts as −20 below that: Taylor's series.

    No table and no bit tricks, so that every compiler turns it into vector instructions (libm's expm1 does not).
    """
    y = (np.float32(-20) if x < np.float32(-20) else x) * np.float32(1 / 32)
    u = np.float32(1 / 720)
    u = u * y + np.float32(1 / 120)
    u = u * y + np.float32(1 / 24)
    u = u * y + np.float32(1 / 6)
    u = u * y + np.float32(1 / 2)
    u = u * y + ONE
    return u * y


@kernel
def _expm1_of_negative(x):
    """exp(x) − 1 for x ≤ 0, within 2e-7: five times e^2y − 1 = u (u + 2), which damps the error as e^x falls."""
    u = _expm1_of_part(x)
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    u = u * (u + np.float32(2))
    return u * (u + np.float32(2))


@kernel
def exp_of_negative(x):
    """exp(x) for −20 ≤ x ≤ 0, within 4e-6 of itself, so that a sum of thousands stays right."""
    e = ONE + _expm1_of_part(x)
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@kernel
def _sigmoid(x):
    e = ONE + _expm1_of_negative(-abs(x))
    return (e if x < ZERO else ONE) / (ONE + e)


@kernel
def elu(x):
    """ELU with alpha 1 (Clevert et al. 2015) of a contiguous array, in place."""
    flat = line(x)
    for i in range(flat.size):
        v = flat[i]
        flat[i] = _expm1_of_negative(v) if v < ZERO else v


@kernel
def silu(x):
    """x · sigmoid(x) in place."""  # [n]
    for i in range(x.size):
        x[i] *= _sigmoid(x[i])


@kernel
def gelu(x):
    """GELU in place, tanh form: x (1 + tanh u) / 2 = x · sigmoid(2u) with u = √(2/π) (x + 0.044715 x³)."""
    flat = line(x)
    for i in range(flat.size):
        v = flat[i]
        flat[i] = v * _sigmoid(np.float32(1.5957691216057308) * (v + np.float32(0.044715) * v * v * v))


@kernel
def add(x, update):
    """x += update, [T, d]."""
    for t in range(x.shape[0]):
        row, of = x[t], update[t]
        for i in range(x.shape[1]):
            row[i] += of[i]


@kernel
def copy(x, out):
    """out = x, [T, d]; NumPy's assignment of an array compiles what formats its errors as well."""
    for t in range(x.shape[0]):
        row, to = x[t], out[t]
        for i in range(x.shape[1]):
            to[i] = row[i]


@kernel
def layer_norm(x, weight, bias, eps, out):
    """LayerNorm of each row: [T, d], [d], [d] -> [T, d]."""
    d = x.shape[1]
    for t in range(x.shape[0]):
        row, to = x[t], out[t]
        total = ZERO
        for i in range(d):
            total += row[i]
        mean = total / np.float32(d)
        squares = ZERO
        for i in range(d):
            squares += (row[i] - mean) * (row[i] - mean)
        rstd = ONE / np.sqrt(squares / np.float32(d) + np.float32(eps))
        for i in range(d):
            to[i] = (row[i] - mean) * rstd * weight[i] + bias[i]
