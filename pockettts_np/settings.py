"""What the user has set: environment variables, and the folder of the package's own cache."""

import os
import sys
from pathlib import Path


def cache_dir() -> Path:
    """The folder of this package's own cache; it need not exist yet."""
    if (folder := setting("XDG_CACHE_HOME")) and Path(folder).is_absolute():
        return Path(folder) / "pockettts_np"
    if sys.platform == "win32" and (folder := setting("LOCALAPPDATA")):  # pragma: no cover
        return Path(folder) / "pockettts_np" / "Cache"
    if sys.platform == "darwin":  # pragma: no cover
        return Path.home() / "Library" / "Caches" / "pockettts_np"
    return Path.home() / ".cache" / "pockettts_np"


def setting(*names: str) -> str | None:
    """The first of these environment variables that is not empty."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def is_on(*names: str) -> bool:
    return (setting(*names) or "").upper() in {"1", "ON", "YES", "TRUE"}


def expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser().absolute()
