"""How kernels are compiled, and the disk cache of what was compiled.

One policy for all kernels: compiled on first use and kept on disk; the GIL released, so that the language model and the
decoder overlap; NumPy's division rules; floating-point sums may be reordered, but NaN and infinity keep their meaning.

Numba's own cache (`cache=True`) would do but for what `KernelCache` mends. Before it loads anything it imports the
whole compiler, with scipy.linalg and cffi; it loads intermediate code beside the machine code: 57 MB together. It
notices edits only in the file that a kernel stands in. Two processes that compile at once can store the code of one
signature under the name of another. Where no folder can be written, the import fails.
"""

import functools
import hashlib
import logging
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import config, serialize
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]  # compiled C

from ..files import replacing_file

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
    outer._cache = KernelCache(inner.py_func)  # as its method enable_caching would set Numba's own
    return outer


class KernelCache(NullCache):
    """Machine code of one kernel: a file for each signature, processor and state of the sources, with a checksum."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._impl: Any = None
        with suppress(RuntimeError):  # neither the package's folder nor the user's cache can be written
            self._impl = CompileResultCacheImpl(function)
            self._folder = Path(self._impl.locator.get_cache_path())
            self._stem = f"{function.__module__}.{function.__name__}.{sys.implementation.cache_tag}-"

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compiled kernel, or None: then Numba compiles it."""
        stored = self._impl and _read(self._path(signature, target_context.codegen()))
        if not stored:
            _log_once(logging.INFO, COMPILING if self._impl else COMPILING_IN_VAIN)
            return None
        _link_runtime(target_context)
        return self._impl.rebuild(target_context, pickle.loads(stored))

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel, and none of other sources; where that fails, the next process compiles again."""
        if not self._impl or not self._impl.check_cachable(compiled):
            return
        (name, kind, (machine_code, _)), description, *rest = self._impl.reduce(compiled)
        # In place of the intermediate code, which takes ten times its size in memory: the name of the function alone.
        wrapper = f'define void @"{description.llvm_cpython_wrapper_name}"() {{ ret void }}'
        library = name, kind, (machine_code, llvm.parse_assembly(wrapper).as_bitcode())
        stored = serialize.dumps((library, description, *rest))
        path = self._path(signature, compiled.codegen)
        try:
            with replacing_file(path) as file:
                file.write(hashlib.sha256(stored).digest() + stored)
            for old in self._folder.glob(f"{self._stem}*"):
                if not old.name.startswith(f"{self._stem}{_sources_hash()}"):
                    old.unlink()
        except OSError as error:
            _log_once(logging.WARNING, f"The compiled kernels cannot be kept: {error}.")

    def _path(self, signature: Any, codegen: Any) -> Path:
        key = hashlib.sha256(repr((str(signature), codegen.magic_tuple())).encode()).hexdigest()[:24]
        return self._folder / f"{self._stem}{_sources_hash()}-{key}.nbc"


def _read(path: Path) -> bytes | None:
    """What was stored; None if nothing was, or if it is damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    stored = content[CHECKSUM_BYTES:]
    return stored if hashlib.sha256(stored).digest() == content[:CHECKSUM_BYTES] else None


@functools.cache
def _sources_hash() -> str:
    """Of all that compiled code depends on: Numba's version, and every file with kernels in it."""
    sources = sorted((file for file in files(__package__).iterdir() if file.name.endswith(".py")), key=str)
    contents = [numba.__version__.encode(), *(file.read_bytes() for file in sources)]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:12]


def _link_runtime(target_context: Any) -> None:
    """Let LLVM find Numba's memory manager, which compiled code calls.

    Numba does so as part of `refresh`, which also imports all that it can compile and compiles some functions.
    """
    if numba.version_info.short > TESTED_NUMBA:
        target_context.refresh()
        return
    for name, address in _nrt_python.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


@functools.cache
def _log_once(level: int, message: str) -> None:
    logger.log(level, message)
