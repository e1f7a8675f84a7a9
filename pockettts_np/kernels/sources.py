"""Which state of the kernels' sources a compiled form belongs to."""

import functools
import hashlib
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ..version import __version__

_SHARED = {"arguments", "panels", "scratch", "signatures", "vectors"}  # what loops import from this folder


@functools.cache
def sources_hash() -> str:
    """Of every file that compiled code depends on; where a frozen program has none, of what tells it from others."""
    return _hash(_contents() or [_program()])


def library_version() -> str:
    """What a library of kernels must say of itself: the package's version, and its sources where they are known."""
    sources = _contents()
    return f"{__version__} {_hash(sources)}" if sources else __version__


def _hash(contents: list[bytes]) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:12]


def _contents() -> list[bytes]:
    here = files(__package__)
    try:
        shared = [file for file in _modules(here) if file.name.partition(".")[0] in _SHARED]
        return [file.read_bytes() for file in (*shared, *_all_modules(here / "loops"))]
    except OSError:
        return []


def _all_modules(folder: Traversable) -> list[Traversable]:
    """Those in folders inside, too."""
    folders = (file for file in folder.iterdir() if file.is_dir() and file.name != "__pycache__")
    inner = sorted(folders, key=lambda file: file.name)
    return [*_modules(folder), *(module for each in inner for module in _all_modules(each))]


def _modules(folder: Traversable) -> list[Traversable]:
    found = (file for file in folder.iterdir() if file.name.endswith((".py", ".pyc")))
    return sorted(found, key=lambda file: file.name)


def _program() -> bytes:
    program = Path(sys.executable).stat()
    return f"{program.st_size} {program.st_mtime_ns}".encode()
