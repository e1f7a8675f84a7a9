"""The first quantised load of a released model is kept as one file: later processes map it and read little else.

`<user cache>/pockettts_np/quantized/NAME/KEY.safetensors`; the key is a hash of the weights' repository and commit,
the configuration and FORMAT. One process at a time makes it, under the lock of the folder; those that wait take what
it made. POCKETTTS_NP_QUANTIZED_CACHE=off switches it off.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..config.config import Config
from ..files import UNFINISHED, locked, megabytes
from ..hub import fetch
from ..hub.catalogue import weights_addresses
from ..hub.errors import HubError
from ..settings import cache_dir, setting

logger = logging.getLogger(__name__)

FORMAT = 1  # of what single_file.write_model writes; a new number makes every kept file anew
T = TypeVar("T")


def load_kept(config: Config, build: Callable[[Path], T], write: Callable[[Path], object]) -> T | None:
    """`build(path)` of the kept file of a released model, after `write(path)` where there is none or a damaged one.

    None where none can be kept: switched off, or no space or no right to write, which one line in the log says.
    """
    if (setting("POCKETTTS_NP_QUANTIZED_CACHE") or "").lower() in {"0", "off", "no", "false"}:
        return None
    path = _place(config)
    with suppress(ValueError, OSError):
        return build(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(".lock")) as is_locked:
            if path.is_file():
                try:
                    return build(path)  # another process was first
                except (ValueError, OSError):
                    logger.info("%s is damaged; it is made again.", path)
            if is_locked:
                _clear_up(path.parent)
            write(path)
    except HubError:
        raise
    except OSError as error:
        logger.warning("The quantised model is not kept: %s: %s.", path.parent, error.strerror or error)
        return None
    for other in path.parent.glob("*.safetensors"):
        if other != path:
            with suppress(OSError):  # Windows keeps a file that another process has mapped
                other.unlink()
    logger.info("The quantised model is kept for the next time: %s, %s.", path, megabytes(path.stat().st_size))
    return build(path)


def _clear_up(folder: Path) -> None:
    """Removes what a killed process had begun."""
    for part in folder.glob(UNFINISHED.format("*")):
        with suppress(OSError):
            part.unlink()


def _place(config: Config) -> Path:
    weights, _ = fetch.fetch_first(weights_addresses(config))  # its path names repository and commit
    key = hashlib.sha256(repr((FORMAT, config, str(weights))).encode()).hexdigest()[:32]
    return cache_dir() / "quantized" / config.name / f"{key}.safetensors"
