"""Products of rows by int8 weights in integers, for prompts: four times fewer instructions than in float32.

A row is rounded to integers of 7 bits, with a step for each 32 of its numbers. The sums of 32 products are integers and
exact; times the step they are added up in float32. So results depend on nothing but the order of those few sums.

The instructions multiply four pairs of bytes at a time, unsigned by signed: weights are stored anew with 128 added,
four inputs of an output side by side, and what that adds to a sum, 128 times the sum of the row's integers, is taken
off where it begins. A pair of products is at most 2 · 255 · 63, which 16 bits hold.
"""

import platform
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from ...panels import PANEL
from ...scratch import STEP_INPUTS
from ...vectors import FAST, FEATURES, FLOATS, LANES, broadcast
from ..compiled import kernel
from ..products import ASIDE_ROWS, aside, fill_factors, keep_columns, row_factors
from ..scratch import take
from ..tile import COLUMNS, Grid, begin, existing, finish, never_inline, row_at
from ..views import as_int8, as_int32
from .rounding import OFFSET, to_integers

TOGETHER = 4  # inputs whose weights of an output lie side by side
BLOCK_INPUTS = 256  # inputs of a panel that are stored anew at a time
TILE_ROWS = 6 if LANES == 16 else 4

_I8, _I16, _I32 = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_BYTES = ir.VectorType(_I8, TOGETHER * LANES)
_PAIRS = ir.VectorType(_I16, 2 * LANES)
_SUMS = ir.VectorType(_I32, LANES)
if LANES == 16 and "avx512bw" in FEATURES:
    _MULTIPLY, _ADD = "llvm.x86.avx512.pmaddubs.w.512", "llvm.x86.avx512.pmaddw.d.512"
elif LANES == 8:
    _MULTIPLY, _ADD = "llvm.x86.avx2.pmadd.ub.sw", "llvm.x86.avx2.pmadd.wd"
elif LANES == 4 and "ssse3" in FEATURES:
    _MULTIPLY, _ADD = "llvm.x86.ssse3.pmadd.ub.sw.128", "llvm.x86.sse2.pmadd.wd"
else:
    _MULTIPLY = _ADD = ""
# One instruction in place of three, where the caller says that the processor has it: not all with AVX-512 do. LLVM
# reads its name on the processor's own kind of machine alone.
_DOT = "vpdpbusd $3, $2, $0" if LANES == 16 and platform.machine().lower() in ("x86_64", "amd64") else ""
if _DOT:
    llvm.initialize_native_asmparser()


def _dot(builder: ir.IRBuilder, sums: ir.Value, weights: ir.Value, values: ir.Value, has_dot: bool) -> ir.Value:
    """Sums plus the products of four bytes each: weights, unsigned, by a row's integers."""
    if has_dot and _DOT:
        kind = ir.FunctionType(_SUMS, [_SUMS, _BYTES, _BYTES])
        return builder.asm(kind, _DOT, "=v,0,v,v", [sums, weights, values], False)
    if _MULTIPLY:
        multiply = ir.FunctionType(_PAIRS, [_BYTES, _BYTES])
        pairs = builder.call(cgutils.get_or_insert_function(builder.module, multiply, _MULTIPLY), [weights, values])
        add = ir.FunctionType(_SUMS, [_PAIRS, _PAIRS])
        ones = _PAIRS([1] * _PAIRS.count)
        return builder.add(sums, builder.call(cgutils.get_or_insert_function(builder.module, add, _ADD), [pairs, ones]))
    wide = ir.VectorType(_I32, _BYTES.count)
    products = builder.mul(builder.zext(weights, wide), builder.sext(values, wide))
    for i in range(TOGETHER):
        mask = ir.Constant(_SUMS, [TOGETHER * lane + i for lane in range(LANES)])
        sums = builder.add(sums, builder.shuffle_vector(products, ir.Constant(wide, ir.Undefined), mask))
    return sums


