"""Matrices as the tile of the matrix product reads them: panels of 32 outputs, in one of four types of number.

A matrix [n_out, n_in] is stored as panels [ceil(n_out / 32), n_in, 32]: the 32 weights of one input lie side by side.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

PANEL = 32  # outputs a panel


class NumberType(Enum):
    """What the numbers of an array are.

    NumPy has no bfloat16 and Numba neither of the 16-bit floats, so arrays hold the bits of both as integers, each as a
    type of its own: a kernel is compiled for each.
    """

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"

    @property
    def stored(self) -> "np.dtype[Any]":
        """The type of the arrays that hold such numbers."""
        return _STORED[self]

    @classmethod
    def of(cls, array: np.ndarray) -> "NumberType":
        """What an array of such numbers holds."""
        return next(kind for kind, stored in _STORED.items() if stored == array.dtype)

    def bits(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers, rounded to this type, as arrays hold them; bfloat16 is cut, not rounded."""
        if self is NumberType.FLOAT16:
            return numbers.astype(np.float16, copy=False).view(np.int16)
        if self is NumberType.BFLOAT16:
            return (np.ascontiguousarray(numbers).view(np.uint32) >> 16).astype(np.uint16)
        return numbers.astype(self.stored, copy=False)

    def numbers(self, bits: np.ndarray) -> np.ndarray:
        """What an array holds, as float32."""
        if self is NumberType.BFLOAT16:
            return bfloat16_to_float32(bits)
        return (bits.view(np.float16) if self is NumberType.FLOAT16 else bits).astype(np.float32, copy=False)


_STORED: "dict[NumberType, np.dtype[Any]]" = {
    NumberType.FLOAT32: np.dtype(np.float32),
    NumberType.BFLOAT16: np.dtype(np.uint16),
    NumberType.FLOAT16: np.dtype(np.int16),
    NumberType.INT8: np.dtype(np.int8),
}


@dataclass(frozen=True, eq=False, repr=False)
class Panels:
    """Matrices for the compiled product, and what each of their outputs is multiplied by."""

    data: np.ndarray  # [..., P, n_in, 32] of the stored type; outputs past the last are zeros
    kind: NumberType
    scale: np.ndarray  # [..., n_out] float32: the quantisation step, or one

    @classmethod
    def of(cls, w: np.ndarray, kind: NumberType = NumberType.FLOAT32) -> "Panels":
        """Matrices [..., n_out, n_in], rounded to `kind`; scales of one."""
        return cls(pack(w, kind), kind, np.ones(w.shape[:-1], np.float32))

    @property
    def n_out(self) -> int:
        return self.scale.shape[-1]

    def __getitem__(self, index: int) -> "Panels":
        """One matrix of a stack."""
        return Panels(self.data[index], self.kind, self.scale[index])


def of_one_kind(*panels: Panels) -> list[Panels]:
    """The same matrices in numbers of one kind, as a kernel wants them: float32 where they differ."""
    if len({each.kind for each in panels}) == 1:
        return list(panels)
    return [Panels(as_float32(each.data), NumberType.FLOAT32, each.scale) for each in panels]


def pack(w: np.ndarray, kind: NumberType = NumberType.FLOAT32) -> np.ndarray:
    """The data of panels of matrices: [..., n_out, n_in] -> [..., ceil(n_out / 32), n_in, 32], filled up with zeros."""
    *stack, n_out, n_in = w.shape
    data = np.zeros((*stack, n_panels(n_out), n_in, PANEL), kind.stored)
    pack_into(data, w, kind)
    return data


def pack_into(data: np.ndarray, w: np.ndarray, kind: NumberType) -> None:
    """Fill panels of zeros with matrices, rounded to `kind`.

    Rows of a power of two in length lie where the processor's cache can hold few of them at once, so that to read them
    side by side takes three times as long: they go through a buffer whose rows are longer.
    """
    buffer = np.empty((*w.shape[:-2], PANEL, w.shape[-1] + PANEL), kind.stored)
    for panel in range(data.shape[-3]):
        rows = kind.bits(w[..., panel * PANEL : (panel + 1) * PANEL, :])
        n_rows, n_in = rows.shape[-2:]
        apart = buffer[..., :n_rows, :n_in]
        apart[...] = rows
        data[..., panel, :, :n_rows] = apart.swapaxes(-1, -2)


def n_panels(n_out: int) -> int:
    return -(-n_out // PANEL)


def is_bfloat16(numbers: np.ndarray) -> bool:
    """Whether float32 numbers are all bfloat16 too, as those of a checkpoint often are."""
    bits = np.ascontiguousarray(numbers).view(np.uint32).reshape(-1)
    return not (bits[:1024] & 0xFFFF).any() and not (bits & 0xFFFF).any()


def bfloat16_to_float32(bits: np.ndarray) -> np.ndarray:
    """bfloat16 is the upper half of a float32: uint16 [...] -> float32 [...]."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def as_float32(data: np.ndarray) -> np.ndarray:
    """The numbers of the data of panels of any type."""
    return NumberType.of(data).numbers(data)
