"""What each compiled kernel takes: one table for who builds the library and for who calls it.

An argument is an array (f: float32, n: int64, p: panels of any kind, c: keys or values, and the number of its axes; f*:
of any), i an integer, d a float, S StackWeights, F FlowWeights. All panels of a call are of one kind; so are keys and
values.
"""

from dataclasses import dataclass

from .panels import NumberType

_F32, _BF16, _F16, _INT8 = NumberType.FLOAT32, NumberType.BFLOAT16, NumberType.FLOAT16, NumberType.INT8
_LONE = ((_F32, None), (_BF16, None), (_F16, None))
_STACKS = (*_LONE, (_INT8, None))
_STEPS = ((_F32, _F32), (_BF16, _F32), (_F16, _F32), (_F16, _F16), (_INT8, _F16), (_INT8, _F32))
_PROMPTS = ((_INT8, _F16), (_INT8, _F32))

Kinds = tuple[NumberType | None, NumberType | None]  # of the panels, of the keys and values


@dataclass(frozen=True)
class Signature:
    """A kernel's arguments, and the kinds of numbers that models call it with."""

    arguments: str
    kinds: tuple[Kinds, ...] = ((None, None),)


SIGNATURES = {
    "elu": Signature("f*"),
    "silu": Signature("f1"),
    "gelu": Signature("f*"),
    "layer_norm": Signature("f2 f1 f1 d f2"),
    "matmul": Signature("f2 p3 f1 f1 f2", _STACKS),
    "dot_rows": Signature("f2 f1 f1 f1"),
    "conv1d": Signature("f2 f2 i i p3 f1 f1 f2 f1", _LONE),
    "conv1d_to_one": Signature("f2 f2 i i f2 f1 f2"),
    "residual_block": Signature("f2 f2 i p3 f1 p3 f1 f1", _LONE),
    "rope": Signature("f3 i f1"),
    "attention": Signature("f3 c4 c4 i i f3 f1", ((None, _F32), (None, _F16))),
    "transformer": Signature("f2 c5 c5 i i i f1 S f1", _STEPS),
    "prompt": Signature("f2 c5 c5 i i i f1 S i f1", _PROMPTS),
    "transformer_rows": Signature("f2 n2 c5 i f1 S f1", _STEPS),
    "transformer_lead": Signature("f2 c5 c5 i i i f1 S f1 f1", _STEPS),
    "transformer_assist": Signature("f2 c5 c5 i i i f1 S f1 f1", _STEPS),
    "flow_net": Signature("f2 f2 F f2 f1", _STACKS),
}
STACK_WEIGHTS = "f3 f3 p4 f2 p4 f2 p4 f2 p4 f2"  # the fields of StackWeights
FLOW_WEIGHTS = "f3 f1 p4 f2 f2 p3 f1 f1 f3 p4 f2 f2 p4 f2 f2 f3 f1"  # the fields of FlowWeights