def _make_tile(has_dot: bool) -> Callable[..., None]:
    """A compiled `tile(q, row, steps, offsets, w, block, n_blocks, column, scale, bias, out, to, place)`.

    TILE_ROWS rows `row`.. of integers q [T, n] times COLUMNS columns from `column` on of n_blocks blocks of 32 inputs:
    those from `block` on of the row, and the first of w [n / 4, 32 · 4], weights stored anew. With steps and offsets
    [T, n / 32]. Where the products go, and rows past the last: as in `tile.make_tile`.
    """

    def tile_of_numpy(q, row, steps, offsets, w, block, n_blocks, column, scale, bias, out, to, place):
        rows, columns = slice(row, row + TILE_ROWS), slice(place + column, place + column + COLUMNS)
        sums = out[to : to + TILE_ROWS, columns]
        if block == 0:
            sums[...] = 0
        for b in range(n_blocks):
            inputs = slice((block + b) * STEP_INPUTS, (block + b + 1) * STEP_INPUTS)
            weights = w.reshape(-1, PANEL, TOGETHER)[b * 8 : b * 8 + 8, column : column + COLUMNS]
            weights = weights.view(np.uint8).astype(np.int32).swapaxes(1, 2).reshape(STEP_INPUTS, COLUMNS)
            whole = q[rows, inputs].astype(np.int32) @ weights + offsets[rows, block + b, None]
            sums[...] += whole.astype(np.float32)[: len(sums)] * steps[rows, block + b, None]
        if (block + n_blocks) * STEP_INPUTS == q.shape[1]:
            sums[...] = sums * scale[columns] + bias[columns]

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        q, steps, offsets, w, scale, bias, out = (
            context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 2, 3, 4, 8, 9, 10)
        )
        _, row, _, _, _, block, n_blocks, column, _, _, _, to, place = args
        numbers = [existing(builder, q, row, i) for i in range(TILE_ROWS)]
        first = builder.mul(block, block.type(STEP_INPUTS))
        rows = [builder.gep(_line(builder, q, number), [first]) for number in numbers]
        of_rows = [
            [builder.gep(_line(builder, array, number), [block]) for number in numbers] for array in (steps, offsets)
        ]
        columns = [builder.add(builder.add(place, column), place.type(v)) for v in range(0, COLUMNS, LANES)]
        places = [
            [builder.gep(row_at(builder, out, existing(builder, out, to, i)), [each]) for each in columns]
            for i in range(TILE_ROWS)
        ]
        sums = begin(builder, places, builder.icmp_signed("==", block, block.type(0)))
        weights = builder.gep(w.data, [builder.mul(column, column.type(TOGETHER))])
        with cgutils.for_range(builder, n_blocks, intp=block.type) as loop:
            _emit_block(builder, rows, of_rows, weights, loop.index, sums, has_dot)
        end = builder.mul(builder.add(block, n_blocks), block.type(STEP_INPUTS))
        is_last = builder.icmp_signed("==", end, cgutils.unpack_tuple(builder, q.shape)[1])
        factors = [[builder.gep(array.data, [each]) for each in columns] for array in (scale, bias)]
        finish(builder, sums, places, is_last, factors)
        return context.get_dummy_value()

    def tile(typing: Any, q, row, steps, offsets, w, block, n_blocks, column, scale, bias, out, to, place) -> Any:
        index = types.intp
        return types.void(q, index, steps, offsets, w, index, index, index, scale, bias, out, index, index), generate

    return tile_of_numpy if config.DISABLE_JIT else intrinsic(tile)  # type: ignore[attr-defined]


