"""Where compiled kernels are kept: read from any of these folders, written into the first that takes them."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..settings import cache_dir, setting


@dataclass(frozen=True)
class Place:
    """A folder of compiled kernels, which need not exist yet."""

    folder: Path
    is_beside_sources: bool  # so that kernels of other sources are of no use to anybody

    def may_be_written(self) -> bool:
        """By the rights that this process has; a full disk is found out by writing."""
        existing = next(path for path in (self.folder, *self.folder.parents) if os.path.lexists(path))
        return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def places() -> list[Place]:
    """The folder that NUMBA_CACHE_DIR names, the one beside the kernels' sources, and the package's own cache."""
    found = []
    if named := setting("NUMBA_CACHE_DIR"):
        found.append(Place(Path(named).absolute() / "pockettts_np", is_beside_sources=False))
    sources = Path(__file__).parent
    is_unpacked = sources.is_dir() and not getattr(sys, "frozen", False)  # frozen, its folder may go with the process
    if is_unpacked:
        found.append(Place(sources / "__pycache__", is_beside_sources=True))
    with suppress(OSError):  # there is no home folder
        found.append(Place(cache_dir() / "kernels", is_beside_sources=False))
    return found
