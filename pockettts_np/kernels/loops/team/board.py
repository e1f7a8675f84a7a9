"""What threads in compiled code tell each other: whole numbers, read and changed by one instruction each.

They are int64 and lie in the float32 array that kernels take; a place is the number of an int64 in it.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic

_INT64 = ir.IntType(64)
_BYTES = 8


def _place(context: Any, builder: ir.IRBuilder, kind: Any, board: ir.Value, place: ir.Value) -> ir.Value:
    numbers = builder.bitcast(context.make_array(kind)(context, builder, board).data, _INT64.as_pointer())
    return builder.gep(numbers, [place])


def _load(typing: Any, board: Any, place: Any) -> Any:
    """The number there, and after it all that was written before the number was."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.load_atomic(_place(context, builder, signature.args[0], *args), "acquire", _BYTES)

    return types.int64(board, types.intp), generate


def _store(typing: Any, board: Any, place: Any, value: Any) -> Any:
    """Put a number there, after all that was written before."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        to = _place(context, builder, signature.args[0], *args[:2])
        builder.store_atomic(args[2], to, "release", _BYTES)
        return context.get_dummy_value()

    return types.void(board, types.intp, types.int64), generate


def _count(typing: Any, board: Any, place: Any) -> Any:
    """Make the number there larger by one, after all that was written before."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        to = _place(context, builder, signature.args[0], *args)
        builder.atomic_rmw("add", to, _INT64(1), "acq_rel")
        return context.get_dummy_value()

    return types.void(board, types.intp), generate


def _claim(typing: Any, board: Any, place: Any, seen: Any) -> Any:
    """Make the number there larger by one if it is the one that was seen; whether it was."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        to = _place(context, builder, signature.args[0], *args[:2])
        changed = builder.cmpxchg(to, args[2], builder.add(args[2], _INT64(1)), "acq_rel", "acquire")
        return builder.extract_value(changed, 1)

    return types.boolean(board, types.intp, types.int64), generate


def _load_by_numpy(board: np.ndarray, place: int) -> int:
    return int(board.view(np.int64)[place])


def _store_by_numpy(board: np.ndarray, place: int, value: int) -> None:
    board.view(np.int64)[place] = value


def _count_by_numpy(board: np.ndarray, place: int) -> None:
    board.view(np.int64)[place] += 1


def _claim_by_numpy(board: np.ndarray, place: int, seen: int) -> bool:
    is_same = bool(board.view(np.int64)[place] == seen)
    board.view(np.int64)[place] += is_same
    return is_same


_without_compiler = config.DISABLE_JIT  # type: ignore[attr-defined]  # then one thread at a time is at work
load: Any = _load_by_numpy if _without_compiler else intrinsic(_load)
store: Any = _store_by_numpy if _without_compiler else intrinsic(_store)
count: Any = _count_by_numpy if _without_compiler else intrinsic(_count)
claim: Any = _claim_by_numpy if _without_compiler else intrinsic(_claim)
