"""The shared library of kernels: found, checked, and called through ctypes.

Its functions take arrays and tuples as the objects that Python holds, and read their fields themselves: where the
numbers of an array lie, how many there are, and of which type. NumPy promises that layout to extension modules
(`PyArrayObject` in its C API), CPython that of tuples. So a call costs hardly more than one of Numba's dispatchers, and
nothing needs packing.
"""

import ctypes
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..signatures import SIGNATURES
from ..sources import library_version
from ..ways import UnavailableError
from .processor import library_name, usable_levels

FOLDER = Path(__file__).parent / "libraries"
PREFIX = "pockettts_np_"
N_AXES = 8  # where an array keeps them, after the header and the pointer to its numbers
POINTER_BYTES = 8
_CHECKSUM_BYTES = 32
NO_VARIANT = -1  # the status where no variant of a kernel fits its arguments

_ARGUMENT_TYPES: dict[str, Any] = {"i": ctypes.c_ssize_t, "d": ctypes.c_double}
_OBJECT: Any = ctypes.py_object


def find(folder: Path = FOLDER) -> tuple[Path, ctypes.CDLL]:
    """The fastest library that this processor can use; UnavailableError says why there is none."""
    reasons = []
    for path in (folder / library_name(level) for level in usable_levels()):
        try:
            if path.is_file():
                return path, _opened(path)
        except (OSError, ValueError, AttributeError) as error:
            reasons.append(f"the library {path} cannot be used: {error}.")
    raise UnavailableError(reasons[0] if reasons else "there is no library of kernels for this processor and system.")


def _opened(path: Path) -> ctypes.CDLL:
    """A library that is whole, of this version, and reads the objects of this Python rightly."""
    _check_layout()
    if not is_whole(path.read_bytes()):  # to open less than a whole one can end the process
        raise ValueError("it is damaged; install the package again")
    library = ctypes.CDLL(str(path))
    _check(library)
    return library


def with_checksum(content: bytes) -> bytes:
    """A library as it is stored: its checksum stands at its end, where no loader looks."""
    return content + hashlib.sha256(content).digest()


def is_whole(stored: bytes) -> bool:
    """Whether a library is as it was stored."""
    return with_checksum(stored[:-_CHECKSUM_BYTES]) == stored


def _check(library: ctypes.CDLL) -> None:
    version = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, f"{PREFIX}version"))).decode()
    if library_version() not in (version, version.partition(" ")[0]):  # a frozen program has no sources to compare
        raise ValueError(f"it is of version {version!r}, not {library_version()!r}; build the package again")
    for name in SIGNATURES:
        getattr(library, PREFIX + name)
    for variable, offset in zip(("header", "tuple_items"), _offsets(), strict=True):
        ctypes.c_int64.in_dll(library, PREFIX + variable).value = offset


def _check_layout() -> None:
    """That arrays and tuples of this Python are laid out as the library expects."""
    header, items = _offsets()
    array = np.zeros((2, 3), np.float32)
    holder = (None, array)
    if sys.implementation.name != "cpython" or (
        ctypes.c_void_p.from_address(id(array) + header).value != array.__array_interface__["data"][0]
        or ctypes.c_int.from_address(id(array) + header + N_AXES).value != array.ndim
        or ctypes.c_void_p.from_address(id(holder) + items + POINTER_BYTES).value != id(array)
    ):
        raise ValueError("it does not know how this Python lays out arrays and tuples")


def _offsets() -> tuple[int, int]:
    """Where the fields of an object begin, and the items of a tuple."""
    return object.__basicsize__, tuple.__basicsize__


def function(library: ctypes.CDLL, name: str) -> Callable[..., None]:
    """A kernel. TypeError: an array is not of the type, the number of axes or the layout that it takes."""
    kernel = library[PREFIX + name]  # a function object of its own at each call
    letters = SIGNATURES[name].arguments.split()
    kernel.argtypes = [_ARGUMENT_TYPES.get(letter, _OBJECT) for letter in letters]

    def done(status: int) -> None:
        if status == NO_VARIANT:
            raise TypeError(f"The kernel {name} takes no arrays of these types, numbers of axes or layouts.")
        if status:
            raise RuntimeError(f"The kernel {name} failed with status {status}.")

    kernel.restype = done
    return kernel


def load(folder: Path = FOLDER) -> tuple[str, dict[str, Callable[..., Any]]]:
    """The library's file, and the functions of all kernels."""
    path, library = find(folder)
    return str(path), {name: function(library, name) for name in SIGNATURES}
