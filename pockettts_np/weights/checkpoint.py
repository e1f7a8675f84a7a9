"""Checkpoints: every tensor checked against what the configuration wants, and taken once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..files.memory import File
from .safetensors_file import SafetensorsFile
from .storage import PUBLISHED, Storage


@dataclass(frozen=True)
class Source:
    """Where a tensor comes from: its shape, how to read it, and what to call once it was copied."""

    shape: Callable[[], tuple[int, ...]]
    read: Callable[[], np.ndarray]  # as float32
    read_stored: Callable[[], np.ndarray]  # as it is stored
    release: Callable[[], None]
    file: SafetensorsFile | None = None


def open_checkpoint(path: str | File) -> dict[str, Source]:
    """Every tensor of a file under its own name."""
    file = SafetensorsFile(path)
    return {name: source_of(file, name) for name in file.names()}


def source_of(file: SafetensorsFile, name: str) -> Source:
    """A tensor of a file."""
    return Source(
        lambda: file.readable_shape(name),
        lambda: file.float32(name),
        lambda: file.raw(name),
        lambda: file.release(name),
        file,
    )


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """Tensors by name under a prefix, and an account of those that were taken: each can be, once."""

    label: str  # the file or files, for errors
    sources: dict[str, Source]
    storage: Storage = PUBLISHED  # in which numbers what is taken is to be held
    prefix: str = ""
    taken: set[str] = field(default_factory=set)

    def require(self, tensors: Mapping[str, tuple[int, ...]]) -> None:
        """ValueError unless these tensors, each of its shape, are what there is; by their header, nothing is read."""
        for name, shape in tensors.items():
            self._require(self.prefix + name, shape)
        known = {self.prefix + name for name in tensors}
        left = sorted(name for name in self.sources if name.startswith(self.prefix) and name not in known)
        if left:
            some = ", ".join(map(repr, left[:3])) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            raise ValueError(
                f"{self.label} holds tensors that the configuration has no place for: {some}. "
                "Use the configuration that belongs to this checkpoint."
            )

    def _require(self, full: str, shape: tuple[int, ...]) -> None:
        if full not in self.sources:
            raise ValueError(
                f"{self.label}: the tensor {full!r} of shape {list(shape)} is missing. "
                "Is this the checkpoint of another model?"
            )
        found = self.sources[full].shape()
        if found != shape:
            raise ValueError(
                f"{self.label}: the tensor {full!r} has shape {list(found)}; the configuration wants "
                f"{list(shape)}. Use the configuration that belongs to this checkpoint."
            )

    def scope(self, name: str) -> "Weights":
        """The tensors whose names begin with `name.`, under the rest of their names."""
        return replace(self, prefix=f"{self.prefix}{name}.")

    def held_as(self, storage: Storage) -> "Weights":
        """The same tensors, to be held in other numbers."""
        return replace(self, storage=storage)

    def again(self) -> "Weights":
        """The same tensors, none of them taken."""
        return replace(self, taken=set())

    def has(self, name: str) -> bool:
        """Whether a tensor of this name, or any below it, exists."""
        full = self.prefix + name
        return full in self.sources or any(key.startswith(full + ".") for key in self.sources)

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor as float32 of this shape, all finite.

        Raises:
            ValueError: missing, taken before, of another shape, or with a NaN or an infinity.
        """
        return self.finite(name, self._claim(name, shape).read())

    def take_stored(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor as the file holds it, unread; errors as `take`, but for what its numbers are."""
        return self._claim(name, shape).read_stored()

    def take_matrix(self, name: str, shape: tuple[int, ...], order: tuple[int, ...], n_in: int) -> np.ndarray:
        """The tensor with its axes in another order as a matrix [n_out, n_in], all finite; float16 stays as it is."""
        source = self._claim(name, shape)
        stored = source.read_stored()
        array = self.finite(name, stored if stored.dtype == np.float16 else source.read())
        return array.transpose(order).reshape(-1, n_in)

    def _claim(self, name: str, shape: tuple[int, ...]) -> Source:
        """The tensor's source, now taken."""
        full = self.prefix + name
        self._require(full, shape)
        if full in self.taken:
            raise ValueError(f"{self.label}: the tensor {full!r} was taken twice.")
        self.taken.add(full)
        return self.sources[full]

    def finite(self, name: str, array: np.ndarray) -> np.ndarray:
        """The array of that name. ValueError: it holds NaN or infinity."""
        with np.errstate(over="ignore", invalid="ignore"):
            total = array.sum(dtype=np.float32)  # one pass without a temporary array; not finite if any number is not
        if not np.isfinite(total) and not np.isfinite(array).all():
            raise ValueError(
                f"{self.label}: the tensor {self.prefix + name!r} holds NaN or infinity. Fetch the file again."
            )
        return array

    def stack(self, names: list[str], shape: tuple[int, ...]) -> np.ndarray:
        """Tensors of one shape along a new first axis: float32 [len(names), *shape]."""
        out = np.empty((len(names), *shape), np.float32)
        for name, slot in zip(names, out, strict=True):
            slot[...] = self.take(name, shape)
            self.let_go(name)
        return out

    def stored_dtype(self, name: str) -> np.dtype | None:
        """The type of the numbers in the file, bfloat16 as uint16; None where there is no such tensor."""
        source = self.sources.get(self.prefix + name)
        return None if source is None else source.read_stored().dtype

    def let_go(self, name: str) -> None:
        """Give back the memory of the pages of a tensor that was copied."""
        self.sources[self.prefix + name].release()

    def release(self) -> None:
        """Give back the memory of the pages of what was taken.

        What is used where it lies in the file comes back, page by page, when it is used.
        """
        for name in self.taken:
            self.sources[name].release()

    def files(self) -> tuple[SafetensorsFile, ...]:
        """Those that the tensors lie in."""
        return tuple({id(source.file): source.file for source in self.sources.values() if source.file}.values())
