"""The register tile of every matrix product, written in LLVM's portable vector types.

Numba's automatic vectoriser cannot keep a tile of sums in registers and reaches half of what the processor can do. This
tile beats OpenBLAS at the sizes of this package (`python -m tools.bench --kernels`), because the weights are repacked
once when loaded, not at every call. The types are LLVM's own, not one processor's: it lowers them to AVX-512, AVX2 or
NEON instructions (SSE on x86 of before 2013), and only the shape of the tile depends on the number and the width of
the registers.

A matrix [n_out, n_in] is stored as panels [ceil(n_out / 32), n_in, 32]: the 32 weights of one input lie side by side.
"""

import itertools
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from ..panels import PANEL, as_float32


def _target_features() -> set[str]:
    """What the processor can do that Numba compiles for: this one, unless NUMBA_CPU_FEATURES names another."""
    listed = config.CPU_FEATURES  # type: ignore[attr-defined]
    if listed is None:
        try:
            listed = llvm.get_host_cpu_features().flatten()
        except RuntimeError:  # LLVM does not know this processor
            listed = ""
    features = {feature[1:] for feature in listed.split(",") if feature.startswith("+")}
    has_avx = config.ENABLE_AVX  # type: ignore[attr-defined]
    return features if has_avx else {feature for feature in features if not feature.startswith("avx")}


_features = _target_features()
_is_x86 = llvm.get_process_triple().startswith(("x86", "i"))
if "avx512f" in _features:  # 32 registers of 16 numbers
    LANES, VECTORS, TILE_ROWS, STREAMS = 16, 2, 8, 8
elif "avx2" in _features:  # 16 registers of 8
    LANES, VECTORS, TILE_ROWS, STREAMS = 8, 2, 4, 4
elif _is_x86:  # 16 registers of 4
    LANES, VECTORS, TILE_ROWS, STREAMS = 4, 2, 4, 4
else:  # 32 registers of 4: NEON
    LANES, VECTORS, TILE_ROWS, STREAMS = 4, 4, 4, 4
HAS_HALVES = not _is_x86 or "f16c" in _features  # instructions that convert float16; else LLVM calls what is not there
COLUMNS = LANES * VECTORS  # outputs a tile
CACHE_LINE = 64  # bytes
FLOAT_BYTES = 4
AHEAD = 8192  # bytes that are asked for before their turn: past the 4 KiB page at which hardware prefetchers stop

_FAST = ("reassoc", "contract", "nsz")
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INT32S = ir.VectorType(ir.IntType(32), LANES)
_HALVES = ir.VectorType(ir.HalfType(), LANES)


# Numba has neither 16-bit float: panels of them hold the bits, float16 as int16 and bfloat16 as uint16.


def make_tile(n_rows: int, n_panels: int) -> Callable[..., None]:
    """A compiled `tile(x, row, w, panel, stride, first, column, sums)`.

    It fills the first n_rows · n_panels rows of sums [n, COLUMNS] with the products of rows `row`.. of x [T, n_in] and
    of COLUMNS columns from `column` on, inputs `first` to `first` + n_in − 1, of panels `panel`, `panel + stride`, …
    of w [P, N, 32], of any kind. In place of rows past the last of x, the last is taken again. The arrays are
    contiguous, but rows of x may overlap. Without the compiler (NUMBA_DISABLE_JIT) it is a NumPy product.
    """

    def tile_of_numpy(
        x: np.ndarray, row: int, w: np.ndarray, panel: int, stride: int, first: int, column: int, sums: np.ndarray
    ) -> None:
        panels = w[panel : panel + stride * n_panels : stride, first : first + x.shape[1], column : column + COLUMNS]
        products = (x[row : row + n_rows] @ as_float32(panels)).swapaxes(0, 1)
        sums[: products.shape[0] * products.shape[1]] = products.reshape(-1, COLUMNS)

    def tile(typing: Any, x: Any, row: Any, w: Any, panel: Any, stride: Any, first: Any, column: Any, sums: Any) -> Any:
        index = types.intp
        signature = types.void(x, index, w, index, index, index, index, sums)

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            x, row, w, panel, stride, first, column, sums = args
            numbers = [builder.add(panel, builder.mul(stride, panel.type(i))) for i in range(n_panels)]
            x = _array(context, builder, signature.args[0], x)
            w = _array(context, builder, signature.args[2], w)
            registers = _emit_products(builder, x, row, n_rows, w, signature.args[2].dtype, numbers, first, column)
            target = _array(context, builder, signature.args[7], sums).data
            for i, register in enumerate(itertools.chain(*registers)):
                _store(builder, builder.load(register), builder.gep(target, [panel.type(i * LANES)]))
            return context.get_dummy_value()

        return signature, generate

    return tile_of_numpy if config.DISABLE_JIT else intrinsic(tile)  # type: ignore[attr-defined]


