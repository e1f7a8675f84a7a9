"""The register tile of every matrix product, written in LLVM's vector types (`vectors`).

Numba's automatic vectoriser cannot keep a tile of sums in registers and reaches half of what the processor can do. This
tile beats OpenBLAS at the sizes of this package (`python -m tools.bench --kernels`), because the weights are repacked
once when loaded, not at every call. Only the shape of the tile depends on the number and the width of the registers.

A matrix [n_out, n_in] is stored as panels [ceil(n_out / 32), n_in, 32]: the 32 weights of one input lie side by side.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from ..panels import PANEL, as_float32
from ..vectors import FAST, FEATURES, FLOATS, HAS_LANE_PRODUCTS, IS_X86, LANES, broadcast, broadcast_lane, load, store

if "avx512f" in FEATURES:  # 32 registers of 16 numbers
    COLUMNS, TILE_ROWS, STREAMS = PANEL, 8, 8
elif "avx2" in FEATURES:  # 16 registers of 8: 12 sums, 2 of weights, 1 of an input
    COLUMNS, TILE_ROWS, STREAMS = 16, 6, 3
elif IS_X86:  # 16 registers of 4
    COLUMNS, TILE_ROWS, STREAMS = 8, 4, 1
else:  # 32 registers of 4: NEON
    COLUMNS, TILE_ROWS, STREAMS = 16, 4, 2
CACHE_LINE = 64  # bytes
FLOAT_BYTES = 4
AHEAD = 8192  # bytes that are asked for before their turn: past the 4 KiB page at which hardware prefetchers stop


def make_tile(n_rows: int, n_panels: int, n_columns: int) -> Callable[..., None]:
    """A compiled `tile(x, row, w, panel, stride, first, start, end, column, scale, bias, out, to, place, …)`.

    Rows `row`.. of x [T, n_in] times n_columns columns from `column` on of panels `panel`, `panel + stride`, … of w
    [P, N, 32], of any kind; inputs `start` to `end` − 1 of x, which meet those from `first + start` on of the panels.
    The products go to rows `to`.. of out [T, n_out], column 0 of the first panel to `place`; all the columns must
    exist. With the first inputs they replace what stands there, with others they are added to it, and with the last
    they become · scale + bias. In place of rows past the last of x and of out, the last is taken again. Rows of x may
    overlap.

    The last arguments are `coming, ahead, step`: meanwhile the tile asks memory for what is needed after this, of the
    array `coming` from byte `ahead` on, `step` bytes an input, and as much of other panels.

    Without the compiler (NUMBA_DISABLE_JIT) it is a NumPy product.
    """

    def tile_of_numpy(*args: Any) -> None:
        x, row, w, panel, stride, first, start, end, column, scale, bias, out, to, place, *_ = args
        for number in range(n_panels):
            w_inputs = w[panel + number * stride, first + start : first + end, column : column + n_columns]
            products = x[row : row + n_rows, start:end] @ as_float32(w_inputs)
            first_column = place + number * stride * PANEL + column
            columns = slice(first_column, first_column + n_columns)
            sums = out[to : to + len(products), columns]
            sums[...] = products if start == 0 else sums + products
            if end == x.shape[1]:
                sums[...] = sums * scale[columns] + bias[columns]

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        x, w, scale, bias, out, coming = (
            context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 2, 9, 10, 11, 14)
        )
        _, row, _, panel, stride, first, start, end, column, _, _, _, to, place, _, ahead, step = args
        later = [builder.mul(stride, panel.type(number)) for number in range(n_panels)]  # panels after the first
        rows = [builder.gep(row_at(builder, x, existing(builder, x, row, i)), [start]) for i in range(n_rows)]
        first = builder.add(first, start)
        panels = [_inputs(builder, w, builder.add(panel, number), first, column) for number in later]
        columns = [
            builder.add(builder.add(place, builder.mul(number, place.type(PANEL))), builder.add(column, place.type(v)))
            for number in later
            for v in range(0, n_columns, LANES)
        ]
        results = [row_at(builder, out, existing(builder, out, to, i)) for i in range(n_rows)]
        places = [[builder.gep(result, [each]) for each in columns] for result in results]
        sums = begin(builder, places, builder.icmp_signed("==", start, start.type(0)))
        kind = signature.args[2].dtype
        ask = _asker(builder, coming, later, ahead, step, n_columns * kind.bitwidth // 8)
        _emit_products(builder, rows, panels, kind, builder.sub(end, start), sums, ask)
        is_last = builder.icmp_signed("==", end, cgutils.unpack_tuple(builder, x.shape)[1])
        factors = [[builder.gep(array.data, [each]) for each in columns] for array in (scale, bias)]
        finish(builder, sums, places, is_last, factors)
        return context.get_dummy_value()

    def tile(typing: Any, x, row, w, panel, stride, first, start, end, column, scale, bias, out, to, place, coming, ahead, step) -> Any:  # fmt: skip  # type: ignore[no-untyped-def]  # noqa: E501
        index = types.intp
        numbers = scale, bias, out
        return types.void(x, index, w, *[index] * 6, *numbers, index, index, coming, index, index), generate

    return tile_of_numpy if config.DISABLE_JIT else intrinsic(tile)  # type: ignore[attr-defined]


def _widen_for_numpy(w: np.ndarray, panel: int, start: int, end: int, widened: np.ndarray) -> None:
    widened[0, : end - start] = as_float32(w[panel, start:end])


def _widen(typing: Any, w: Any, panel: Any, start: Any, end: Any, widened: Any) -> Any:
    """Inputs `start` to `end` − 1 of a panel of w [P, N, 32], of any kind, as float32 to `widened` [1, n, 32]."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        w, widened = (context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 4))
        _, panel, start, end, _ = args
        source = _inputs(builder, w, panel, start, start.type(0))
        with cgutils.for_range(builder, builder.sub(end, start), intp=start.type) as loop:
            for column in range(0, PANEL, LANES):
                offset = builder.add(builder.mul(loop.index, start.type(PANEL)), start.type(column))
                numbers = load(builder, builder.gep(source, [offset]), signature.args[0].dtype)
                store(builder, numbers, builder.gep(widened.data, [offset]))
        return context.get_dummy_value()

    index = types.intp
    return types.void(w, index, index, index, widened), generate


