"""Sockets that are files: they stay in their folder until they are removed."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .usage import inode


@dataclass(frozen=True)
class UnixSocket:
    """A Unix socket in a folder."""

    path: Path
    inode: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> "UnixSocket":
        """The one that was just made there."""
        return cls(path, inode(path))

    def remove(self) -> None:
        """Unless it is gone, or another server's by now."""
        with suppress(OSError):
            if inode(self.path) == self.inode:
                self.path.unlink()


def require_free(path: Path) -> None:
    """Refuse a place where no socket can be made, and one at which another server listens. OSError: a sentence.

    What a server that was killed has left behind may be taken.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be made: there is no folder {path.parent}.")
    if not path.exists():
        return
    if not path.is_socket():
        raise FileExistsError(f"{path} is a file, and no socket; name another path.")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
    raise OSError(f"Another server listens at {path}; end it, or name another path.")
