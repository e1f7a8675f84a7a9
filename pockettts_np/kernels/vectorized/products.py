"""Matrix products: one call of BLAS where the panels lie side by side in memory, else one for each panel.

A row's result depends on the rows beside it by rounding alone: BLAS has one function for a single row and another for
several, which add in another order.
"""

import numpy as np

from ..panels import PANEL, as_float32
from ..scratch import STEP_INPUTS

MOST = np.float32(63)  # of the integers of a row of a prompt
LEAST = np.float32(1e-30)  # a largest number below which those of a row count as zeros


def side_by_side(panels: np.ndarray) -> np.ndarray:
    """The same panels [..., P, n_in, 32], in memory as matrices [n_in, 32 P], whose rows BLAS reads several at once."""
    return np.ascontiguousarray(panels.swapaxes(-3, -2)).swapaxes(-3, -2)


def product(x: np.ndarray, w: np.ndarray, n_out: int) -> np.ndarray:
    """x @ w.T: [T, n_in], panels [P, n_in, 32] -> [T, n_out]."""
    w = as_float32(w)
    n_panels, n_in, _ = w.shape
    if w.strides[0] == PANEL * w.itemsize:  # side by side: reshaped without a copy
        return x @ w.swapaxes(0, 1).reshape(n_in, n_panels * PANEL)[:, :n_out]
    sums = np.empty((len(x), n_panels, PANEL), np.float32)
    np.matmul(x, w, out=sums.swapaxes(0, 1))
    return sums.reshape(len(x), n_panels * PANEL)[:, :n_out]


def scaled(x: np.ndarray, w: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(x @ w.T) · scale: [T, n_in], panels [P, n_in, 32], [n_out] -> [T, n_out]."""
    return product(x, w, len(scale)) * scale


def shifted(x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x @ w.T + bias: [T, n_in], panels [P, n_in, 32], [n_out] -> [T, n_out]."""
    return product(x, w, len(bias)) + bias


def rounded(x: np.ndarray) -> np.ndarray:
    """Rows [T, n_in] as `prompt` multiplies them: integers from −63 to 63, times a step for each 32 numbers."""
    n_rows, n_in = x.shape
    blocks = np.zeros((n_rows, -(-n_in // STEP_INPUTS), STEP_INPUTS), np.float32)
    blocks.reshape(n_rows, -1)[:, :n_in] = x
    most = np.abs(blocks).max(axis=2, keepdims=True, initial=0)
    is_usual = np.isfinite(most) & (most > LEAST)
    factor = np.divide(MOST, most, where=is_usual, out=np.zeros_like(most))
    whole = np.floor(np.where(is_usual, blocks, 0) * factor + np.float32(MOST + 1.5)) - np.float32(MOST + 1)
    step = np.where(np.isfinite(most), most * np.float32(1 / MOST), np.float32(np.nan))
    return (whole * step).reshape(n_rows, -1)[:, :n_in]


def matmul(x: np.ndarray, w: np.ndarray, scale: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """out = (x @ w.T) · scale + bias: [T, n_in], panels [P, n_in, 32], [n_out], [n_out] -> [T, n_out]."""
    np.add(scaled(x, w, scale), bias, out=out)


def dot_rows(x: np.ndarray, w: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """out = x @ w + bias for a single output: [T, n_in], [n_in], [1] -> [T]."""
    np.matmul(x, w, out=out)
    out += bias
