"""Checkpoints: every tensor taken exactly once and checked when taken."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..files import File
from ..kernels.panels import PANEL, is_bfloat16, pack, pack_into
from .safetensors_file import SafetensorsFile
from .storage import quantize_rows


@dataclass(frozen=True)
class Source:
    """Where a tensor comes from: its shape, how to read it, and what to call once it was copied."""

    shape: Callable[[], tuple[int, ...]]
    read: Callable[[], np.ndarray]  # as float32
    read_stored: Callable[[], np.ndarray]  # as it is stored
    release: Callable[[], None]


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
    )


def _zeros(*shape: int) -> np.ndarray:
    """Zeros of any shape that share one number's memory."""
    return np.broadcast_to(np.float32(0), shape)


_PANELS_OF: dict[type, type] = {np.uint16: np.uint16, np.float16: np.int16}  # of 16-bit floats as they are stored


@dataclass(frozen=True)
class Weights:
    """Tensors by name under a prefix; every name can be taken once, and `finish` finds those nobody took."""

    label: str  # the file or files, for errors
    sources: dict[str, Source]
    matrix_dtype: type = np.float32  # what `matrices` holds: float32, float16 or int8
    linear_dtype: type = np.float32  # what `panels` holds: float32 or float16
    prefix: str = ""
    is_read: bool = True  # else tensors are checked by their file's header alone, and come as zeros
    taken: set[str] = field(default_factory=set)
    matrix_names: dict[str, list[str]] = field(default_factory=dict)  # of each stack that `matrices` made

    @property
    def cache_dtype(self) -> type:
        """What attention caches hold: float16 (as int16) where the lone matrices are float16."""
        return np.int16 if self.linear_dtype is np.float16 else np.float32

    def scope(self, name: str) -> "Weights":
        """The tensors whose names begin with `name.`, under the rest of their names."""
        return replace(self, prefix=f"{self.prefix}{name}.")

    def unread(self) -> "Weights":
        """The same tensors, checked and counted as taken, but not read."""
        return replace(self, is_read=False)

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
        source = self._claim(name, shape)
        return self.finite(name, source.read()) if self.is_read else _zeros(*shape)

    def take_matrix(self, name: str, shape: tuple[int, ...], order: tuple[int, ...], n_in: int) -> np.ndarray:
        """The tensor with its axes in another order as a matrix [n_out, n_in], all finite; float16 stays as it is."""
        source = self._claim(name, shape)
        if not self.is_read:
            return _zeros(math.prod(shape) // n_in, n_in)
        stored = source.read_stored()
        array = self.finite(name, stored if stored.dtype == np.float16 else source.read())
        return array.transpose(order).reshape(-1, n_in)

    def _claim(self, name: str, shape: tuple[int, ...]) -> Source:
        """The tensor's source, now taken."""
        full = self.prefix + name
        if full not in self.sources:
            raise ValueError(
                f"{self.label}: the tensor {full!r} of shape {list(shape)} is missing. "
                "Is this the checkpoint of another model?"
            )
        if full in self.taken:
            raise ValueError(f"{self.label}: the tensor {full!r} was taken twice.")
        self.taken.add(full)
        found = self.sources[full].shape()
        if found != shape:
            raise ValueError(
                f"{self.label}: the tensor {full!r} has shape {list(found)}; the configuration wants "
                f"{list(shape)}. Use the configuration that belongs to this checkpoint."
            )
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

    def take_copy(self, name: str, shape: tuple[int, ...], out: np.ndarray) -> None:
        """Copy the tensor into `out` and let go of the file's pages."""
        out[...] = self.take(name, shape)
        self.sources[self.prefix + name].release()

    def stack(self, names: list[str], shape: tuple[int, ...]) -> np.ndarray:
        """Tensors of one shape along a new first axis: float32 [len(names), *shape]."""
        out = np.empty((len(names), *shape), np.float32)
        for name, slot in zip(names, out, strict=True):
            self.take_copy(name, shape, slot)
        return out

    def matrices(self, pattern: str, n: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """n matrices whose names differ in the number at `{}`: panels [n, P, n_in, 32], a scale an output [n, n_out].

        A quantised checkpoint holds them as one int8 tensor of panels, which has `*` for the number, and its scales;
        that is used where it lies in the file. Else they are converted one by one; only int8 has scales but one.
        """
        n_out, n_in = shape
        panels_shape = (n, -(-n_out // PANEL), n_in, PANEL)
        stacked = pattern.format("*")
        if self.has(stacked + "_scale"):
            panels = self._claim(stacked, panels_shape).read_stored()
            if panels.dtype != np.int8:
                raise ValueError(
                    f"{self.label}: the tensor {self.prefix + stacked!r} is {panels.dtype}; its scales want int8."
                )
            return panels, np.array(self.take(stacked + "_scale", (n, n_out)))
        names = [pattern.format(i) for i in range(n)]
        self.matrix_names[self.prefix + stacked] = [self.prefix + name for name in names]
        if not self.is_read:
            for name in names:
                self._claim(name, shape)
            return _zeros(*panels_shape), np.ones((n, n_out), np.float32)
        panels = np.zeros(panels_shape, self._stored_dtype(names))
        scales = np.ones((n, n_out), np.float32)
        for i, name in enumerate(names):
            matrix = self.take_matrix(name, shape, (0, 1), n_in)
            if self.matrix_dtype is np.int8:
                matrix, scales[i] = quantize_rows(matrix.astype(np.float32, copy=False))
            pack_into(panels[i], matrix)
            self.sources[self.prefix + name].release()
        return panels, scales

    def panels(self, matrix: np.ndarray) -> np.ndarray:
        """Panels of a matrix [n_out, n_in] that stands alone."""
        if not self.is_read:
            return _zeros(1, len(matrix), PANEL)
        if np.float16 in (matrix.dtype, self.linear_dtype):
            return pack(matrix, np.int16)
        return pack(matrix, np.uint16 if is_bfloat16(matrix) else np.float32)

    def _stored_dtype(self, names: list[str]) -> type:
        """What panels of these tensors hold: 16-bit floats stay so, unless something smaller is asked for."""
        if self.matrix_dtype is not np.float32:
            return np.int16 if self.matrix_dtype is np.float16 else self.matrix_dtype
        full_names = [self.prefix + name for name in names]
        stored = {self.sources[name].read_stored().dtype.type for name in full_names if name in self.sources}
        return _PANELS_OF.get(stored.pop(), np.float32) if len(stored) == 1 else np.float32

    def release(self) -> None:
        """Give back the memory of the pages that loading read.

        What is used where it lies in the file comes back, page by page, when it is used.
        """
        for source in self.sources.values():
            source.release()

    def finish(self) -> None:
        """Raise ValueError if a tensor was left over; else `release`."""
        self.release()
        left = sorted(name for name in self.sources if name.startswith(self.prefix) and name not in self.taken)
        if left:
            some = ", ".join(map(repr, left[:3])) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            raise ValueError(
                f"{self.label} holds tensors that the configuration has no place for: {some}. "
                "Use the configuration that belongs to this checkpoint."
            )
