"""The functions of a library of kernels that C can call."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock

from pockettts_np.kernels.arguments import FlowWeights, StackWeights
from pockettts_np.kernels.loops.compiled import kernel
from pockettts_np.kernels.panels import NumberType
from pockettts_np.kernels.prebuilt.library import N_AXES, NO_VARIANT, PREFIX
from pockettts_np.kernels.signatures import FLOW_WEIGHTS, STACK_WEIGHTS, Kinds, Signature
from tools.build.emit import C_CONTIGUOUS_AND_ALIGNED, DATA, DESCR, FLAGS, SHAPE, TYPE_NUMBER

_BYTE, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_POINTER = _BYTE.as_pointer()
ANY = "*"  # number of axes, of an array that a kernel sees as one axis
_FIELDS = {"S": (StackWeights, STACK_WEIGHTS), "F": (FlowWeights, FLOW_WEIGHTS)}


class Wrappers:
    """A module with a function for each kernel, and what tells the library from others."""

    def __init__(self, version: str) -> None:
        self.module = ir.Module()
        self._header = self._global("header", ir.Constant(_I64, 16))
        self._tuple_items = self._global("tuple_items", ir.Constant(_I64, 24))
        text = bytearray(version.encode() + b"\0")
        self._global("version", ir.Constant(ir.ArrayType(_BYTE, len(text)), text)).global_constant = True
        for name, result in (("NRT_MemInfo_call_dtor", ir.VoidType()), ("NRT_Free", ir.VoidType())):
            stub = ir.Function(self.module, ir.FunctionType(result, [_POINTER]), name)  # kernels own no memory
            ir.IRBuilder(stub.append_basic_block()).ret_void()

    def _global(self, name: str, value: ir.Constant) -> ir.GlobalVariable:
        variable = ir.GlobalVariable(self.module, value.type, PREFIX + name)
        variable.initializer = value
        return variable

    def add(self, name: str, function: Any, signature: Signature) -> list[str]:
        """Compile a kernel for all its kinds; the modules that hold the variants, as LLVM's text."""
        letters = signature.arguments.split()
        scalars = {"i": _I64, "d": ir.DoubleType()}
        kind = ir.FunctionType(_I32, [scalars.get(letter, _POINTER) for letter in letters])
        wrapper = ir.Function(self.module, kind, PREFIX + name)
        builder = ir.IRBuilder(wrapper.append_basic_block())
        modules = []
        dispatcher = kernel(function.py_func)
        for kinds in signature.kinds:
            variant = tuple(_type_of(letter, kinds) for letter in letters)
            dispatcher.compile(variant)
            compiled = dispatcher.overloads[variant]
            with global_compiler_lock:
                compiled.library.finalize()
            modules.append(str(compiled.library._final_module))
            context = dispatcher.targetctx
            header, tuple_items = builder.load(self._header), builder.load(self._tuple_items)
            reader = _Reader(context, builder, header, tuple_items, flattens=ANY in signature.arguments)
            with builder.if_then(reader.all_fit(variant, wrapper.args)):
                values = [reader.value(kind, value) for kind, value in zip(variant, wrapper.args, strict=True)]
                status = self._call(context, builder, compiled.fndesc, values)
                builder.ret(status)
        builder.ret(_I32(NO_VARIANT))
        return modules

    def _call(self, context: Any, builder: ir.IRBuilder, described: Any, values: Sequence[ir.Value]) -> ir.Value:
        kind = context.call_conv.get_function_type(described.restype, described.argtypes)
        inner = cgutils.get_or_insert_function(self.module, kind, described.llvm_func_name)
        status, _ = context.call_conv.call_function(builder, inner, described.restype, described.argtypes, values)
        return status.code


def _type_of(letters: str, kinds: Kinds) -> Any:
    """Numba's type of an argument."""
    panels, cache = kinds
    letter, n_axes = letters[0], letters[1:]
    if letter in _FIELDS:
        made, fields = _FIELDS[letter]
        return types.NamedTuple(tuple(_type_of(field, kinds) for field in fields.split()), made)
    if letter in "id":
        return types.intp if letter == "i" else types.float64
    number = types.int64
    if letter != "n":
        number = getattr(types, {"f": NumberType.FLOAT32, "p": panels, "c": cache}[letter].stored.name)
    return types.Array(number, 1 if n_axes == ANY else int(n_axes), "C")