def _emit_block(
    builder: ir.IRBuilder,
    rows: list[ir.Value],
    of_rows: list[list[ir.Value]],
    weights: ir.Value,
    block: ir.Value,
    sums: Grid,
    has_dot: bool,
) -> None:
    """Add the products of 32 inputs to `sums`; of_rows: where the rows' steps are, and their offsets."""
    steps, offsets = of_rows
    totals = []
    for offset in offsets:
        begin_at = broadcast(builder, builder.load(builder.gep(offset, [block])), _SUMS)
        totals.append([begin_at] * (COLUMNS // LANES))
    for k in range(0, STEP_INPUTS, TOGETHER):
        at = builder.add(builder.mul(block, block.type(STEP_INPUTS)), block.type(k))
        vectors = []
        for v in range(0, COLUMNS, LANES):
            place = builder.gep(weights, [builder.add(builder.mul(at, at.type(PANEL)), at.type(v * TOGETHER))])
            vectors.append(builder.load(builder.bitcast(place, _BYTES.as_pointer()), align=TOGETHER))
        for i, row in enumerate(rows):
            four = builder.load(builder.bitcast(builder.gep(row, [at]), _I32.as_pointer()), align=TOGETHER)
            values = builder.bitcast(broadcast(builder, four, _SUMS), _BYTES)
            totals[i] = [_dot(builder, t, w, values, has_dot) for t, w in zip(totals[i], vectors, strict=True)]
    for step, row_totals, row_sums in zip(steps, totals, sums, strict=True):
        factor = broadcast(builder, builder.load(builder.gep(step, [block])))
        for total, register in zip(row_totals, row_sums, strict=True):
            product = builder.fmul(builder.sitofp(total, FLOATS), factor, flags=FAST)
            builder.store(builder.fadd(builder.load(register), product, flags=FAST), register)


def _line(builder: ir.IRBuilder, array: Any, number: ir.Value) -> ir.Value:
    """Pointer to a row of a contiguous array."""
    return builder.gep(array.data, [builder.mul(number, cgutils.unpack_tuple(builder, array.shape)[1])])


def _store_anew_for_numpy(w: np.ndarray, panel: int, start: int, end: int, anew: np.ndarray) -> None:
    for k in range(start, start + -(-(end - start) // TOGETHER) * TOGETHER):
        bytes_ = w[panel, min(k, end - 1)].view(np.uint8) ^ np.uint8(OFFSET)
        anew.reshape(-1, PANEL, TOGETHER)[(k - start) // TOGETHER, :, k % TOGETHER] = bytes_.view(np.int8)


def _store_anew(typing: Any, w: Any, panel: Any, start: Any, end: Any, anew: Any) -> Any:
    """Inputs `start` to `end` − 1 of a panel of w [P, n_in, 32]: four of them side by side, and 128 added.

    `start` is a multiple of four. The last input fills up what is left of the last four.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        w, anew = (context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 4))
        _, panel, start, end, _ = args
        index, vector = start.type, ir.VectorType(_I8, LANES)
        source = builder.gep(
            w.data, [builder.mul(builder.mul(panel, cgutils.unpack_tuple(builder, w.shape)[1]), index(PANEL))]
        )
        last = builder.sub(end, index(1))
        n_groups = builder.sdiv(builder.add(builder.sub(end, start), index(TOGETHER - 1)), index(TOGETHER))
        with cgutils.for_range(builder, n_groups, intp=index) as loop:
            k = builder.add(start, builder.mul(loop.index, index(TOGETHER)))
            inputs = [builder.add(k, index(i)) for i in range(TOGETHER)]
            inputs = [builder.select(builder.icmp_signed("<", each, end), each, last) for each in inputs]
            for column in range(0, PANEL, LANES):
                four = []
                for each in inputs:
                    place = builder.gep(source, [builder.add(builder.mul(each, index(PANEL)), index(column))])
                    four.append(builder.load(builder.bitcast(place, vector.as_pointer()), align=1))
                mixed = builder.xor(_interleaved(builder, four), _BYTES([OFFSET] * _BYTES.count))
                offset = builder.add(builder.mul(loop.index, index(TOGETHER * PANEL)), index(TOGETHER * column))
                to = builder.bitcast(builder.gep(anew.data, [offset]), _BYTES.as_pointer())
                builder.store(mixed, to, align=TOGETHER)
        return context.get_dummy_value()

    index = types.intp
    return types.void(w, index, index, index, anew), generate


def _interleaved(builder: ir.IRBuilder, four: list[ir.Value]) -> ir.Value:
    """Four vectors of bytes as one: the first byte of each, the second of each, …"""
    n = LANES
    halves = [
        builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, 2 * n), list(range(2 * n))))
        for a, b in (four[:2], four[2:])
    ]
    mask = [part * n + lane for lane in range(n) for part in range(TOGETHER)]
    return builder.shuffle_vector(*halves, ir.Constant(ir.VectorType(_I32, TOGETHER * n), mask))


def _array_of_numpy() -> np.ndarray:
    return np.zeros((BLOCK_INPUTS // TOGETHER, TOGETHER * PANEL), np.int8)


def _make_array(typing: Any) -> Any:
    """int8 [64, 128] on the stack of the function that calls it, not cleared."""
    kind, shape = types.Array(types.int8, 2, "C"), (BLOCK_INPUTS // TOGETHER, TOGETHER * PANEL)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        made = context.make_array(kind)(context, builder)
        index = context.get_value_type(types.intp)
        data = cgutils.alloca_once(builder, _BYTES, BLOCK_INPUTS * PANEL // _BYTES.count)
        context.populate_array(
            made,
            data=builder.bitcast(data, made.data.type),
            shape=[index(length) for length in shape],
            strides=[index(shape[1]), index(1)],
            itemsize=index(1),
            meminfo=None,
        )
        return made._getvalue()

    return kind(), generate


_without_compiler = config.DISABLE_JIT  # type: ignore[attr-defined]
_anew: Any = _array_of_numpy if _without_compiler else intrinsic(_make_array)
store_anew: Any = _store_anew_for_numpy if _without_compiler else intrinsic(_store_anew)
_tile = _make_tile(has_dot=False)
_dot_tile = _make_tile(has_dot=True)


@kernel
def _rows(q, steps, offsets, w, block, n_blocks, scale, bias, out, place, has_dot):
    never_inline()
    for t in range(0, q.shape[0], TILE_ROWS):
        for c in range(0, PANEL, COLUMNS):
            if has_dot:
                _dot_tile(q, t, steps, offsets, w, block, n_blocks, c, scale, bias, out, t, place)
            else:
                _tile(q, t, steps, offsets, w, block, n_blocks, c, scale, bias, out, t, place)


@kernel
def _by_panels(q, steps, offsets, n_in, w, panel, n_panels, scale, bias, out, has_dot):
    """Integers q times panels from `panel` on, to columns of out, which has all of them."""
    never_inline()
    anew = _anew()
    for p in range(n_panels):
        for start in range(0, n_in, BLOCK_INPUTS):
            end = min(n_in, start + BLOCK_INPUTS)
            block, n_blocks = start // STEP_INPUTS, (end - start + STEP_INPUTS - 1) // STEP_INPUTS
            store_anew(w, panel + p, start, end, anew)
            _rows(q, steps, offsets, anew, block, n_blocks, scale, bias, out, p * PANEL, has_dot)


@kernel
def integer_product(x, w, scale, bias, out, has_dot, scratch):
    """`matmul` of int8 weights with rows of x rounded to integers.

    has_dot: whether the processor has vpdpbusd for registers of this size. The result is the same without.
    """
    (n_rows, n_in), n_out = x.shape, out.shape[1]
    n_blocks = (n_in + STEP_INPUTS - 1) // STEP_INPUTS
    steps, scratch = take(scratch, n_rows, n_blocks)
    offsets, scratch = take(scratch, n_rows, n_blocks)
    q, scratch = take(scratch, n_rows, n_blocks * STEP_INPUTS // TOGETHER)
    q, offsets = as_int8(q, n_rows, n_blocks * STEP_INPUTS), as_int32(offsets, n_rows, n_blocks)
    to_integers(x, q, steps, offsets)
    n_whole = n_out // PANEL
    done = n_whole * PANEL
    _by_panels(q, steps, offsets, n_in, w, 0, n_whole, scale, bias, out, has_dot)
    if done == n_out:
        return
    products, factors = aside(), row_factors()
    fill_factors(scale, bias, done, n_out, factors)
    for row in range(0, n_rows, ASIDE_ROWS):
        n = min(ASIDE_ROWS, n_rows - row)
        rows = slice(row, row + n)
        _by_panels(
            q[rows], steps[rows], offsets[rows], n_in, w, n_whole, 1, factors[0], factors[1], products[:n], has_dot
        )
        keep_columns(products, n, out, row, done)
