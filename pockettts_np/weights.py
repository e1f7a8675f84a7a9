"""Checkpoints: safetensors files, memory-mapped, every tensor taken exactly once and checked when taken.

The file's header is read here rather than by the safetensors package because that copies every tensor and cannot give
bfloat16 to NumPy; the format is eight bytes of length, a JSON table, then the raw data.
"""

import json
import math
import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import simd
from .simd import bfloat16_to_float32

DTYPES = {
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "F64": np.float64,
    "I64": np.int64,
    "I8": np.int8,
}
MAX_HEADER_BYTES = 100_000_000  # the format's own limit


def quantize_rows(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 values [n_out, n_in] and a scale a row [n_out]: w ≈ values · scale, symmetric around zero."""
    scale = np.maximum(np.abs(w).max(axis=1), np.float32(1e-30)) / np.float32(127)
    return np.rint(w / scale[:, None]).astype(np.int8), scale


class SafetensorsFile:
    """A safetensors file whose tensors are views of a private memory map: nothing is read before it is used.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as opening it says.
        ValueError: no safetensors file, or cut short.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header_bytes = int.from_bytes(file.read(8), "little") if size >= 8 else 0
            if not 2 <= header_bytes <= min(size - 8, MAX_HEADER_BYTES):
                raise ValueError(f"{path} is not a safetensors file, or it was cut short ({size} bytes).")
            try:
                header = json.loads(file.read(header_bytes))
                metadata = header.pop("__metadata__", {}).items()
                self.metadata = {key: value for key, value in metadata if isinstance(value, str)}
                self._entries = {
                    name: self._entry(name, entry, size - 8 - header_bytes) for name, entry in header.items()
                }
            except (
                KeyError,
                TypeError,
                AttributeError,
                RecursionError,
                UnicodeDecodeError,
                json.JSONDecodeError,
            ):
                raise ValueError(f"{path} is not a safetensors file: its header cannot be read.") from None
            # Copy-on-write: the arrays count as writable, so that kernels are not compiled twice.
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self._data_start = 8 + header_bytes

    def _entry(self, name: str, entry: dict[str, Any], data_bytes: int) -> tuple[str, tuple[int, ...], int, int]:
        dtype, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        if not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, start, stop)):
            raise ValueError(f"{self.path}: tensor {name!r} has a shape or an offset that is no count.")
        if stop > data_bytes:
            raise ValueError(
                f"{self.path} was cut short: tensor {name!r} ends at byte {stop} of the data, "
                f"the file has {data_bytes}. Fetch it again."
            )
        if dtype in DTYPES and stop - start != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
            raise ValueError(f"{self.path}: tensor {name!r} holds {stop - start} bytes, not {dtype} {list(shape)}.")
        return dtype, shape, start, stop

    def names(self) -> Iterator[str]:
        return iter(self._entries)

    def dtype(self, name: str) -> str:
        return self._entries[name][0]

    def raw(self, name: str) -> np.ndarray:
        """The tensor as it is stored, a view of the map; bfloat16 as uint16."""
        dtype, shape, start, stop = self._entries[name]
        if dtype not in DTYPES:
            raise ValueError(f"{self.path}: tensor {name!r} has type {dtype}; wanted one of {', '.join(DTYPES)}.")
        array = np.frombuffer(self._map, np.uint8, stop - start, self._data_start + start)
        if (self._data_start + start) % np.dtype(DTYPES[dtype]).itemsize:
            array = array.copy()  # an odd offset: no aligned view of it exists
        return array.view(DTYPES[dtype]).reshape(shape)

    def float32(self, name: str) -> np.ndarray:
        """The tensor as float32: a view of the map if stored so, else converted."""
        raw = self.raw(name)
        return bfloat16_to_float32(raw) if self.dtype(name) == "BF16" else raw.astype(np.float32, copy=False)

    def release(self, name: str) -> None:
        """Give the memory of a tensor that was copied back to the system (it can be read again)."""
        _, _, start, stop = self._entries[name]
        page = mmap.PAGESIZE
        first = -(-(self._data_start + start) // page) * page
        length = (self._data_start + stop) // page * page - first
        if length > 0 and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED, first, length)


@dataclass(frozen=True)
class Source:
    """Where a tensor comes from: how to read it, and what to call once it was copied."""

    read: Callable[[], np.ndarray]  # as float32
    read_stored: Callable[[], np.ndarray]  # as it is stored
    release: Callable[[], None]


