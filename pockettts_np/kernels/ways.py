"""The three ways to run the kernels, and the choice among them.

* prebuilt: a shared library that was compiled with the package;
* numba: the same loops, compiled on this machine, where no library fits;
* numpy: vectorised NumPy, where there is no compiler either.

All compute the same: prebuilt and numba to the bit on the same instructions, each kernel of numpy within 2e-6.
"""

import functools
import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import sentence
from ..settings import setting

logger = logging.getLogger(__name__)

VARIABLE = "POCKETTTS_NP_KERNELS"
_MODULES = {"prebuilt": "prebuilt.entries", "numba": "loops.entries", "numpy": "vectorized.entries"}
WAYS = tuple(_MODULES)  # the best first


class UnavailableError(ImportError):
    """Kernels that cannot be run here, and why."""


@dataclass(frozen=True)
class Way:
    """How the kernels are run."""

    name: str
    kernels: dict[str, Callable[..., None]]
    detail: str  # of what they are made: the library's file, or the version of Numba or NumPy
    passed_over: dict[str, str]  # the ways before it, and why they cannot be taken


@functools.cache
def way() -> Way:
    """The best way that there is, or the one that POCKETTTS_NP_KERNELS names.

    ValueError: the variable names none, or one that cannot be taken here.
    """
    wanted = setting(VARIABLE)
    if wanted and wanted not in WAYS:
        raise ValueError(f"{VARIABLE} is {wanted!r}; it wants {', '.join(WAYS[:-1])} or {WAYS[-1]}, or nothing.")
    passed_over: dict[str, str] = {}
    for name in (wanted,) if wanted else WAYS:
        try:
            module = importlib.import_module(f".{_MODULES[name]}", __package__)
        except ImportError as error:
            passed_over[name] = _reason(error)
        else:
            _tell(name, passed_over)
            return Way(name, module.ENTRIES, module.DETAIL, passed_over)
    raise ValueError(f"{VARIABLE} is {wanted or 'not set'}, but {passed_over[wanted or WAYS[-1]]}")


def _reason(error: ImportError) -> str:
    if error.name == "numba":
        return 'Numba is not installed (pip install "pockettts-np[jit]").'
    return sentence(error)


def _tell(name: str, passed_over: dict[str, str]) -> None:
    """One line where a way is taken that is not the best."""
    if name == "numba" and passed_over:
        logger.info("Numba compiles the kernels: %s", passed_over["prebuilt"])
    elif name == "numpy" and passed_over:
        logger.warning(
            "NumPy computes everything, which is slower: %s %s The environment variable "
            "OPENBLAS_NUM_THREADS=1 spares it threads that wait for each other.",
            *passed_over.values(),
        )
