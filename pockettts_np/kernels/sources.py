"""Which state of the kernels' sources a compiled form belongs to."""

import functools
import hashlib
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ..version import __version__

_FOLDERS = ("", "loops")  # below this one


@functools.cache
def sources_hash() -> str:
    """Of every file that compiled code depends on; where a frozen program has none, of what tells it from others."""
    return hashlib.sha256(b"\0".join(_contents() or [_program()])).hexdigest()[:12]


def library_version() -> str:
    """What a library of kernels must say of itself: the package's version, and its sources where they are known."""
    return f"{__version__} {sources_hash()}" if _contents() else __version__


def _contents() -> list[bytes]:
    try:
        found = [file for folder in _FOLDERS for file in _files(folder)]
    except OSError:
        found = []
    return [file.read_bytes() for file in found]


def _files(folder: str) -> list[Traversable]:
    inside = (files(__package__) / folder if folder else files(__package__)).iterdir()
    return sorted((file for file in inside if file.name.endswith((".py", ".pyc"))), key=lambda file: file.name)


def _program() -> bytes:
    program = Path(sys.executable).stat()
    return f"{program.st_size} {program.st_mtime_ns}".encode()
