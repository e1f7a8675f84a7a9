"""Files: one that appears only when it is whole, a lock that outlives no process, and sizes for people."""

import contextlib
import errno
import io
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import BinaryIO

logger = logging.getLogger(__name__)


UNFINISHED = ".pockettts-{}.part"  # the name of a file that is being written, with a random text in it


# What only writing raises, and without a file name.
WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@dataclass(frozen=True)
class InMemoryFile:
    """The content of a file that has no place on the disk, under a name for errors. Loaders take it like a path."""

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        return self.content


File = Path | InMemoryFile


@contextmanager
def replacing_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well; else `path` stays as it was.

    A device or a pipe cannot be replaced and is written directly. OSError names `path`.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {target.parent}.")
    replaces = target.is_file() or not target.exists()
    with beside(target) if replaces else nullcontext(target) as written:
        try:
            with _create(written) if replaces else target.open("wb") as file:
                yield file
            if target.is_file():
                shutil.copymode(target, written)
            if replaces:
                written.replace(target)
        except OSError as error:
            if error.filename == str(written) or error.errno in WRITE_ERRORS:
                error.filename = str(path)
            raise


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A free name in the folder of `target`, for what is to take its place; what still has it at the end is removed."""
    path = target.with_name(UNFINISHED.format(secrets.token_hex(6)))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def publish(written: Path, target: Path) -> None:
    """Give a whole file its final name so that both outlast a power cut."""
    sync_file(written)
    written.replace(target)
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Make what is in a file last through a power cut."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _create(path: Path) -> BinaryIO:
    return path.open("xb")


_LOCK_POLL_S = 0.1


_LOCK_IS_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _only_appends(descriptor: int) -> bool:
        return False  # `>>` there seeks to the end once

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _only_appends(descriptor: int) -> bool:
        return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)


def start_of(file: BinaryIO) -> int | None:
    """The position of a file, if what is written now can be written over later: not in a pipe, nor behind `>>`."""
    if not file.seekable():
        return None
    with contextlib.suppress(io.UnsupportedOperation):  # a file in memory has no descriptor
        if _only_appends(file.fileno()):
            return None
    return file.tell()


def megabytes(n_bytes: int) -> str:
    """A size for people: 235.9 MB, 1.2 kB."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:.1f} kB"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path`; the system lets go when the process ends, also by kill -9.

    Yields False where the file system has no locks. The file stays, for removing it would let two waiters hold
    two files of one name. huggingface_hub locks the same file in the same way.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        is_waiting = False
        while (is_held := _holds_lock(descriptor)) is None:
            if not is_waiting:
                logger.info("Another process is at the same file; waiting for it.")
            is_waiting = True
            sleep(_LOCK_POLL_S)
        yield is_held
    finally:
        os.close(descriptor)


def _holds_lock(descriptor: int) -> bool | None:
    """None: another process holds it. False: there are no locks here."""
    try:
        _try_lock(descriptor)
    except OSError as error:
        return None if error.errno in _LOCK_IS_HELD else False
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last through a power cut, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
