"""Safetensors files, memory-mapped or in memory.

The header is read here rather than by the safetensors package because that copies every tensor and cannot give bfloat16
to NumPy; the format is eight bytes of length, a JSON table, then the raw data.
"""

import copy
import json
import math
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..files.memory import File, InMemoryFile
from ..kernels.panels import bfloat16_to_float32

DTYPES = {
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "F64": np.float64,
    "I64": np.int64,
    "I8": np.int8,
}
MAX_HEADER_BYTES = 100_000_000  # the format's own limit


class SafetensorsFile:
    """A safetensors file whose tensors are views of a private memory map, or of a copy of what is in memory.

    Of a file, nothing is read before it is used. Who replaces it by another of its name changes nothing here; who
    writes into it changes the numbers, or takes them away, which `require_unchanged` notices.
    `max_header_bytes` bounds the memory that its table takes.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as opening it says.
        ValueError: no safetensors file, cut short, or with tensors that share bytes.
    """

    def __init__(self, path: str | File, max_header_bytes: int = MAX_HEADER_BYTES) -> None:
        self.path = Path(path) if isinstance(path, str) else path
        self._stamp: _Stamp | None = None  # of what is in memory
        if isinstance(self.path, Path):
            self._map, self._stamp = _mapped(self.path)
        else:
            self._map = _in_memory(self.path)
        self.n_bytes = size = len(self._map)
        header_bytes = int.from_bytes(self._map[:8], "little") if size >= 8 else 0
        if not 2 <= header_bytes <= min(size - 8, max_header_bytes):
            raise ValueError(f"{path} is not a safetensors file, or it was cut short ({size} bytes).")
        try:
            header = _parsed(bytes(self._map[8 : 8 + header_bytes]))
            metadata = header.pop("__metadata__", {}).items()
            self.metadata = {key: value for key, value in metadata if isinstance(value, str)}
            self._entries = {name: self._entry(name, entry, size - 8 - header_bytes) for name, entry in header.items()}
        except (KeyError, TypeError, AttributeError):
            raise ValueError(f"{path} is not a safetensors file: its header cannot be read.") from None
        self._require_apart()
        self._data_start = 8 + header_bytes

    def _entry(self, name: str, entry: dict[str, Any], data_bytes: int) -> tuple[str, tuple[int, ...], int, int]:
        dtype, shape, offsets = entry["dtype"], tuple(entry["shape"]), tuple(entry["data_offsets"])
        if len(offsets) != 2 or not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, *offsets)):
            raise ValueError(f"{self.path}: tensor {name!r} has a shape or an offset that is no count.")
        if not isinstance(dtype, str):
            raise ValueError(f"{self.path}: tensor {name!r} has no type.")
        start, stop = offsets
        if stop > data_bytes:
            raise ValueError(
                f"{self.path} was cut short: tensor {name!r} ends at byte {stop} of the data, "
                f"the file has {data_bytes}. Fetch it again."
            )
        if dtype in DTYPES and stop - start != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
            raise ValueError(f"{self.path}: tensor {name!r} holds {stop - start} bytes, not {dtype} {list(shape)}.")
        return dtype, shape, start, stop

    def _require_apart(self) -> None:
        """ValueError: two tensors share bytes, so that the file claims more than it holds."""
        spans = sorted((start, stop, name) for name, (_, _, start, stop) in self._entries.items() if start < stop)
        for (_, stop, name), (start, _, following) in pairwise(spans):
            if start < stop:
                raise ValueError(f"{self.path} is damaged: its tensors {name!r} and {following!r} share bytes.")

    def under(self, prefix: str) -> "SafetensorsFile":
        """The same file, but only its tensors whose names begin with `prefix`, under the rest of their names."""
        view = copy.copy(self)
        view._entries = {
            name.removeprefix(prefix): entry for name, entry in self._entries.items() if name.startswith(prefix)
        }
        return view

    def names(self) -> Iterator[str]:
        return iter(self._entries)

    def dtype(self, name: str) -> str:
        return self._entries[name][0]

    def shape(self, name: str) -> tuple[int, ...]:
        return self._entries[name][1]

    def readable_shape(self, name: str) -> tuple[int, ...]:
        """The tensor's shape. ValueError: its type cannot be read."""
        dtype, shape, _, _ = self._entries[name]
        if dtype not in DTYPES:
            raise ValueError(f"{self.path}: tensor {name!r} has type {dtype}; wanted one of {', '.join(DTYPES)}.")
        return shape

    def require_unchanged(self) -> None:
        """OSError: somebody has written into the file since it was opened."""
        if self._stamp is None or isinstance(self.path, InMemoryFile):
            return
        try:
            found = _Stamp.of(os.stat(self.path))  # noqa: PTH116  # by name: it may be another file by now
        except OSError:  # removed: what is mapped stays
            return
        if found.inode == self._stamp.inode and found != self._stamp:
            raise OSError(
                f"{self.path} was written to while it was in use, so what was loaded of it is lost. Load it again; to "
                "replace a file that is in use, write another beside it and rename that."
            )

    def raw(self, name: str) -> np.ndarray:
        """The tensor as it is stored, a view of the map; bfloat16 as uint16. OSError: as `require_unchanged`."""
        self.require_unchanged()
        shape = self.readable_shape(name)
        dtype, _, start, stop = self._entries[name]
        array = np.frombuffer(self._map, np.uint8, stop - start, self._data_start + start)
        if (self._data_start + start) % np.dtype(DTYPES[dtype]).itemsize:
            array = array.copy()  # an odd offset: no aligned view of it exists
        return array.view(DTYPES[dtype]).reshape(shape)

    def float32(self, name: str, part: Any = ...) -> np.ndarray:
        """The tensor, or a part of it by NumPy's indexing, as float32: a view of the map if stored so, else
        converted."""
        raw = self.raw(name)[part]
        if self.dtype(name) == "BF16":
            return bfloat16_to_float32(raw)
        with np.errstate(over="ignore"):  # a float64 that is too large becomes infinite, which readers refuse
            return raw.astype(np.float32, copy=False)

    def integer(self, name: str) -> int:
        """The number that the tensor is. ValueError: it is no single int64."""
        value = self.raw(name)
        if value.size != 1 or value.dtype != np.int64:
            raise ValueError(
                f"{self.path} is damaged: {name!r} is {value.dtype} of shape {list(value.shape)}; wanted one int64."
            )
        return int(value.reshape(-1)[0])

    def release(self, name: str) -> None:
        """Give the memory of a tensor that was copied back to the system (it can be read again)."""
        if self._stamp is None or not isinstance(self._map, mmap.mmap):
            return
        _, _, start, stop = self._entries[name]
        page = mmap.PAGESIZE
        first = -(-(self._data_start + start) // page) * page
        length = (self._data_start + stop) // page * page - first
        if length > 0 and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED, first, length)


@dataclass(frozen=True)
class _Stamp:
    """Which file it is, and what writing into it changes."""

    inode: tuple[int, int]
    n_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> "_Stamp":
        return cls((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)


def _mapped(path: Path) -> tuple[mmap.mmap | bytearray, _Stamp]:
    """The content, where it is written to as a private copy: so its arrays count as writable, and kernels are not
    compiled twice."""
    if stat.S_ISFIFO(path.stat().st_mode):  # opening one waits until somebody writes
        raise ValueError(f"{path} is a pipe, of which no part can be read alone. Save it as a file first.")
    with path.open("rb") as opened:
        stamp = _Stamp.of(os.fstat(opened.fileno()))
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) if stamp.n_bytes else bytearray(), stamp


def _in_memory(file: InMemoryFile) -> mmap.mmap | bytearray:
    return file.content if isinstance(file.content, mmap.mmap) else bytearray(file.content)


def _parsed(header: bytes) -> Any:
    """The table that the header is. TypeError: it is none."""
    try:
        return json.loads(header)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, or a number of more digits than Python reads
        raise TypeError from None