def make_whole_tile(n_rows: int) -> Callable[..., None]:
    """A compiled `tile(x, row, w, panel, first, column, scale, bias, out)` for columns that all exist.

    Rows `row` to `row` + n_rows − 1 of x, or to the last, and COLUMNS columns of one panel, as above; the products,
    times scale plus bias, go where they belong in out [T, n_out], without a detour through memory.
    """

    def tile_of_numpy(
        x: np.ndarray,
        row: int,
        w: np.ndarray,
        panel: int,
        first: int,
        column: int,
        scale: np.ndarray,
        bias: np.ndarray,
        out: np.ndarray,
    ) -> None:
        rows, columns = slice(row, row + n_rows), slice(panel * PANEL + column, panel * PANEL + column + COLUMNS)
        inputs = as_float32(w[panel, first : first + x.shape[1], column : column + COLUMNS])
        out[rows, columns] = x[rows] @ inputs * scale[columns] + bias[columns]

    def tile(
        typing: Any, x: Any, row: Any, w: Any, panel: Any, first: Any, column: Any, scale: Any, bias: Any, out: Any
    ) -> Any:
        index = types.intp
        signature = types.void(x, index, w, index, index, index, scale, bias, out)

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            arrays = {i: _array(context, builder, signature.args[i], args[i]) for i in (0, 2, 6, 7, 8)}
            _, row, _, panel, first, column, *_ = args
            kind = signature.args[2].dtype
            registers = _emit_products(builder, arrays[0], row, n_rows, arrays[2], kind, [panel], first, column)
            place = builder.add(builder.mul(panel, panel.type(PANEL)), column)
            for v in range(VECTORS):
                offset = builder.add(place, place.type(v * LANES))
                scale, bias = (_load(builder, builder.gep(arrays[i].data, [offset]), types.float32) for i in (6, 7))
                for i, row_sums in enumerate(registers):
                    to = _row(builder, arrays[8], _existing(builder, arrays[8], row, i))
                    scaled = builder.fmul(builder.load(row_sums[v]), scale, flags=_FAST)
                    _store(builder, builder.fadd(scaled, bias, flags=_FAST), builder.gep(to, [offset]))
            return context.get_dummy_value()

        return signature, generate

    return tile_of_numpy if config.DISABLE_JIT else intrinsic(tile)  # type: ignore[attr-defined]


def _never_inline(typing: Any) -> Any:
    """Keep the function that calls this one: its code is large, and many call it."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


def _inlining_of_numpy() -> None:
    pass


never_inline: Any = _inlining_of_numpy if config.DISABLE_JIT else intrinsic(_never_inline)  # type: ignore[attr-defined]


def make_sums(n_rows: int) -> Any:
    """A compiled `sums()`: an array [n_rows, COLUMNS] on the stack of the function that calls it, not cleared."""

    def sums_of_numpy() -> np.ndarray:
        return np.empty((n_rows, COLUMNS), np.float32)

    def sums(typing: Any) -> Any:
        kind = types.Array(types.float32, 2, "C")

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            numbers = cgutils.alloca_once(builder, ir.FloatType(), n_rows * COLUMNS)
            array = context.make_array(kind)(context, builder)
            index = context.get_value_type(types.intp)
            context.populate_array(
                array,
                data=numbers,
                shape=[index(n_rows), index(COLUMNS)],
                strides=[index(COLUMNS * FLOAT_BYTES), index(FLOAT_BYTES)],
                itemsize=index(FLOAT_BYTES),
                meminfo=None,
            )
            return array._getvalue()

        return kind(), generate

    return sums_of_numpy if config.DISABLE_JIT else intrinsic(sums)  # type: ignore[attr-defined]


def _convert_for_numpy(value: np.float32, like: np.ndarray) -> Any:
    return np.float16(value).view(np.int16) if like.dtype == np.int16 else value


def _convert(typing: Any, value: Any, like: Any) -> Any:
    """`value` as array `like` stores numbers: float32, or the bits of float16 as int16."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        if signature.args[1].dtype == types.float32:
            return args[0]
        if HAS_HALVES:
            return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))
        return _rounded_to_half(builder, args[0])

    return like.dtype(types.float32, like), generate


