"""pockettts-np download: models and voices, for later without a network."""

import argparse
import logging
from typing import Any

from ..files.usage import megabytes
from ..hub import catalogue, fetch
from .terminal.options import add_command

logger = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_command(
        commands,
        "download",
        download,
        "Fetch models, their tokenizers and voices; what is here already is checked, and fetched again if damaged.",
    ).add_argument
    add("names", metavar="NAME", nargs="+", help="a model, as `pockettts-np models` lists them")
    add(
        "--voice",
        action="append",
        metavar="VOICE",
        help="a catalogue voice, or all; may be repeated; default: the voice that the model starts with",
    )


def download(args: argparse.Namespace) -> None:
    files = [addresses for name in args.names for addresses in _files(name, args.voice)]
    fetch.drop_damaged(dict.fromkeys(address for addresses in files for address in addresses))
    sizes = {addresses: fetch.missing_bytes(addresses) for addresses in dict.fromkeys(map(tuple, files))}
    missing = [addresses for addresses, size in sizes.items() if size != 0]
    names = ", ".join(args.names)
    if not missing:
        logger.info("%s: all is here already.", names)
        return
    total_bytes = sum(size or 0 for size in sizes.values())
    logger.info("%s: %d of %d files to fetch, %s.", names, len(missing), len(sizes), megabytes(total_bytes))
    for addresses in missing:
        fetch.fetch_first(addresses)
    logger.info("%s: ready to speak without a network.", names)


def _files(name: str, voices: list[str] | None) -> list[list[str]]:
    """What the model needs: a list a file, of the addresses to try."""
    if name == catalogue.BUILTIN:
        return []
    if name in catalogue.VOICES:
        raise ValueError(f"{name} is a voice, and each model has its own file of it: add --voice {name} to a model.")
    config = catalogue.released_config(name)
    chosen = voices or [catalogue.default_voice(config.name)]
    if "all" in chosen:
        chosen = list(catalogue.VOICES)
    states = [[catalogue.voice_state_address(config.name, voice)] for voice in chosen]
    return catalogue.model_files(config) + states