def _nothing() -> None:
    return None


def open_checkpoint(path: str | Path) -> dict[str, Source]:
    """Every tensor of a file under its own name."""
    file = SafetensorsFile(path)
    return {name: _source(file, name) for name in file.names()}


def _source(file: SafetensorsFile, name: str) -> Source:
    return Source(lambda: file.float32(name), lambda: file.raw(name), lambda: file.release(name))


def _unchanged(panels: np.ndarray) -> np.ndarray:
    return panels


_STORE = {np.float32: _unchanged, np.int8: _unchanged, np.int16: simd.half, np.uint16: simd.upper_half}


@dataclass(frozen=True)
class Weights:
    """Tensors by name under a prefix; every name can be taken once, and `finish` finds those nobody took."""

    label: str  # the file or files, for errors
    sources: dict[str, Source]
    matrix_dtype: type = np.float32  # what `matrices` holds: float32, float16 or int8
    linear_dtype: type = np.float32  # what `panels` holds: float32 or float16
    prefix: str = ""
    taken: set[str] = field(default_factory=set)
    matrix_names: dict[str, list[str]] = field(default_factory=dict)  # of each stack that `matrices` made

    @property
    def cache_dtype(self) -> type:
        """What attention caches hold: float16 (as int16) where the lone matrices are float16."""
        return np.int16 if self.linear_dtype is np.float16 else np.float32

    def scope(self, name: str) -> "Weights":
        """The tensors whose names begin with `name.`, under the rest of their names."""
        return replace(self, prefix=f"{self.prefix}{name}.")

    def has(self, name: str) -> bool:
        """Whether a tensor of this name, or any below it, exists."""
        full = self.prefix + name
        return full in self.sources or any(key.startswith(full + ".") for key in self.sources)

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor as float32 of this shape, all finite.

        Raises:
            ValueError: missing, taken before, of another shape, or with a NaN or an infinity.
        """
        array = self._take(name, shape)
        with np.errstate(over="ignore", invalid="ignore"):
            total = array.sum()  # one pass without a temporary array; not finite if any number is not
        if not np.isfinite(total) and not np.isfinite(array).all():
            raise ValueError(
                f"{self.label}: the tensor {self.prefix + name!r} holds NaN or infinity. Fetch the file again."
            )
        return array

    def _take(self, name: str, shape: tuple[int, ...], int8: bool = False) -> np.ndarray:
        full = self.prefix + name
        if full not in self.sources:
            raise ValueError(
                f"{self.label}: the tensor {full!r} of shape {list(shape)} is missing. "
                "Is this the checkpoint of another model?"
            )
        if full in self.taken:
            raise ValueError(f"{self.label}: the tensor {full!r} was taken twice.")
        self.taken.add(full)
        source = self.sources[full]
        array = source.read_stored() if int8 else source.read()
        if array.shape != shape:
            raise ValueError(
                f"{self.label}: the tensor {full!r} has shape {list(array.shape)}; the configuration wants "
                f"{list(shape)}. Use the configuration that belongs to this checkpoint."
            )
        if int8 and array.dtype != np.int8:
            raise ValueError(f"{self.label}: the tensor {full!r} is {array.dtype}; its scales want int8.")
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
        panels_shape = (n, -(-n_out // simd.PANEL), n_in, simd.PANEL)
        stacked = pattern.format("*")
        if self.has(stacked + "_scale"):
            return self._take(stacked, panels_shape, int8=True), np.array(self.take(stacked + "_scale", (n, n_out)))
        names = [pattern.format(i) for i in range(n)]
        panels: np.ndarray = np.empty(panels_shape, self._stored_dtype(names))
        scales = np.ones((n, n_out), np.float32)
        for i, name in enumerate(names):
            matrix = self.take(name, shape)
            if self.matrix_dtype is np.int8:
                matrix, scales[i] = quantize_rows(matrix)
            panels[i] = _STORE[panels.dtype.type](simd.pack(matrix))
            self.sources[self.prefix + name].release()
        self.matrix_names[self.prefix + stacked] = [self.prefix + name for name in names]
        return panels, scales

    def panels(self, matrix: np.ndarray) -> np.ndarray:
        """Panels of a matrix [n_out, n_in] that stands alone."""
        packed = simd.pack(matrix)
        if self.linear_dtype is np.float16:
            return simd.half(packed)
        return simd.upper_half(packed) if simd.is_bfloat16(packed) else packed

    def _stored_dtype(self, names: list[str]) -> type:
        """What panels of these tensors hold: bfloat16 stays so, unless something smaller is asked for."""
        if self.matrix_dtype is not np.float32:
            return np.int16 if self.matrix_dtype is np.float16 else self.matrix_dtype
        full_names = [self.prefix + name for name in names]
        stored = {self.sources[name].read_stored().dtype.type for name in full_names if name in self.sources}
        return np.uint16 if stored == {np.uint16} else np.float32

    def finish(self) -> None:
        """Raise ValueError if a tensor was left over; else give back the memory of the pages read while loading.

        What is used where it lies in the file comes back, page by page, when it is used.
        """
        for source in self.sources.values():
            source.release()
        left = sorted(name for name in self.sources if name.startswith(self.prefix) and name not in self.taken)
        if left:
            some = ", ".join(map(repr, left[:3])) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            raise ValueError(
                f"{self.label} holds tensors that the configuration has no place for: {some}. "
                "Use the configuration that belongs to this checkpoint."
            )


# ---------------------------------------------------------------- names used while training

_FLOW_LM_NAMES = {
    "condition_provider.conditioners.transcript_in_segment.embed.weight": "conditioner.embed.weight",
    "condition_provider.conditioners.speaker_wavs.output_proj.weight": "speaker_proj_weight",
    "fuser.padding_value": "bos_before_voice",
}
_FLOW_LM_UNUSED = {
    "condition_provider.conditioners.transcript_in_segment.learnt_padding",
    "condition_provider.conditioners.speaker_wavs.learnt_padding",
    "num_ema_updates",
}
_MIMI_UNUSED = {
    "model.quantizer.logvar_proj.weight",
    "quantizer.logvar_proj.weight",
    "quantizer.logvar_param",
    "wavlm_input_resample.kernel",
    "wavlm_proj.weight",
}


def open_flow_lm(path: str | Path) -> dict[str, Source]:
    """The language model's own file, in released or training names, as `flow_lm.` tensors."""
    file = SafetensorsFile(path)
    sources = {}
    for name in file.names():
        if name.startswith("flow.w_s_t.") or name in _FLOW_LM_UNUSED:
            continue
        new = _FLOW_LM_NAMES.get(name, name).replace(".self_attn.in_proj_weight", ".self_attn.in_proj.weight")
        sources[f"flow_lm.{new}"] = _source(file, name)
    return sources


