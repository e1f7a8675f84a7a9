"""Rows of numbers as integers of 7 bits, with a step for each 32 of them."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic

from ...scratch import STEP_INPUTS
from ..compiled import kernel
from ..elementwise import ZERO

MOST = np.float32(63)  # of the integers
OFFSET = 128  # of the weights that they meet
_LEAST = np.float32(1e-30)  # a largest number below which numbers count as zeros
_ONE_STEP = np.float32(1 / 63)
_INFINITE = np.int32(0x7F800000)  # its bits; those of NaN come after
_NAN = np.float32(np.nan)
_I32 = ir.IntType(32)


def _magnitude(typing: Any, x: Any) -> Any:
    """The bits of |x|, which are in the order of the numbers; those of NaN come last."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.and_(builder.bitcast(args[0], _I32), _I32(0x7FFFFFFF))

    return types.int32(types.float32), generate


def _number(typing: Any, bits: Any) -> Any:
    """The float32 of some bits."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), generate


def _rounded(typing: Any, x: Any, factor: Any) -> Any:
    """x · factor, between −63 and 63, to the nearest integer; two roundings, also where one instruction has but one."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        f32 = ir.FloatType()
        shifted = builder.fadd(builder.fmul(args[0], args[1]), f32(64.5))
        return builder.sub(builder.fptosi(shifted, _I32), _I32(64))

    return types.int32(types.float32, types.float32), generate


def _magnitude_of_numpy(x: np.float32) -> np.int32:
    return np.int32(np.float32(x).view(np.int32) & 0x7FFFFFFF)


def _number_of_numpy(bits: np.int32) -> np.float32:
    return np.int32(bits).view(np.float32)


def _rounded_of_numpy(x: np.float32, factor: np.float32) -> int:
    return int(np.float32(x) * factor + np.float32(64.5)) - 64


_without_compiler = config.DISABLE_JIT  # type: ignore[attr-defined]
magnitude: Any = _magnitude_of_numpy if _without_compiler else intrinsic(_magnitude)
number: Any = _number_of_numpy if _without_compiler else intrinsic(_number)
rounded: Any = _rounded_of_numpy if _without_compiler else intrinsic(_rounded)


@kernel
def to_integers(x, q, steps, offsets):
    """Rows x [T, n_in] -> integers q [T, n], steps and offsets [T, n / 32]; n is n_in or the next multiple of 32.

    An offset is what a sum of products by weights with 128 added begins with. Where a number is NaN or infinite, the
    step is NaN.
    """
    n_in = x.shape[1]
    for t in range(x.shape[0]):
        row, to = x[t], q[t]
        for b in range(steps.shape[1]):
            first = b * STEP_INPUTS
            end = min(first + STEP_INPUTS, n_in)
            bits = np.int32(0)
            for k in range(first, end):
                bits = max(bits, magnitude(row[k]))
            most = number(bits)
            is_usual = bits < _INFINITE and most > _LEAST
            factor = MOST / most if is_usual else ZERO
            steps[t, b] = most * _ONE_STEP if bits < _INFINITE else _NAN
            total = np.int32(0)
            if is_usual:
                for k in range(first, end):
                    value = rounded(row[k], factor)
                    to[k] = value
                    total += value
            else:
                end = first
            for k in range(end, first + STEP_INPUTS):
                to[k] = 0
            offsets[t, b] = -OFFSET * total