widen: Any = _widen_for_numpy if config.DISABLE_JIT else intrinsic(_widen)  # type: ignore[attr-defined]


def _never_inline(typing: Any) -> Any:
    """Keep the function that calls this one: its code is large, and many call it."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


def _inlining_of_numpy() -> None:
    pass


never_inline: Any = _inlining_of_numpy if config.DISABLE_JIT else intrinsic(_never_inline)  # type: ignore[attr-defined]


def make_array(*shape: int) -> Any:
    """A compiled `array()`: a float32 array of a shape on the stack of the function that calls it, not cleared."""

    def array_of_numpy() -> np.ndarray:
        return np.empty(shape, np.float32)

    def array(typing: Any) -> Any:
        kind = types.Array(types.float32, len(shape), "C")

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            made = context.make_array(kind)(context, builder)
            index = context.get_value_type(types.intp)
            context.populate_array(
                made,
                data=cgutils.alloca_once(builder, ir.FloatType(), math.prod(shape)),
                shape=[index(length) for length in shape],
                strides=[index(FLOAT_BYTES * math.prod(shape[axis + 1 :])) for axis in range(len(shape))],
                itemsize=index(FLOAT_BYTES),
                meminfo=None,
            )
            return made._getvalue()

        return kind(), generate

    return array_of_numpy if config.DISABLE_JIT else intrinsic(array)  # type: ignore[attr-defined]


Grid = list[list[ir.Value]]  # by row, then by panel and vector of columns


def begin(builder: ir.IRBuilder, places: Grid, is_first: ir.Value) -> Grid:
    """Stack variables for sums, which LLVM turns into registers: zeros, or what stands at their places."""
    sums = [[cgutils.alloca_once(builder, FLOATS) for _ in row] for row in places]
    with builder.if_else(is_first) as (then, otherwise):
        with then:
            for register in itertools.chain(*sums):
                builder.store(FLOATS(None), register)
        with otherwise:
            for register, place in zip(itertools.chain(*sums), itertools.chain(*places), strict=True):
                builder.store(load(builder, place, types.float32), register)
    return sums


def _emit_products(
    builder: ir.IRBuilder,
    rows: list[ir.Value],
    panels: list[ir.Value],
    kind: Any,
    n_inputs: ir.Value,
    sums: Grid,
    ask: Callable[[ir.Value], None],
) -> None:
    """Add to `sums` the products of inputs, and `ask` at each for what comes later."""
    n_vectors = len(sums[0]) // len(panels)

    def multiply(k: ir.Value, values: list[ir.Value]) -> None:
        """One input of all rows."""
        offset = builder.mul(k, k.type(PANEL))
        ask(k)
        for j, panel in enumerate(panels):  # one after the other: the weights of all would not fit into the registers
            weights = [
                load(builder, builder.gep(panel, [builder.add(offset, k.type(v * LANES))]), kind)
                for v in range(n_vectors)
            ]
            for value, row_sums in zip(values, sums, strict=True):
                for weight, register in zip(weights, row_sums[j * n_vectors : (j + 1) * n_vectors], strict=True):
                    product = builder.fmul(value, weight, flags=FAST)
                    builder.store(builder.fadd(builder.load(register), product, flags=FAST), register)

    n_grouped = n_inputs.type(0)
    if HAS_LANE_PRODUCTS and len(rows) > 1:
        n_groups = builder.sdiv(n_inputs, n_inputs.type(LANES))
        n_grouped = builder.mul(n_groups, n_inputs.type(LANES))
        with cgutils.for_range(builder, n_groups, intp=n_inputs.type) as loop:
            k = builder.mul(loop.index, n_inputs.type(LANES))
            inputs = [load(builder, builder.gep(row, [k]), types.float32) for row in rows]
            for i in range(LANES):
                multiply(builder.add(k, k.type(i)), [broadcast_lane(builder, each, i) for each in inputs])
    with cgutils.for_range_slice(builder, n_grouped, n_inputs, n_inputs.type(1), intp=n_inputs.type) as (k, _):
        multiply(k, [broadcast(builder, builder.load(builder.gep(row, [k]))) for row in rows])


def finish(builder: ir.IRBuilder, sums: Grid, places: Grid, is_last: ir.Value, factors: Grid) -> None:
    """Sums to their places: as they are, or times scale plus bias, which are the two `factors` of each column."""
    with builder.if_else(is_last) as (then, otherwise):
        with then:
            for v, (scale, bias) in enumerate(zip(*factors, strict=True)):
                scale, bias = load(builder, scale, types.float32), load(builder, bias, types.float32)
                for row_sums, row_places in zip(sums, places, strict=True):
                    scaled = builder.fmul(builder.load(row_sums[v]), scale, flags=FAST)
                    store(builder, builder.fadd(scaled, bias, flags=FAST), row_places[v])
        with otherwise:
            for register, place in zip(itertools.chain(*sums), itertools.chain(*places), strict=True):
                store(builder, builder.load(register), place)


def _array(context: Any, builder: ir.IRBuilder, kind: Any, value: ir.Value) -> Any:
    """Numba's structure of an array: data, shape, strides."""
    return context.make_array(kind)(context, builder, value)


