"""pockettts-np cache: what this package has stored on this disk, and how to be rid of it."""

import argparse
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config.load import load_config, released_models
from ...files.usage import inode, megabytes
from ...files.writing import UNFINISHED
from ...hub import catalogue
from ...hub.cache import HubFile, cached_files, hub_cache
from ...kernels.places import places
from ...loading import int8_cache
from ...settings import cache_dir
from ..terminal.options import add_command
from ..terminal.progress import table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """The files of one kind in one folder."""

    kind: str
    folder: Path
    paths: list[Path]

    def n_bytes(self) -> int:
        return sum({inode(path): path.stat().st_size for path in self.paths}.values())


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_command(
        commands,
        "cache",
        cache,
        "List what is stored (kernels, int8 models, files from https:// addresses, and the hub's), or clear it.",
    ).add_argument
    add("--json", action="store_true", help="for programs")
    add(
        "--clear",
        action="append",
        choices=KINDS,
        metavar="KIND",
        help="remove the files of a kind: kernels, quantized, fetched, or hub, which takes the catalogue's models and "
        "voices from other programs too; may be repeated",
    )


def cache(args: argparse.Namespace) -> None:
    """Print what is stored, or remove the kinds that are to be cleared."""
    found = [stored for kind in args.clear or KINDS for stored in _stored(kind)]
    for stored in found if args.clear else []:
        n_bytes = stored.n_bytes()
        for path in stored.paths:
            path.unlink(missing_ok=True)
        logger.info("%s: %d files removed, %s.", stored.kind, len(stored.paths), megabytes(n_bytes))
    if args.clear:
        return
    if args.json:
        print(json.dumps(list(map(_described, found)), indent=2), flush=True)
        return
    rows = [(stored.kind, str(len(stored.paths)), megabytes(stored.n_bytes()), str(stored.folder)) for stored in found]
    print(table([("KIND", "FILES", "SIZE", "FOLDER"), *rows]), flush=True)


def _described(stored: Stored) -> dict[str, Any]:
    return {
        "kind": stored.kind,
        "folder": str(stored.folder),
        "files": len(stored.paths),
        "bytes": stored.n_bytes(),
    }


def _stored(kind: str) -> list[Stored]:
    """What there is of a kind; nothing where there is no home folder, and so no cache."""
    with suppress(FileNotFoundError):
        return KINDS[kind]()
    return []


def _kernels() -> list[Stored]:
    """Numba's own files beside them stay."""
    folders = [place.folder for place in places()]
    return [Stored("kernels", folder, _matching(folder, "pockettts_np.*.nbc")) for folder in folders]


def _quantized() -> list[Stored]:
    folder = int8_cache.folder()
    return [Stored("quantized", folder, _matching(folder, "*/*.safetensors", f"*/{UNFINISHED.format('*')}"))]


def _fetched() -> list[Stored]:
    """They are named by the hash of their address."""
    paths = _matching(cache_dir(), "[0-9a-f]" * 64 + "*")
    return [Stored("fetched", cache_dir(), [path for path in paths if path.suffix != ".lock"])]


def _hub() -> list[Stored]:
    """Files of the catalogue alone: the hub's cache holds those of other programs too."""
    configs = [load_config(name) for name in released_models()]
    addresses = {address for config in configs for file in catalogue.model_files(config) for address in file}
    addresses |= {catalogue.voice_state_address(config.name, voice) for config in configs for voice in catalogue.VOICES}
    addresses |= set(catalogue.VOICES.values())
    return [Stored("hub", hub_cache(), cached_files(list(map(HubFile.parse, addresses))))]


KINDS: dict[str, Callable[[], list[Stored]]] = {
    "kernels": _kernels,
    "quantized": _quantized,
    "fetched": _fetched,
    "hub": _hub,
}


def _matching(folder: Path, *patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
