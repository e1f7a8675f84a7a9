"""How kernels are compiled, and the disk cache of what was compiled.

One policy for all kernels: compiled on first use and kept on disk; the GIL released, so that the language model and the
decoder overlap; NumPy's division rules; floating-point sums may be reordered, but NaN and infinity keep their meaning.

Numba's own cache (`cache=True`) would do but for what `KernelCache` mends. Before it loads anything it imports the
whole compiler, with scipy.linalg and cffi; it loads intermediate code beside the machine code: 57 MB together. It
notices edits only in the file that a kernel stands in. Two processes that compile at once can store the code of one
signature under the name of another. Where a folder may be read but not written, it reads nothing; where none can be
written, the import fails.

`KernelCache` uses names that Numba does not promise. Where a Numba has them not, its own cache serves.
"""

import functools
import hashlib
import logging
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import config

from ...files.usage import mark_used, remove_unused
from ...files.writing import UNFINISHED, replacing_file
from ..places import Place, places
from ..sources import sources_hash

try:
    from numba.core.compiler import CompileResult
    from numba.core.runtime._nrt_python import c_helpers
    from numba.core.serialize import dumps
except ImportError:  # a Numba to come
    CompileResult = c_helpers = dumps = None  # type: ignore[misc,assignment]

logger = logging.getLogger(__name__)

TESTED_NUMBA = (0, 68)  # the newest whose compiled code is known to need its run-time functions alone
CHECKSUM_BYTES = 32

COMPILING = (
    "Compiling the kernels for this processor, once: it takes ten to thirty seconds. "
    "`pockettts-np warmup` does it beforehand."
)
COMPILING_IN_VAIN = (
    "Compiling the kernels: ten to thirty seconds in every process, as no folder can be written to keep them in. "
    "Name one in the environment variable NUMBA_CACHE_DIR."
)
NOT_KEPT = (
    "The compiled kernels cannot be kept in {folder} ({reason}), so every process compiles them. Make room, or name "
    "another folder in the environment variable NUMBA_CACHE_DIR."
)
UNKNOWN_NUMBA = (
    "Numba {version} differs inside from the versions that are known ({error}), so every process compiles the kernels. "
    "Install numba {tested}."
)

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}


def kernel(function: Callable[..., Any]) -> Any:
    """A loop that kernels call; with NUMBA_DISABLE_JIT the plain function."""
    return numba.njit(**_OPTIONS)(function)


def entry(inner: Any) -> Any:
    """The same kernel for Python to call, kept on disk. No kernel can call it: it is kept without intermediate code."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return inner
    outer = kernel(inner.py_func)
    if CompileResult is None or not hasattr(outer, "_cache"):
        return _kept_by_numba(inner.py_func)
    outer._cache = KernelCache(inner.py_func)  # as its method enable_caching would set Numba's own
    return outer


def _kept_by_numba(function: Callable[..., Any]) -> Any:
    """A kernel in Numba's own cache, or in none where it finds no folder."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return kernel(function)


class KernelCache:
    """Machine code of one kernel: a file for each signature, processor and state of the sources, with a checksum."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._stem = f"{function.__module__}.{function.__name__}.{sys.implementation.cache_tag}-"

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compiled kernel, or None: then Numba compiles it."""
        try:
            name = self._file_name(signature, target_context.codegen())
            stored = next(filter(None, (_read(place.folder / name) for place in places())), None)
            if stored:
                _link_runtime(target_context)
                return CompileResult._rebuild(target_context, *pickle.loads(stored))
        except Exception as error:  # whatever a Numba to come may raise
            _log_unknown(error)
            return None
        may_keep = any(place.may_be_written() for place in places())
        _log_once(logging.INFO, COMPILING if may_keep else COMPILING_IN_VAIN)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel, and none of other sources; where that fails, the next process compiles again."""
        try:
            if compiled.lifted or compiled.library.has_dynamic_globals:  # holds what is of this process alone
                return
            name, stored = self._file_name(signature, compiled.codegen), _stored(compiled)
        except Exception as error:
            _log_unknown(error)
            return
        failed = None
        for place in filter(Place.may_be_written, places()):
            try:
                place.folder.mkdir(parents=True, exist_ok=True)
                with replacing_file(place.folder / name) as file:
                    file.write(hashlib.sha256(stored).digest() + stored)
            except OSError as error:
                failed = failed or NOT_KEPT.format(folder=place.folder, reason=error.strerror or error)
            else:
                self._clear_up(place)
                return
        if failed:
            _log_once(logging.WARNING, failed)

    def _clear_up(self, place: Place) -> None:
        """Remove what no process will read again."""
        remove_unused([*place.folder.glob("*.nbc"), *place.folder.glob(UNFINISHED.format("*"))])
        if place.is_beside_sources:
            for old in place.folder.glob(f"{self._stem}*"):
                if not old.name.startswith(f"{self._stem}{_version()}"):
                    with suppress(OSError):  # another process was first
                        old.unlink()

    def _file_name(self, signature: Any, codegen: Any) -> str:
        key = hashlib.sha256(repr((str(signature), codegen.magic_tuple())).encode()).hexdigest()[:24]
        return f"{self._stem}{_version()}-{key}.nbc"


def _stored(compiled: Any) -> bytes:
    """What is kept of a compiled kernel."""
    (name, kind, (machine_code, _)), description, *rest = compiled._reduce()
    # In place of the intermediate code, which takes ten times its size in memory: the name of the function alone.
    wrapper = f'define void @"{description.llvm_cpython_wrapper_name}"() {{ ret void }}'
    library = name, kind, (machine_code, llvm.parse_assembly(wrapper).as_bitcode())
    return bytes(dumps((library, description, *rest)))


def _read(path: Path) -> bytes | None:
    """What was stored; None if nothing was, or if it is damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    mark_used(path)
    stored = content[CHECKSUM_BYTES:]
    return stored if hashlib.sha256(stored).digest() == content[:CHECKSUM_BYTES] else None


@functools.cache
def _version() -> str:
    """Of all that compiled code depends on: Numba's version, and the sources of the kernels."""
    return hashlib.sha256(f"{numba.__version__} {sources_hash()}".encode()).hexdigest()[:12]


def _link_runtime(target_context: Any) -> None:
    """Let LLVM find Numba's memory manager, which compiled code calls.

    Numba does so as part of `refresh`, which also imports all that it can compile and compiles some functions.
    """
    if numba.version_info.short > TESTED_NUMBA:
        target_context.refresh()
        return
    for name, address in c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def _log_unknown(error: Exception) -> None:
    tested = ".".join(map(str, TESTED_NUMBA))
    _log_once(logging.WARNING, UNKNOWN_NUMBA.format(version=numba.__version__, error=error, tested=tested))


@functools.cache
def _log_once(level: int, message: str) -> None:
    logger.log(level, message)