class _Reader:
    """Arguments from the memory of Python's objects."""

    def __init__(
        self, context: Any, builder: ir.IRBuilder, header: ir.Value, tuple_items: ir.Value, flattens: bool
    ) -> None:
        self.context, self.builder, self.header, self.tuple_items = context, builder, header, tuple_items
        self.flattens = flattens  # arrays of any number of axes

    def value(self, kind: Any, given: ir.Value) -> ir.Value:
        """An argument as the kernel takes it."""
        if isinstance(kind, types.Array):
            return self._array(kind, given)
        if isinstance(kind, types.NamedTuple):
            values = [self.value(inner, self._item(given, i)) for i, inner in enumerate(kind.types)]
            return self.context.make_tuple(self.builder, kind, values)
        return given

    def all_fit(self, kinds: Sequence[Any], given: Sequence[ir.Value]) -> ir.Value:
        """Whether arrays have the types, numbers of axes and layout that are wanted."""
        fits = ir.IntType(1)(1)
        for kind, value in zip(kinds, given, strict=True):
            if isinstance(kind, types.NamedTuple):
                items = [self._item(value, i) for i in range(len(kind.types))]
                fits = self.builder.and_(fits, self.all_fit(kind.types, items))
            elif isinstance(kind, types.Array):
                fits = self.builder.and_(fits, self._fits(kind, value))
        return fits

    def _fits(self, kind: Any, array: ir.Value) -> ir.Value:
        described = self._load(array, self._after_header(DESCR), _POINTER)
        number = self._load(described, self._after_header(TYPE_NUMBER), _I32)
        flags = self._load(array, self._after_header(FLAGS), _I32)
        wanted = _I32(C_CONTIGUOUS_AND_ALIGNED)
        checks = [
            self.builder.icmp_signed("==", number, _I32(np.dtype(kind.dtype.name).num)),
            self.builder.icmp_signed("==", self.builder.and_(flags, wanted), wanted),
        ]
        if not self.flattens:
            checks.append(self.builder.icmp_signed("==", self._n_axes(array), _I32(kind.ndim)))
        return functools.reduce(self.builder.and_, checks)

    def _array(self, kind: Any, array: ir.Value) -> ir.Value:
        builder = self.builder
        shape_at = self._load(array, self._after_header(SHAPE), _I64.as_pointer())
        if self.flattens:
            shape = [self._size(array, shape_at)]
        else:
            shape = [builder.load(builder.gep(shape_at, [_I64(axis)])) for axis in range(kind.ndim)]
        item = _I64(kind.dtype.bitwidth // 8)
        strides = [item]
        for length in shape[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        made = self.context.make_array(kind)(self.context, builder)
        data = self._load(array, self._after_header(DATA), made.data.type)
        self.context.populate_array(made, data=data, shape=shape, strides=strides, itemsize=item, meminfo=None)
        return made._getvalue()

    def _size(self, array: ir.Value, shape_at: ir.Value) -> ir.Value:
        """How many numbers an array has."""
        size = cgutils.alloca_once_value(self.builder, _I64(1))
        self.builder.store(_I64(1), size)
        n_axes = self.builder.sext(self._n_axes(array), _I64)
        with cgutils.for_range(self.builder, n_axes, intp=_I64) as loop:
            length = self.builder.load(self.builder.gep(shape_at, [loop.index]))
            self.builder.store(self.builder.mul(self.builder.load(size), length), size)
        return self.builder.load(size)

    def _n_axes(self, array: ir.Value) -> ir.Value:
        return self._load(array, self._after_header(N_AXES), _I32)

    def _item(self, items: ir.Value, i: int) -> ir.Value:
        return self._load(items, self.builder.add(self.tuple_items, _I64(8 * i)), _POINTER)

    def _after_header(self, offset: int) -> ir.Value:
        return self.builder.add(self.header, _I64(offset))

    def _load(self, base: ir.Value, offset: ir.Value, kind: ir.Type) -> ir.Value:
        at = self.builder.gep(base, [offset])
        return self.builder.load(self.builder.bitcast(at, kind.as_pointer()))