def _inputs(builder: ir.IRBuilder, w: Any, panel: ir.Value, first: ir.Value, column: ir.Value) -> ir.Value:
    """Pointer to a column of the input `first` of a panel."""
    n_inputs = cgutils.unpack_tuple(builder, w.shape)[1]
    line = builder.add(builder.mul(panel, n_inputs), first)
    return builder.gep(w.data, [builder.add(builder.mul(line, line.type(PANEL)), column)])


def _asker(
    builder: ir.IRBuilder, array: Any, later: list[ir.Value], ahead: ir.Value, step: ir.Value, n_bytes: int
) -> Callable[[ir.Value], None]:
    """What asks memory, at the i-th input, for n_bytes from byte `ahead` + i · step on, of all the panels."""
    data = builder.bitcast(array.data, ir.IntType(8).as_pointer())
    panel_bytes = cgutils.unpack_tuple(builder, array.strides)[0]
    begins = [builder.gep(data, [builder.add(ahead, builder.mul(number, panel_bytes))]) for number in later]

    def ask(i: ir.Value) -> None:
        for begin in begins:
            for line in range(0, n_bytes, CACHE_LINE):
                _prefetch(builder, builder.gep(begin, [builder.add(builder.mul(i, step), i.type(line))]))

    return ask


def existing(builder: ir.IRBuilder, array: Any, row: ir.Value, offset: int) -> ir.Value:
    """The number of row `row` + offset of an array, or of its last where there is none."""
    number, n_rows = builder.add(row, row.type(offset)), cgutils.unpack_tuple(builder, array.shape)[0]
    is_there = builder.icmp_signed("<", number, n_rows)
    return builder.select(is_there, number, builder.sub(n_rows, n_rows.type(1)))


def row_at(builder: ir.IRBuilder, array: Any, number: ir.Value) -> ir.Value:
    """Pointer to a row of float32 numbers."""
    row_bytes = cgutils.unpack_tuple(builder, array.strides)[0]
    return builder.gep(array.data, [builder.mul(number, builder.sdiv(row_bytes, number.type(4)))])


def _prefetch(builder: ir.IRBuilder, pointer: ir.Value) -> None:
    """Ask for the cache line at a pointer, which may lie past the end of the array."""
    i32, byte = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(pointer, byte), i32(0), i32(2), i32(1)])
