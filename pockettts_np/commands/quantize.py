"""pockettts-np quantize: a model in, the same with int8 weights as one file out."""

import argparse
import logging
from pathlib import Path
from typing import Any

from ..files.writing import require_writable
from ..hub.catalogue import BUILTIN, DEFAULT_LANGUAGE, default_voice
from ..hub.voices import require_voice
from .terminal.options import add_model_command

logger = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_model_command(
        commands,
        "quantize",
        quantize,
        "Write a model with int8 weights, and a voice, as one file, which --model then takes.",
    ).add_argument
    add("out", metavar="OUT", help=".safetensors to write")
    add(
        "--voice",
        action="append",
        help="the voice to put into the file, as for generate; default: of a released model, its own; may be repeated: "
        "each is then had by its name, or its file's, and the first is the default",
    )


def quantize(args: argparse.Namespace) -> None:
    if Path(args.out).suffix != ".safetensors":
        raise ValueError(f"{args.out} must end in .safetensors, by which a model in one file is known.")
    require_writable(args.out)
    quantize_model_of(args, args.out)
    logger.info("%s written", args.out)


def quantize_model_of(args: argparse.Namespace, path: str | Path) -> None:
    """Write the model that the arguments name with the voices that they name, or with its own."""
    from ..model import quantize_model

    if args.language is None and args.config is None:  # the built-in one is quantised already
        args.language = DEFAULT_LANGUAGE
    for given in args.voice or []:
        require_voice(given)
    quantize_model(path, args.language, args.config, _voices(args))


def _voices(args: argparse.Namespace) -> str | dict[str, str] | None:
    """One voice as it is, several by their names. ValueError: two of one name."""
    given: list[str] = args.voice or []
    if not given:
        return None if args.language in (None, BUILTIN) else default_voice(args.language)
    if len(given) == 1:
        return given[0]
    named = {Path(voice).stem: voice for voice in given}
    if len(named) < len(given):
        raise ValueError("Two of the voices have one name; rename a file.")
    return named
