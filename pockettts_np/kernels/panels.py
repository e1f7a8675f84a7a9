"""Matrices as the tile of the matrix product reads them."""

import numpy as np
from numpy.typing import DTypeLike

PANEL = 32  # outputs a panel


def pack(w: np.ndarray, dtype: DTypeLike | None = None) -> np.ndarray:
    """Panels of matrices: [..., n_out, n_in] -> [..., ceil(n_out / 32), n_in, 32], filled up with zeros."""
    *stack, n_out, n_in = w.shape
    panels = np.zeros((*stack, -(-n_out // PANEL), n_in, PANEL), w.dtype if dtype is None else dtype)
    pack_into(panels, w)
    return panels


def pack_into(panels: np.ndarray, w: np.ndarray) -> None:
    """Fill panels of zeros with matrices, rounded to what the panels hold."""
    for panel in range(panels.shape[-3]):
        rows = w[..., panel * PANEL : (panel + 1) * PANEL, :]
        if panels.dtype == np.int16:
            rows = rows.astype(np.float16, copy=False).view(np.int16)
        elif panels.dtype == np.uint16:
            rows = (np.ascontiguousarray(rows).view(np.uint32) >> 16).astype(np.uint16)
        panels[..., panel, :, : rows.shape[-2]] = rows.swapaxes(-1, -2)


def is_bfloat16(numbers: np.ndarray) -> bool:
    """Whether float32 numbers are all bfloat16 too, as those of a checkpoint often are."""
    bits = np.ascontiguousarray(numbers).view(np.uint32).reshape(-1)
    return not (bits[:1024] & 0xFFFF).any() and not (bits & 0xFFFF).any()


def bfloat16_to_float32(bits: np.ndarray) -> np.ndarray:
    """bfloat16 is the upper half of a float32: uint16 [...] -> float32 [...]."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def as_float32(panels: np.ndarray) -> np.ndarray:
    """The numbers of panels of any kind."""
    if panels.dtype == np.uint16:
        return bfloat16_to_float32(panels)
    return (panels.view(np.float16) if panels.dtype == np.int16 else panels).astype(np.float32)
