"""What the user has set: environment variables, and the folder of the package's own cache."""

import os
import sys
from contextlib import suppress
from pathlib import Path

NO_HOME = (
    "There is no home folder: HOME is not set, and the system knows none for this user. Set HOME, or name folders for "
    "caches in XDG_CACHE_HOME and HF_HOME."
)


def home() -> Path:
    """The user's home folder, which need not exist. FileNotFoundError: nothing says which it is."""
    with suppress(RuntimeError):
        return Path.home()
    raise FileNotFoundError(NO_HOME)


def cache_dir() -> Path:
    """The folder of this package's own cache; it need not exist yet. FileNotFoundError: there is no home folder."""
    if (folder := setting("XDG_CACHE_HOME")) and Path(folder).is_absolute():
        return Path(folder) / "pockettts_np"
    if sys.platform == "win32" and (folder := setting("LOCALAPPDATA")):  # pragma: no cover
        return Path(folder) / "pockettts_np" / "Cache"
    if sys.platform == "darwin":  # pragma: no cover
        return home() / "Library" / "Caches" / "pockettts_np"
    return home() / ".cache" / "pockettts_np"


def setting(*names: str) -> str | None:
    """The first of these environment variables that is not empty, without the quotes that some launchers leave on."""
    return next((value for name in names if (value := unquoted(os.environ.get(name, "")))), None)


def unquoted(value: str) -> str:
    value = value.strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1].strip() if is_quoted else value


def is_on(*names: str) -> bool:
    """Whether the first of these environment variables that is not empty switches something on."""
    return (setting(*names) or "").upper() in {"1", "ON", "YES", "TRUE"}


def offline_switch() -> str | None:
    """The environment variable that switches the network off, if one does."""
    if is_on("HF_HUB_OFFLINE"):
        return "HF_HUB_OFFLINE"
    return "TRANSFORMERS_OFFLINE" if is_on("TRANSFORMERS_OFFLINE") else None


def expanded(path: str) -> Path:
    """With its variables and its `~` replaced, absolute. FileNotFoundError: a `~` without a home folder."""
    path = os.path.expandvars(path)
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise FileNotFoundError(NO_HOME) from None
