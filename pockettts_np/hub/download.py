"""A remote file into its place on the disk: lock, resume, checks, and nothing wrong under the final name.

The final name appears by one rename, after length and hash were checked, of a file that one writer alone has
written: `NAME.RANDOM.incomplete`. So a wrong file never gets it, not even on a disk whose locks do nothing.
What a dead writer leaves is taken over by the next one where a hash will prove it.
"""

import contextlib
import hashlib
import logging
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..files.usage import megabytes
from ..files.writing import publish
from .errors import CorruptError, PassingError, StorageError
from .http import Patience, Remote, open_url

if TYPE_CHECKING:
    from http.client import HTTPResponse

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None, str], object]  # (done_bytes, total_bytes or None, file name)
_progress: ContextVar[Progress | None] = ContextVar("progress", default=None)

_BLOCK_BYTES = 1 << 20
_STRONG_ETAG = re.compile(r'"[!#-~]{1,1000}"')


@contextlib.contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """While the block runs, `progress` hears of every byte that this thread fetches."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


@dataclass
class _Part:
    """What has come so far, in a file of this writer's own."""

    path: Path
    etag: str = ""  # of the web file that it is a part of

    def size_bytes(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


def download(remote: Remote, final: Path, is_locked: bool, name: str) -> None:
    """Fetches `remote` to `final`. With the lock on it held, and a hash known, goes on where an earlier run ended.

    Raises a HubError; OSErrors of the disk come out as they are, for `storage_errors` to explain.
    """
    progress, is_announced = _progress.get(), False

    def report(done_bytes: int, total_bytes: int | None) -> None:
        nonlocal is_announced
        if not is_announced:
            size = "of unknown size" if total_bytes is None else megabytes(total_bytes)
            here = f", {megabytes(done_bytes)} of it here already" if done_bytes else ""
            logger.info("Fetching %s: %s%s.", remote.shown, size, here)
            is_announced = True
        if progress is not None:
            progress(done_bytes, total_bytes, name)

    part = _Part(final.with_name(f"{final.name}.{uuid.uuid4().hex[:8]}.incomplete"))
    leftovers = list(final.parent.glob(f"{final.name}.*incomplete")) if is_locked else []
    if leftovers:
        max(leftovers, key=lambda path: path.stat().st_size).rename(part.path)
    try:
        _fill(part, remote, report)
        publish(part.path, final)
    except FileNotFoundError:
        if not final.is_file():  # else another process was first, and has cleared up
            raise
    finally:
        if not (is_locked and remote.digest):
            part.path.unlink(missing_ok=True)
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)


def _fill(part: _Part, remote: Remote, report: Callable[[int, int | None], None]) -> None:
    """Brings the part to the whole and checks it, through cuts, passing failures and one damage."""
    patience = Patience()
    most_bytes = part.size_bytes()
    n_damaged = 0
    while n_damaged < 2:
        try:
            _receive(part, remote, report)
        except PassingError as error:
            if part.size_bytes() > most_bytes:
                most_bytes = part.size_bytes()
                patience.n_failures = 0
            patience.after(error)
            continue
        if not remote.digest or (found := digest(part.path, len(remote.digest))) == remote.digest:
            return
        part.path.unlink()
        n_damaged += 1
    raise CorruptError(
        f"{remote.shown} arrived damaged twice: its hash is {found} and should be {remote.digest}. Nothing was "
        "kept. Try later or on another network; a proxy may be changing files."
    )


def _receive(part: _Part, remote: Remote, report: Callable[[int, int | None], None]) -> None:
    """One request, its bytes written where they belong in the part."""
    have_bytes = part.size_bytes()
    if remote.size_bytes is not None and have_bytes >= remote.size_bytes > 0:
        return
    headers = {}
    if have_bytes and remote.digest:
        headers = {"Range": f"bytes={have_bytes}-"}
    elif have_bytes and _STRONG_ETAG.fullmatch(part.etag):
        headers = {"Range": f"bytes={have_bytes}-", "If-Range": part.etag}
    with open_url(remote, headers=headers) as response:
        if headers and response.status == 416:
            part.path.unlink()
            raise PassingError(f"The server has no rest of {remote.shown}. Try again from the start.")
        if response.status not in (200, 206):
            raise remote.refusal(response.status, response.headers)
        start, total = _extent(response, remote)
        etag = response.headers.get("ETag", "")
        is_rest = "Range" in headers and start == have_bytes and headers.get("If-Range", etag) == etag
        if response.status == 206 and not is_rest:
            part.path.unlink(missing_ok=True)
            raise PassingError(f"The server sent another part of {remote.shown} than asked for. Try again later.")
        _check_space(part.path.parent, total, start, remote.shown)
        if not start:
            part.path.unlink(missing_ok=True)
            part.etag = etag
        with part.path.open("r+b" if start else "xb") as file:
            file.seek(start)
            _copy(response, file, start, total, remote.shown, report)


def _extent(response: "HTTPResponse", remote: Remote) -> tuple[int, int | None]:
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
            f"{shown} needs {megabytes(total - start)} more, and the disk of {folder} has "
            f"{megabytes(free)} free. Make room, or set HF_HOME (for https addresses XDG_CACHE_HOME) to a "
            "folder on a larger disk."
        )


def _copy(
    response: "HTTPResponse",
    file: BinaryIO,
    start: int,
    total: int | None,
    shown: str,
    report: Callable[[int, int | None], None],
) -> None:
    """The answer into `file`, in the pieces that come."""
    from http.client import HTTPException

    done = start
    report(done, total)
    while total is None or done < total:
        try:
            # Not read(): that waits for a whole block, which a cut would lose.
            block = response.read1(_BLOCK_BYTES if total is None else min(_BLOCK_BYTES, total - done))
        except (OSError, HTTPException) as error:
            raise _cut(shown, done, total) from error
        if not block:
            break
        file.write(block)
        done += len(block)
        report(done, total)
    if total is not None and done < total:
        raise _cut(shown, done, total)


def _cut(shown: str, done: int, total: int | None) -> PassingError:
    return PassingError(
        f"The connection was cut after {done} of {total or 'an unknown number of'} bytes of {shown}. Check the network "
        "and try again."
    )


def digest(path: Path, n_digits: int) -> str:
    """SHA-256 (64 digits), or the SHA-1 that git gives a blob (40 digits)."""
    checksum = hashlib.sha256()
    if n_digits == 40:
        checksum = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum.update(block)
    return checksum.hexdigest()
