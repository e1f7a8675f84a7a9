"""Numbers of every kind in memory as vectors of float32, in LLVM's portable vector types.

The types are LLVM's own, not one processor's: it lowers them to AVX-512, AVX2 or NEON instructions (SSE on x86 of
before 2013). Numba has neither 16-bit float: panels of them hold the bits, float16 as int16 and bfloat16 as uint16.
"""

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic


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


FEATURES = _target_features()
IS_X86 = llvm.get_process_triple().startswith(("x86", "i"))
if "avx512f" in FEATURES:
    LANES = 16
elif "avx2" in FEATURES:
    LANES = 8
else:  # SSE, NEON
    LANES = 4
HAS_HALVES = not IS_X86 or "f16c" in FEATURES  # instructions that convert float16; else LLVM calls what is not there
HAS_LANE_PRODUCTS = not IS_X86  # instructions that multiply by one number of a register; to load it into all costs more

FAST = ("reassoc", "contract", "nsz")
FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INT32S = ir.VectorType(ir.IntType(32), LANES)
_HALVES = ir.VectorType(ir.HalfType(), LANES)


def store(builder: ir.IRBuilder, vector: ir.Value, pointer: ir.Value) -> None:
    builder.store(vector, builder.bitcast(pointer, FLOATS.as_pointer()), align=4)


def load(builder: ir.IRBuilder, pointer: ir.Value, kind: Any) -> ir.Value:
    """LANES float32 numbers from memory of any kind."""
    element = ir.FloatType() if kind == types.float32 else ir.IntType(kind.bitwidth)
    place = builder.bitcast(pointer, ir.VectorType(element, LANES).as_pointer())
    vector = builder.load(place, align=kind.bitwidth // 8)
    if kind == types.int8:
        return builder.sitofp(builder.sext(vector, _INT32S), FLOATS)
    if kind == types.int16:  # float16
        if HAS_HALVES:
            return builder.fpext(builder.bitcast(vector, _HALVES), FLOATS)
        return _widened_halves(builder, vector)
    if kind == types.uint16:  # bfloat16
        return builder.bitcast(builder.shl(builder.zext(vector, _INT32S), _INT32S([16] * LANES)), FLOATS)
    return vector


def broadcast(builder: ir.IRBuilder, scalar: ir.Value, kind: ir.VectorType = FLOATS) -> ir.Value:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
    return builder.shuffle_vector(first, undefined, _INT32S([0] * LANES))


def broadcast_lane(builder: ir.IRBuilder, vector: ir.Value, lane: int) -> ir.Value:
    return builder.shuffle_vector(vector, ir.Constant(FLOATS, ir.Undefined), _INT32S([lane] * LANES))


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


def _widened_halves(builder: ir.IRBuilder, halves: ir.Value) -> ir.Value:
    """LANES float32 numbers from the bits of float16, by integers: exponents are moved by a product with 2^112."""
    bits = builder.zext(halves, _INT32S)
    magnitude = builder.shl(builder.and_(bits, _INT32S([0x7FFF] * LANES)), _INT32S([13] * LANES))
    value = builder.bitcast(builder.fmul(builder.bitcast(magnitude, FLOATS), FLOATS([2.0**112] * LANES)), _INT32S)
    is_endless = builder.icmp_unsigned(">=", magnitude, _INT32S([0x7C00 << 13] * LANES))  # infinity or NaN
    exponent = builder.select(is_endless, _INT32S([0x7F800000] * LANES), _INT32S([0] * LANES))
    sign = builder.shl(builder.and_(bits, _INT32S([0x8000] * LANES)), _INT32S([16] * LANES))
    return builder.bitcast(builder.or_(builder.or_(value, exponent), sign), FLOATS)


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
