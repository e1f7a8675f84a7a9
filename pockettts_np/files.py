"""Files: one that appears only when it is whole, locks that outlive no process, what nobody uses, sizes for people."""

import contextlib
import errno
import io
import logging
import mmap
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep, time
from typing import BinaryIO

logger = logging.getLogger(__name__)


UNFINISHED = ".pockettts-{}.part"  # the name of a file that is being written, with a random text in it


# What only writing raises, and without a file name.
WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

_CANNOT_BE_REPLACED = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES)


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


def read_into_memory(path: Path) -> InMemoryFile:
    """The file as it is now, whatever becomes of it; at the start of a page, like a file that is mapped. OSError."""
    with path.open("rb") as file:
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


@contextmanager
def replacing_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well; else `path` stays as it was.

    A device or a pipe cannot be replaced and is written directly. A file in a folder that takes no new ones, and one
    that is mounted, are written over at the end. OSError names `path`, and comes before the block where `path` cannot
    be written.
    """
    target = _replaceable(path)
    if target is None:
        with Path(path).open("wb") as file, _naming(path):
            yield file
        return
    with _unfinished(target) as written, _naming(path, written):
        with _create(written) as file:
            yield file
        _put_in_place(written, target)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Refuse what `replacing_file` cannot write, before there is anything to write. OSError names `path`."""
    if (target := _replaceable(path)) is not None:
        with _unfinished(target) as written, _naming(path, written):
            _create(written).close()


def _replaceable(path: str | os.PathLike[str]) -> Path | None:
    """The file that `path` leads to, which need not exist; None for a device or a pipe."""
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write.")
    if Path(path).exists() and not Path(path).is_file():
        return None
    target = Path(os.path.realpath(path))
    for folder in (Path(path).parent, target.parent):
        if not folder.is_dir():
            raise FileNotFoundError(f"{path} cannot be written: there is no folder {folder}.")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{path} may not be written; take another name, or change its permissions.")
    return target


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A free name beside `target`; in the folder for temporary files where only `target` itself can be written."""
    if target.exists() and not os.access(target.parent, os.W_OK | os.X_OK):
        target = Path(tempfile.gettempdir(), target.name)
    with beside(target) as path:
        yield path


@contextmanager
def _naming(path: str | os.PathLike[str], written: Path | None = None) -> Iterator[None]:
    """Let errors of writing name the file that the user knows."""
    try:
        yield
    except OSError as error:
        if (written and error.filename == str(written)) or error.errno in WRITE_ERRORS:
            error.filename, error.filename2 = str(path), None
        raise


def _put_in_place(written: Path, target: Path) -> None:
    """Give a whole file its name, or write it over what cannot be replaced: a mounted file, another user's."""
    exists = target.is_file()
    if exists:
        shutil.copymode(target, written)
    try:
        written.replace(target)
    except OSError as error:
        if not exists or error.errno not in _CANNOT_BE_REPLACED:
            raise
        with written.open("rb") as new, target.open("r+b") as old:
            shutil.copyfileobj(new, old)
            old.truncate()


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


KEPT_DAYS = 30  # without use, before what can be made again is removed
_DAY_S = 86_400.0


def mark_used(path: Path) -> None:
    """Set the time of the last use, which many systems do not note; the time of the last change stays."""
    with contextlib.suppress(OSError):  # what may only be read
        found = path.stat()
        if time() - found.st_atime > _DAY_S:
            os.utime(path, ns=(int(time() * 1e9), found.st_mtime_ns))


def remove_unused(paths: Iterable[Path]) -> None:
    """Remove the files that nobody has used for KEPT_DAYS."""
    for path in paths:
        with contextlib.suppress(OSError):  # another process was first, or has mapped it on Windows
            found = path.stat()
            if time() - max(found.st_atime, found.st_mtime) > KEPT_DAYS * _DAY_S:
                path.unlink()


def inode(path: Path) -> tuple[int, int]:
    """What several names of one file have in common."""
    found = path.stat()
    return found.st_dev, found.st_ino


def megabytes(n_bytes: int) -> str:
    """A size for people: 235.9 MB, 1.2 kB."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:.1f} kB"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path`; the system lets go when the process ends, also by kill -9.

    Yields False where the file system has no locks, or the lock is another account's. The file stays, for removing it
    would let two waiters hold two files of one name. huggingface_hub locks the same file in the same way.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        yield False
        return
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
