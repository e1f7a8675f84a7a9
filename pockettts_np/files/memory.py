"""Files that have no place on the disk: content in memory, and data inside a package."""

import mmap
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class InMemoryFile:
    """The content of a file that has no place on the disk, under a name for errors. Loaders take it like a path."""

    name: str
    content: bytes | mmap.mmap = field(repr=False)

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        return bytes(self.content)


File = Path | InMemoryFile


def read_into_memory(path: str | os.PathLike[str]) -> InMemoryFile:
    """The file as it is now, whatever becomes of it; at the start of a page, like a file that is mapped. OSError."""
    with Path(path).open("rb") as file:
        content = mmap.mmap(-1, max(1, os.fstat(file.fileno()).st_size))
        file.readinto(content)
    return InMemoryFile(str(path), content)


def packaged(package: str, name: str) -> Path:
    """A folder of data in a package; where that is in an archive, something that reads like a folder.

    FileNotFoundError: whoever has built a program of this package has left it out.
    """
    folder = Path(sys.modules[package].__file__ or "").parent / name
    if folder.is_dir():
        return folder
    from importlib.resources import files

    found = files(package) / name
    if not found.is_dir():
        raise FileNotFoundError(
            f"{folder} is missing, which is a part of {package}. When you freeze a program, collect the package whole, "
            "as `pyinstaller --collect-all pockettts_np` does."
        )
    return found  # type: ignore[return-value]  # zipfile.Path, of which reading and `/` alone is used