convert: Any = _convert_for_numpy if config.DISABLE_JIT else intrinsic(_convert)  # type: ignore[attr-defined]


def _emit_products(
    builder: ir.IRBuilder,
    x: Any,
    row: ir.Value,
    n_rows: int,
    w: Any,
    kind: Any,
    numbers: list[ir.Value],
    first: ir.Value,
    column: ir.Value,
) -> list[list[ir.Value]]:
    """For each row, sums of LANES numbers by panel and vector; LLVM turns the stack variables into registers."""
    n_in, panel_inputs = (cgutils.unpack_tuple(builder, array.shape)[1] for array in (x, w))
    x_rows = [_row(builder, x, _existing(builder, x, row, i)) for i in range(n_rows)]
    panels = []
    for number in numbers:
        start = builder.add(builder.mul(number, panel_inputs), first)
        panels.append(builder.gep(w.data, [builder.add(builder.mul(start, n_in.type(PANEL)), column)]))
    sums = [[cgutils.alloca_once_value(builder, _FLOATS(None)) for _ in range(len(panels) * VECTORS)] for _ in x_rows]
    for row_sums in sums:
        for register in row_sums:  # again, for a tile inside a loop: alloca_once fills at the function's start
            builder.store(_FLOATS(None), register)
    size = kind.bitwidth // 8
    with cgutils.for_range(builder, n_in, intp=n_in.type) as loop:
        offset = builder.mul(loop.index, n_in.type(PANEL))
        for panel in panels:
            for line in range(0, PANEL, CACHE_LINE // size):
                _prefetch(builder, builder.gep(panel, [builder.add(offset, n_in.type(AHEAD // size + line))]))
        for i, panel in enumerate(panels):  # one after the other: the weights of all would not fit into the registers
            weights = [
                _load(builder, builder.gep(panel, [builder.add(offset, n_in.type(v * LANES))]), kind)
                for v in range(VECTORS)
            ]
            for x_row, row_sums in zip(x_rows, sums, strict=True):
                value = _broadcast(builder, builder.load(builder.gep(x_row, [loop.index])))
                for weight, register in zip(weights, row_sums[i * VECTORS : (i + 1) * VECTORS], strict=True):
                    product = builder.fmul(value, weight, flags=_FAST)
                    builder.store(builder.fadd(builder.load(register), product, flags=_FAST), register)
    return sums


def _array(context: Any, builder: ir.IRBuilder, kind: Any, value: ir.Value) -> Any:
    """Numba's structure of an array: data, shape, strides."""
    return context.make_array(kind)(context, builder, value)


def _existing(builder: ir.IRBuilder, array: Any, row: ir.Value, offset: int) -> ir.Value:
    """The number of row `row` + offset of an array, or of its last where there is none."""
    number, n_rows = builder.add(row, row.type(offset)), cgutils.unpack_tuple(builder, array.shape)[0]
    is_there = builder.icmp_signed("<", number, n_rows)
    return builder.select(is_there, number, builder.sub(n_rows, n_rows.type(1)))


def _row(builder: ir.IRBuilder, array: Any, number: ir.Value) -> ir.Value:
    """Pointer to a row of float32 numbers."""
    row_bytes = cgutils.unpack_tuple(builder, array.strides)[0]
    return builder.gep(array.data, [builder.mul(number, builder.sdiv(row_bytes, number.type(4)))])


def _store(builder: ir.IRBuilder, vector: ir.Value, pointer: ir.Value) -> None:
    builder.store(vector, builder.bitcast(pointer, _FLOATS.as_pointer()), align=4)


def _load(builder: ir.IRBuilder, pointer: ir.Value, kind: Any) -> ir.Value:
    """LANES float32 numbers from memory of any kind."""
    element = ir.FloatType() if kind == types.float32 else ir.IntType(kind.bitwidth)
    place = builder.bitcast(pointer, ir.VectorType(element, LANES).as_pointer())
    vector = builder.load(place, align=kind.bitwidth // 8)
    if kind == types.int8:
        return builder.sitofp(builder.sext(vector, _INT32S), _FLOATS)
    if kind == types.int16:  # float16
        if HAS_HALVES:
            return builder.fpext(builder.bitcast(vector, _HALVES), _FLOATS)
        return _widened_halves(builder, vector)
    if kind == types.uint16:  # bfloat16
        return builder.bitcast(builder.shl(builder.zext(vector, _INT32S), _INT32S([16] * LANES)), _FLOATS)
    return vector


def _widened_halves(builder: ir.IRBuilder, halves: ir.Value) -> ir.Value:
    """LANES float32 numbers from the bits of float16, by integers: exponents are moved by a product with 2^112."""
    bits = builder.zext(halves, _INT32S)
    magnitude = builder.shl(builder.and_(bits, _INT32S([0x7FFF] * LANES)), _INT32S([13] * LANES))
    value = builder.bitcast(builder.fmul(builder.bitcast(magnitude, _FLOATS), _FLOATS([2.0**112] * LANES)), _INT32S)
    is_endless = builder.icmp_unsigned(">=", magnitude, _INT32S([0x7C00 << 13] * LANES))  # infinity or NaN
    exponent = builder.select(is_endless, _INT32S([0x7F800000] * LANES), _INT32S([0] * LANES))
    sign = builder.shl(builder.and_(bits, _INT32S([0x8000] * LANES)), _INT32S([16] * LANES))
    return builder.bitcast(builder.or_(builder.or_(value, exponent), sign), _FLOATS)


def _rounded_to_half(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    """The bits of float16 nearest to a float32, ties to even, by integers."""
    i32, f32 = ir.IntType(32), ir.FloatType()
    bits = builder.bitcast(number, i32)
    magnitude = builder.and_(bits, i32(0x7FFFFFFF))
    is_odd = builder.and_(builder.lshr(magnitude, i32(13)), i32(1))
    rebased = builder.add(builder.add(magnitude, i32(0xC8000FFF)), is_odd)  # exponent less 112, half a unit more
    normal = builder.lshr(rebased, i32(13))
    shifted = builder.fadd(builder.bitcast(magnitude, f32), f32(0.5))  # the last bits of this are the subnormal's
    subnormal = builder.sub(builder.bitcast(shifted, i32), i32(0x3F000000))
    value = builder.select(builder.icmp_unsigned("<", magnitude, i32(113 << 23)), subnormal, normal)
    is_nan = builder.icmp_unsigned(">", magnitude, i32(0x7F800000))
    endless = builder.select(is_nan, i32(0x7E00), i32(0x7C00))
    value = builder.select(builder.icmp_unsigned(">=", magnitude, i32(143 << 23)), endless, value)
    sign = builder.and_(builder.lshr(bits, i32(16)), i32(0x8000))
    return builder.trunc(builder.or_(value, sign), ir.IntType(16))


def _prefetch(builder: ir.IRBuilder, pointer: ir.Value) -> None:
    """Ask for the cache line at a pointer, which may lie past the end of the array."""
    i32, byte = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(pointer, byte), i32(0), i32(2), i32(1)])


def _broadcast(builder: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    undefined = ir.Constant(_FLOATS, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
    return builder.shuffle_vector(first, undefined, _INT32S([0] * LANES))
