"""The first quantised load of a released model is kept as one file: later processes map it and read little else.

`<user cache>/pockettts_np/quantized/NAME/KEY.safetensors`; the key is a hash of the weights' repository and commit,
the configuration and FORMAT. One process at a time makes it, under the lock of the folder; those that wait take what
it made. What nobody has used for `files.usage.KEPT_DAYS` goes when something new is kept, of this model or another.
POCKETTTS_NP_QUANTIZED_CACHE=off switches it off.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..config.config import Config
from ..errors import sentence
from ..files.locks import locked
from ..files.usage import mark_used, megabytes, remove_unused
from ..files.writing import UNFINISHED
from ..hub import fetch
from ..hub.cache import hub_cache
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
    try:
        path = _place(config)
        with suppress(ValueError, OSError):
            return _used(path, build)
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(".lock")) as is_locked:
            if path.is_file():
                try:
                    return _used(path, build)  # another process was first
                except (ValueError, OSError):
                    logger.info("%s is damaged; it is made again.", path)
            if is_locked:
                _remove_begun(path.parent)
            path.unlink(missing_ok=True)  # damaged, or a link to nothing, which writing would follow
            write(path)
    except HubError:
        raise
    except OSError as error:
        logger.warning("The quantised model is not kept: %s", sentence(error))
        return None
    remove_unused(folder().glob("*/*.safetensors"))
    logger.info("The quantised model is kept for the next time: %s, %s.", path, megabytes(path.stat().st_size))
    return build(path)


def folder() -> Path:
    """Where quantised models are kept. FileNotFoundError: there is no home folder."""
    return cache_dir() / "quantized"


def _used(path: Path, build: Callable[[Path], T]) -> T:
    built = build(path)
    mark_used(path)
    return built


def _remove_begun(folder: Path) -> None:
    """What a killed process has left."""
    for part in folder.glob(UNFINISHED.format("*")):
        with suppress(OSError):
            part.unlink()


def _place(config: Config) -> Path:
    weights, _ = fetch.fetch_first(weights_addresses(config))
    if weights.is_relative_to(hub_cache()):  # the rest names repository and commit, wherever the cache is
        weights = weights.relative_to(hub_cache())
    key = hashlib.sha256(repr((FORMAT, config, str(weights))).encode()).hexdigest()[:32]
    return folder() / config.name / f"{key}.safetensors"
