"""What is on the disk: how large, under how many names, and for how long nobody has used it."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from time import time

KEPT_DAYS = 30  # without use, before what can be made again is removed
_DAY_S = 86_400.0


def megabytes(n_bytes: int) -> str:
    """A size for people: 235.9 MB, 1.2 kB, 0 B."""
    if n_bytes < 100:
        return f"{n_bytes} B"
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:.1f} kB"


def inode(path: Path) -> tuple[int, int]:
    """What several names of one file have in common, also where the disk does not tell letters or accents apart."""
    found = path.stat()
    return found.st_dev, found.st_ino


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
