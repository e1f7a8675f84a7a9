"""A remote file into its place on the disk: lock, resume, checks, and nothing wrong under the final name.

The final name appears by one rename after length and hash were checked. A cut download stays beside it as
`….incomplete` and is continued. None of that leans on the lock, which only saves fetching the same bytes
twice: bytes are written at their own offset, so two writers of one content cannot harm each other.
"""

import contextlib
import errno
import hashlib
import http.client
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from .transport import CorruptError, HubError, PassingError, Patience, Remote, StorageError, open_url, pause

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None, str], object]  # (done_bytes, total_bytes or None, file name)

_LOCK_POLL_S = 0.1
_BLOCK_BYTES = 1 << 20
_STRONG_ETAG = re.compile(r'"[!#-~]{1,200}"')
_LOCK_IS_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_ACCESS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOENT, errno.EEXIST, errno.ELOOP}

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file at `path`; the system lets go when the process ends, also by kill -9.

    The file stays, for removing it would let two waiters hold two files of one name. huggingface_hub locks
    the same file in the same way. A file system without locks is used without.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        is_first = True
        while not _has_lock(descriptor):
            if is_first:
                logger.info("Another process is fetching the same file; waiting for it.")
            is_first = False
            pause(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _has_lock(descriptor: int) -> bool:
    try:
        _try_lock(descriptor)
    except OSError as error:
        return error.errno not in _LOCK_IS_HELD
    return True


def download(remote: Remote, final: Path, progress: Progress | None = None, name: str = "") -> None:
    """Fetches `remote` to `final`, going on from `final`.incomplete where that is safe.

    Raises a HubError; OSErrors of the disk come out as they are, for `storage_errors` to explain.
    """

    def report(done_bytes: int, total_bytes: int | None) -> None:
        if progress is not None:
            progress(done_bytes, total_bytes, name)

    partial = _partial(final)
    patience = Patience()
    most_bytes = _size_bytes(partial)
    n_damaged = 0
    while True:
        try:
            size_bytes = _receive(remote, final, report)
            difference = _difference(partial, size_bytes, remote.digest)
            if difference is None:
                _publish(partial, final)
                return
        except PassingError as error:
            if _size_bytes(partial) > most_bytes:
                most_bytes = _size_bytes(partial)
                patience.n_failures = 0
            patience.after(error)
            continue
        except HubError:
            raise
        except FileNotFoundError:
            if final.is_file():  # where locks do nothing, another process may have been first
                return
            raise
        partial.unlink(missing_ok=True)
        n_damaged += 1
        if n_damaged == 2:
            raise CorruptError(
                f"{remote.shown} arrived damaged twice: {difference}. Nothing was kept. Try later or on "
                "another network; a proxy may be changing files."
            )


def _partial(final: Path) -> Path:
    return final.with_name(f"{final.name}.incomplete")


def _etag_file(final: Path) -> Path:
    return final.with_name(f"{final.name}.etag")


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _receive(remote: Remote, final: Path, report: Callable[[int, int | None], None]) -> int:
    """One request, its bytes written where they belong in the partial file. Returns the full length."""
    partial = _partial(final)
    have_bytes = _size_bytes(partial)
    if remote.size_bytes is not None and have_bytes >= remote.size_bytes > 0:
        return remote.size_bytes
    headers = _range_headers(remote, final, have_bytes)
    with open_url(remote, headers=headers) as response:
        if headers and response.status == 416:
            partial.unlink(missing_ok=True)
            raise PassingError(f"The server has no rest of {remote.shown}. Try again from the start.")
        if response.status not in (200, 206):
            raise remote.refusal(response.status, response.headers)
        start, total = _extent(response, remote)
        etag = response.headers.get("ETag", "")
        is_rest = start == (have_bytes if headers else 0) and headers.get("If-Range", etag) == etag
        if response.status == 206 and not is_rest:
            partial.unlink(missing_ok=True)
            raise PassingError(f"The server sent another part of {remote.shown} than asked for. Try again later.")
        _check_space(final.parent, total, start, remote.shown)
        if not start and not remote.digest:
            _start_anew(final, etag)
        partial.touch()
        with partial.open("r+b") as file:
            file.seek(start)
            return _copy(response, file, start, total, remote.shown, report)


def _range_headers(remote: Remote, final: Path, have_bytes: int) -> dict[str, str]:
    """Asks for the rest only, where the hash or a strong ETag will show that it is the same file's."""
    if not have_bytes:
        return {}
    asked = {"Range": f"bytes={have_bytes}-"}
    if remote.digest:
        return asked
    with contextlib.suppress(OSError, UnicodeDecodeError):
        etag = _etag_file(final).read_text(encoding="ascii")
        return asked | {"If-Range": etag} if _STRONG_ETAG.fullmatch(etag) else {}
    return {}


def _start_anew(final: Path, etag: str) -> None:
    """In this order: at no moment does an ETag stand beside bytes of another version."""
    _partial(final).unlink(missing_ok=True)
    _etag_file(final).write_text(etag if _STRONG_ETAG.fullmatch(etag) else "", encoding="ascii")


def _extent(response: http.client.HTTPResponse, remote: Remote) -> tuple[int, int | None]:
    """Where the answer's first byte belongs (−1: it does not say), and the whole length, in bytes."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise CorruptError(f"The server compressed {remote.shown} unasked. Check HF_ENDPOINT and the proxy settings.")
    start, total = 0, response.length
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", headers.get("Content-Range", ""))
        start, total = (int(match[1]), int(match[2])) if match else (-1, None)
    elif total is None and not response.chunked and not remote.digest:
        raise CorruptError(
            f"The server does not say how long {remote.shown} is, so a cut would go unseen. Fetch it with "
            "another program and give the path of the file."
        )
    if total is not None and remote.size_bytes not in (None, total):
        raise PassingError(
            f"The server offers {total} bytes for {remote.shown}, which has {remote.size_bytes}. Try again "
            "later, and check the proxy settings."
        )
    return start, total if remote.size_bytes is None else remote.size_bytes


def _check_space(folder: Path, total: int | None, start: int, shown: str) -> None:
    free = shutil.disk_usage(folder).free
    if total is not None and free < total - start:
        raise StorageError(
            f"{shown} needs {(total - start) / 1e6:.1f} MB more, and the disk of {folder} has "
            f"{free / 1e6:.1f} MB free. Make room, or set HF_HOME (for https addresses XDG_CACHE_HOME) to a "
            "folder on a larger disk."
        )


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    start: int,
    total: int | None,
    shown: str,
    report: Callable[[int, int | None], None],
) -> int:
    """The answer into `file`, in the pieces that come. The offset it ends at, in bytes."""
    done = start
    report(done, total)
    while total is None or done < total:
        try:
            # Not read(): that waits for a whole block, which a cut would lose.
            block = response.read1(_BLOCK_BYTES if total is None else min(_BLOCK_BYTES, total - done))
        except (OSError, http.client.HTTPException) as error:
            raise _cut(shown, done, total) from error
        if not block:
            break
        file.write(block)
        done += len(block)
        report(done, total)
    if total is not None and done < total:
        raise _cut(shown, done, total)
    return done


def _cut(shown: str, done: int, total: int | None) -> PassingError:
    return PassingError(
        f"The connection was cut after {done} of {total or 'an unknown number of'} bytes of {shown}. Try "
        "again: what came is kept and continued where the server allows."
    )


def _difference(path: Path, size_bytes: int, digest: str | None) -> str | None:
    """How the file at `path` differs from what was announced; None if it does not."""
    if path.stat().st_size != size_bytes:
        return f"it has {path.stat().st_size} bytes and should have {size_bytes}"
    if digest and (found := _digest(path, len(digest))) != digest:
        return f"its hash is {found} and should be {digest}"
    return None


def _digest(path: Path, n_digits: int) -> str:
    """SHA-256 (64 digits), or the SHA-1 that git gives a blob (40 digits)."""
    checksum = hashlib.sha256()
    if n_digits == 40:
        checksum = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum.update(block)
    return checksum.hexdigest()


def _publish(partial: Path, final: Path) -> None:
    """Gives the checked file its final name, on the disk for good."""
    with partial.open("r+b") as file:
        os.fsync(file.fileno())
    partial.replace(final)
    _etag_file(final).unlink(missing_ok=True)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last through a power cut, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turns what the disk refuses into sentences; other errors pass."""
    try:
        yield
    except HubError:
        raise
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageError(
                f"The disk of {folder} is full ({error.strerror}). Make room and try again, what came is "
                "kept; or set HF_HOME (for https addresses XDG_CACHE_HOME) to a folder on another disk."
            ) from error
        if error.errno in _NO_ACCESS:
            raise StorageError(
                f"The cache {folder} cannot be used ({error.strerror}). Give yourself the right to write "
                "there, or set HF_HOME (for https addresses XDG_CACHE_HOME) to a folder of your own."
            ) from error
        raise
