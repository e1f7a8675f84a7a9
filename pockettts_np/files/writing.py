"""A file that appears only when it is whole, or stays as it was."""

import contextlib
import errno
import io
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".pockettts-{}.part"  # the name of a file that is being written, with a random text in it
WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # what only writing raises, and without a file name
_CANNOT_BE_REPLACED = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES)

if sys.platform == "win32":  # pragma: no cover

    def _only_appends(descriptor: int) -> bool:
        return False  # `>>` there seeks to the end once

else:
    import fcntl

    def _only_appends(descriptor: int) -> bool:
        return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)


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


def start_of(file: BinaryIO) -> int | None:
    """The position of a file, if what is written now can be written over later: not in a pipe, nor behind `>>`."""
    if not file.seekable():
        return None
    with contextlib.suppress(io.UnsupportedOperation):  # a file in memory has no descriptor
        if _only_appends(file.fileno()):
            return None
    return file.tell()


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A free name in the folder of `target`, for what is to take its place; what still has it at the end is removed."""
    path = target.with_name(UNFINISHED.format(secrets.token_hex(6)))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder that takes the name `path` when the block ends well; else `path` stays as it was.

    FileExistsError: it has something in it, or is a file. FileNotFoundError: there is no folder to make it in.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(f"{path} is there and is not an empty folder; name another, or remove it.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be made: there is no folder {target.parent}.")
    written = target.with_name(UNFINISHED.format(secrets.token_hex(6)))
    with _naming(path, written):
        written.mkdir()
        try:
            yield written
            if target.exists():
                target.rmdir()  # Windows renames onto nothing
            written.rename(target)
        finally:
            shutil.rmtree(written, ignore_errors=True)


def publish(written: Path, target: Path) -> None:
    """Give a whole file its final name so that both outlast a power cut."""
    sync_file(written)
    written.replace(target)
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Make what is in a file last through a power cut."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last through a power cut, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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


def _create(path: Path) -> BinaryIO:
    return path.open("xb")


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
