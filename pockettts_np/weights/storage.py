"""In which numbers a model is held: decided before it is loaded, for each of its networks."""

from dataclasses import dataclass

from ..kernels.panels import NumberType


@dataclass(frozen=True)
class Storage:
    """In which numbers one network holds its matrices and what its attention remembers."""

    stacks: NumberType | None = None  # of matrices that layers have alike; None: as they were published
    lone: NumberType | None = None  # of the other matrices; None: as they were published
    cache: NumberType = NumberType.FLOAT32  # of keys and values


@dataclass(frozen=True)
class StoragePlan:
    """In which numbers a whole model is held."""

    language_model: Storage
    codec: Storage


PUBLISHED = Storage()
AS_PUBLISHED = StoragePlan(PUBLISHED, PUBLISHED)
# The language model is bound by the memory that it reads; int8 in the codec is audible.
QUANTIZED = StoragePlan(
    language_model=Storage(NumberType.INT8, NumberType.FLOAT16, NumberType.FLOAT16),
    codec=Storage(NumberType.FLOAT16, NumberType.FLOAT16, NumberType.FLOAT16),
)
