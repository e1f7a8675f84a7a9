"""Numbers of an array seen in another shape, without a copy, a check or a reference count.

NumPy's `reshape` and `as_strided` would do, but their compiled forms bring along what formats their errors. A view is
valid as long as what it looks at; kernels allocate nothing, so that is as long as the call.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic
from numpy.lib.stride_tricks import as_strided

from ..arguments import array_at
from .compiled import kernel


def _make_view(layout: Any, n_axes: int, number: Any = None) -> Any:
    """An intrinsic (array, shape..., strides in numbers...) -> view of the array's numbers from its first on.

    The same bytes count as numbers of another type where one is given.
    """

    def view(typing: Any, array: Any, shape: Any, strides: Any) -> Any:
        kind = types.Array(number or array.dtype, n_axes, layout)

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            of = context.make_array(signature.args[0])(context, builder, args[0])
            shape, strides = (cgutils.unpack_tuple(builder, value) for value in args[1:])
            made = context.make_array(kind)(context, builder)
            item = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
            context.populate_array(
                made,
                data=builder.bitcast(of.data, made.data.type),
                shape=shape,
                strides=[builder.mul(stride, item) for stride in strides],
                itemsize=item,
                meminfo=None,
            )
            return made._getvalue()

        return kind(array, shape, strides), generate

    return intrinsic(view)


def _at_address(typing: Any, address: Any, shape: Any, like: Any) -> Any:
    """The contiguous array of that shape at an address in memory, of numbers of the type of `like`'s."""
    kind = types.Array(like.dtype, shape.count, "C")

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        made = context.make_array(kind)(context, builder)
        lengths = cgutils.unpack_tuple(builder, args[1])
        item = context.get_constant(types.intp, like.dtype.bitwidth // 8)
        strides = [item]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        data = builder.inttoptr(args[0], made.data.type)
        context.populate_array(made, data=data, shape=lengths, strides=strides, itemsize=item, meminfo=None)
        return made._getvalue()

    return kind(address, shape, like), generate


def _view_of_numpy(array: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    return as_strided(array, shape, tuple(stride * array.itemsize for stride in strides))


def _make_view_of_numpy(number: Any) -> Any:
    return lambda array, shape, strides: _view_of_numpy(array.reshape(-1).view(number), shape, strides)


_without_compiler = config.DISABLE_JIT  # type: ignore[attr-defined]
_line: Any = _view_of_numpy if _without_compiler else _make_view("C", 1)
_matrix: Any = _view_of_numpy if _without_compiler else _make_view("C", 2)
_cube: Any = _view_of_numpy if _without_compiler else _make_view("C", 3)
_rows: Any = _view_of_numpy if _without_compiler else _make_view("A", 2)
_integers: Any = _make_view_of_numpy(np.int32) if _without_compiler else _make_view("C", 2, types.int32)
_bytes: Any = _make_view_of_numpy(np.int8) if _without_compiler else _make_view("C", 2, types.int8)
at_address: Any = array_at if _without_compiler else intrinsic(_at_address)


@kernel
def line(x):
    """All numbers of a contiguous array: [n]."""
    return _line(x, (x.size,), (1,))


@kernel
def matrix(x, n_rows, width):
    """The first numbers of a contiguous array as [n_rows, width]."""
    return _matrix(x, (n_rows, width), (width, 1))


@kernel
def as_int32(x, n_rows, width):
    """The first bytes of a contiguous array as integers [n_rows, width] of 32 bits."""
    return _integers(x, (n_rows, width), (width, 1))


@kernel
def as_int8(x, n_rows, width):
    """The first bytes of a contiguous array as integers [n_rows, width] of 8 bits."""
    return _bytes(x, (n_rows, width), (width, 1))


@kernel
def cube(x, depth, n_rows, width):
    """The first numbers of a contiguous array as [depth, n_rows, width]."""
    return _cube(x, (depth, n_rows, width), (n_rows * width, width, 1))


@kernel
def overlapping(x, n_rows, width, stride):
    """Rows [n_rows, width] of a contiguous array, each `stride` numbers after the one before."""
    return _rows(x, (n_rows, width), (stride, 1))