def open_mimi(path: str | Path) -> dict[str, Source]:
    """The codec's own file, in released or training names, as `mimi.` tensors.

    Training stores convolutions as a direction and a gain (Salimans and Kingma 2016, Weight Normalization): here they
    become one tensor, gain · direction / its norm over all axes but the first.
    """
    file = SafetensorsFile(path)
    if any(name.startswith("mimi.") for name in file.names()):
        return {name: _source(file, name) for name in file.names() if name.startswith("mimi.")}
    sources = {}
    for name in file.names():
        if _is_unused_in_mimi(name):
            continue
        new = name.removeprefix("model.").replace("in_proj_weight", "in_proj.weight")
        new = new.replace(".conv.conv.", ".conv.").replace(".convtr.convtr.", ".convtr.")
        if name.endswith(".weight_g"):
            sources["mimi." + new.removesuffix("_g")] = _normalized(file, name)
        else:
            sources[f"mimi.{new}"] = _source(file, name)
    return sources


def _is_unused_in_mimi(name: str) -> bool:
    return (
        name in _MIMI_UNUSED
        or name.startswith("model.quantizer.vq.")
        or "_codebook" in name
        or "wavlm_emb_downsample" in name
        or name.endswith(".weight_v")  # read together with its weight_g
    )


def _normalized(file: SafetensorsFile, gain_name: str) -> Source:
    def read() -> np.ndarray:
        gain = file.float32(gain_name)
        direction = file.float32(gain_name.removesuffix("_g") + "_v")
        axes = tuple(range(1, direction.ndim))
        return direction * (gain / np.sqrt((direction * direction).sum(axis=axes, keepdims=True)))

    return Source(read, read, _nothing)
