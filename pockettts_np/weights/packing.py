"""From the tensors of a checkpoint to panels, in the numbers that its storage asks for."""

from typing import Any

import numpy as np

from ..kernels.panels import PANEL, NumberType, Panels, as_float32, is_bfloat16, n_panels, pack_into
from ..kernels.vectorized.products import side_by_side
from ..kernels.ways import way
from .checkpoint import Weights

KEEPS_KINDS = way().name != "numpy"  # whether weights are held as they are stored: NumPy multiplies float32 alone

_STORED_HALVES: dict[Any, NumberType] = {
    np.dtype(np.uint16): NumberType.BFLOAT16,
    np.dtype(np.float16): NumberType.FLOAT16,
}


def held_kind(kind: NumberType) -> NumberType:
    """What numbers of a kind are held as: float32 where the kernels would widen others in every call."""
    return kind if KEEPS_KINDS else NumberType.FLOAT32


def _held(panels: Panels) -> Panels:
    """The same numbers and scales as the kernels read them best."""
    if KEEPS_KINDS:
        return panels
    return Panels(side_by_side(as_float32(panels.data)), NumberType.FLOAT32, panels.scale)


def lone_panels(w: Weights, matrix: np.ndarray) -> Panels:
    """Panels of a matrix [n_out, n_in] that stands alone; a single row is too small to be rounded."""
    if len(matrix) == 1:
        kind = NumberType.FLOAT32
    elif matrix.dtype == np.float16 or w.storage.lone is NumberType.FLOAT16:
        kind = NumberType.FLOAT16
    else:
        kind = NumberType.BFLOAT16 if is_bfloat16(matrix) else NumberType.FLOAT32
    return _held(Panels.of(matrix, kind))


def stacked_panels(w: Weights, pattern: str, n_layers: int, shape: tuple[int, int]) -> Panels:
    """Panels of the matrices [n_out, n_in] whose names differ in the number at `{}`: data [n_layers, P, n_in, 32].

    A quantised checkpoint holds them as one int8 tensor of panels, which has `*` for the number, and its scales; that
    is used where it lies in the file, unless it is held as float32. Else they are converted one by one; only int8 has
    scales but one.
    """
    n_out, n_in = shape
    data_shape = packed_shape(n_layers, shape)
    whole = pattern.format("*")
    if w.has(f"{whole}_scale"):
        stored = w.take_stored(whole, data_shape)
        if stored.dtype != np.int8:
            raise ValueError(f"{w.label}: the tensor {w.prefix + whole!r} is {stored.dtype}; its scales want int8.")
        return _held(Panels(stored, NumberType.INT8, np.array(w.take(f"{whole}_scale", (n_layers, n_out)))))
    names = [pattern.format(i) for i in range(n_layers)]
    kind = w.storage.stacks or _published(w, names)
    panels = Panels(np.zeros(data_shape, kind.stored), kind, np.ones((n_layers, n_out), np.float32))
    for i, name in enumerate(names):
        matrix = w.take_matrix(name, shape, (0, 1), n_in)
        if kind is NumberType.INT8:
            matrix, panels.scale[i] = quantize_rows(matrix.astype(np.float32, copy=False))
        pack_into(panels.data[i], matrix, kind)
        w.let_go(name)
    return _held(panels)


def _published(w: Weights, names: list[str]) -> NumberType:
    """What tensors are stored as: 16-bit floats stay so if all are of one type."""
    stored = {w.stored_dtype(name) for name in names}
    return _STORED_HALVES.get(stored.pop(), NumberType.FLOAT32) if len(stored) == 1 else NumberType.FLOAT32


def row_scales(w: np.ndarray) -> np.ndarray:
    """The quantisation step of each row [n_out] of a matrix: its largest magnitude becomes 127."""
    largest = np.maximum(w.max(axis=1), -w.min(axis=1))
    return np.maximum(largest, np.float32(1e-30)) / np.float32(127)


def quantize_rows(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 values [n_out, n_in] and a scale a row [n_out]: w ≈ values · scale, symmetric around zero."""
    scales = row_scales(w)
    values = np.empty(w.shape, np.int8)
    for row in range(len(w)):  # row by row: no copies of a matrix of megabytes
        values[row] = np.rint(w[row] / scales[row])
    return values, scales


def packed_shape(n_layers: int, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Of the data of stacked panels."""
    return n_layers, n_panels(shape[0]), shape[1], PANEL
