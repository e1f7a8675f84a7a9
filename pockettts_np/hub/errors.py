"""Why a file could not be had, in sentences."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


_NO_ACCESS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOENT, errno.EEXIST, errno.ELOOP}


class HubError(OSError):
    """A file could not be fetched; the text says why and what to do next. It never holds a token."""


class AccessError(HubError, PermissionError):
    """The server refuses this file to this user (401, 403)."""


class NotFoundError(HubError, FileNotFoundError):
    """The server has no such file, revision or repository (404)."""


class NetworkError(HubError, ConnectionError):
    """The server cannot be reached, keeps failing, or cuts the connection."""


class OfflineError(HubError):
    """The file is not in the cache and the network is switched off."""


class StorageError(HubError):
    """The disk is full, or the cache cannot be used."""


class CorruptError(HubError):
    """What arrived is not what the server announced."""


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
                f"The disk of {folder} is full ({error.strerror}). Make room and try again, or set HF_HOME (for https "
                "addresses XDG_CACHE_HOME) to a folder on another disk."
            ) from error
        if error.errno in _NO_ACCESS:
            raise StorageError(
                f"The cache {folder} cannot be used ({error.strerror}). Give yourself the right to write "
                "there, or set HF_HOME (for https addresses XDG_CACHE_HOME) to a folder of your own."
            ) from error
        raise


class PassingError(Exception):
    """Worth another try; the text is the sentence for the user should it not pass."""

    def __init__(self, sentence: str, pause_s: float = 0.0):
        super().__init__(sentence)
        self.pause_s = pause_s
