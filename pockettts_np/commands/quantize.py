"""pockettts-np quantize: a model in, the same with int8 weights as one file out."""

import argparse
import logging
from pathlib import Path
from typing import Any

from ..files.writing import require_writable
from ..hub.catalogue import BUILTIN, default_voice
from ..hub.voices import require_voice
from .terminal import options
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
    add("--voice", help="the voice to put into the file, as for generate; default: of a released model, its own")


def quantize(args: argparse.Namespace) -> None:
    if Path(args.out).suffix != ".safetensors":
        raise ValueError(f"{args.out} must end in .safetensors, by which a model in one file is known.")
    require_writable(args.out)
    quantize_model_of(args, args.out)
    logger.info("%s written", args.out)


def quantize_model_of(args: argparse.Namespace, path: str | Path) -> None:
    """Write the model that the arguments name with the voice that they name, or with its own."""
    from ..model import quantize_model

    options.choose_language(args, needs_voices=True)
    if args.voice is not None:
        require_voice(args.voice)
    elif args.language not in (None, BUILTIN):
        args.voice = default_voice(args.language)
    quantize_model(path, args.language, args.config, args.voice)
