"""Locks between processes, which outlive none of them."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

logger = logging.getLogger(__name__)

_LOCK_POLL_S = 0.1
_LOCK_IS_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
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
