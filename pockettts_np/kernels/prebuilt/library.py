"""The shared library of kernels: found, checked, and called through ctypes.

Its functions take arrays and tuples as the objects that Python holds, and read their fields themselves: where the
numbers of an array lie, how many there are, and of which type. NumPy promises that layout to extension modules
(`PyArrayObject` in its C API), CPython that of tuples. So a call costs hardly more than one of Numba's dispatchers, and
nothing needs packing.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..signatures import SIGNATURES
from ..sources import library_version
from ..ways import UnavailableError
from .processor import library_names, usable_levels

FOLDER = Path(__file__).parent / "libraries"
PREFIX = "pockettts_np_"
NO_VARIANT = -1  # the status where no variant of a kernel fits its arguments

_ARGUMENT_TYPES = {"i": ctypes.c_ssize_t, "d": ctypes.c_double}  # anything else is an object


def find(folder: Path = FOLDER) -> tuple[Path, ctypes.CDLL]:
    """The fastest library that this processor can use; UnavailableError says why there is none."""
    reason = "no library of kernels was built for this processor and system."
    for level in usable_levels():
        path = folder / library_names(level)
        if path.is_file():
            return path, _opened(path)
    raise UnavailableError(reason)


def _opened(path: Path) -> ctypes.CDLL:
    """A library that is whole, of this version, and reads the objects of this Python rightly."""
    try:
        library = ctypes.CDLL(str(path))
        _check(path, library)
    except (OSError, ValueError, AttributeError) as error:
        raise UnavailableError(f"the library {path} cannot be used: {error}.") from error
    return library


def _check(path: Path, library: ctypes.CDLL) -> None:
    version = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, f"{PREFIX}version"))).decode()
    if version != library_version():
        raise ValueError(f"it is of version {version!r}, not {library_version()!r}; build the package again")
    for name in SIGNATURES:
        getattr(library, PREFIX + name)
    ctypes.c_int64.in_dll(library, f"{PREFIX}header").value = object.__basicsize__
    ctypes.c_int64.in_dll(library, f"{PREFIX}tuple_items").value = tuple.__basicsize__
    array = np.arange(3, dtype=np.float32)
    probe = library[f"{PREFIX}probe"]
    probe.argtypes, probe.restype = (ctypes.py_object, ctypes.py_object), ctypes.c_double
    if probe(array, (None, array)) != array[1] + array[2]:
        raise ValueError("it does not read the arrays and tuples of this Python rightly")


def function(library: ctypes.CDLL, name: str) -> Callable[..., None]:
    """A kernel. TypeError: an array is not of the type, the number of axes or the layout that it takes."""
    kernel = library[PREFIX + name]
    letters = SIGNATURES[name].arguments.split()
    kernel.argtypes = [_ARGUMENT_TYPES.get(letter, ctypes.py_object) for letter in letters]

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
