"""pockettts-np bundle: the package, a model and a voice as one folder, to copy to a device."""

import argparse
import json
import logging
import shutil
import zipfile
import zlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..files.writing import new_folder
from ..hub import fetch
from ..hub.catalogue import BUILTIN
from ..kernels.prebuilt.processor import level_of
from ..loading.own_voices import language_of
from ..version import __version__
from .quantize import quantize_model_of
from .terminal.options import add_model_command

logger = logging.getLogger(__name__)

PACKAGE = __package__.partition(".")[0]
LIBRARIES = "kernels/prebuilt/libraries"
REQUIRED = ("numpy>=2.0", "safetensors>=0.4", "sentencepiece>=0.2", "soundfile>=0.13")

_REQUIREMENTS = f"""\
# What pockettts_np {__version__} needs beside it. On a device with a network:
#     python3 -m pip install -r requirements.txt
# Ahead of time, on another machine, put into this folder what the device needs, for example:
#     pip install --target . --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 \\
#         --python-version 3.11 --only-binary :all: -r requirements.txt
"""

_MAIN = '''\
"""Speak: python3 FOLDER --text "Hello world." (options as of `pockettts-np generate`), or another command."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BUILTIN = {builtin}
MODEL = FOLDER / "model.safetensors"

try:
    from pockettts_np.__main__ import main
except ModuleNotFoundError as error:
    sys.exit(f"The package {error.name} is missing: {sys.executable} -m pip install -r {FOLDER / 'requirements.txt'}")

arguments = sys.argv[1:]
if not arguments or arguments[0].startswith("-"):
    model = ["--model", str(MODEL)] if MODEL.is_file() else BUILTIN
    arguments = ["generate", *model, *arguments]
sys.exit(main(arguments))
'''


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_model_command(
        commands,
        "bundle",
        bundle,
        "Put the package, and a model with int8 weights and a voice, into one folder to copy to a device. Without a "
        "model or a voice, it speaks with the built-in one.",
    ).add_argument
    add("out", metavar="DIR", help="folder to make; one that is there must be empty")
    add(
        "--voice",
        action="append",
        help="the voice to put into the folder, as for generate; default: of a released model, its own; may be "
        "repeated, as for quantize",
    )
    add(
        "--wheel", metavar="FILE", help="take the package from this wheel, such as one built for the device's processor"
    )


def bundle(args: argparse.Namespace) -> None:
    """Make the folder. It appears only once complete."""
    with new_folder(args.out) as folder:
        _copy_package(args.wheel, folder / PACKAGE)
        is_builtin, builtin = _is_builtin(args), ["--language", BUILTIN]
        if is_builtin and args.voice:
            builtin += ["--voice", args.voice[0]]
        (folder / "__main__.py").write_text(_MAIN.replace("{builtin}", json.dumps(builtin)), encoding="utf-8")
        (folder / "requirements.txt").write_text("\n".join([_REQUIREMENTS.rstrip(), *REQUIRED, ""]), encoding="utf-8")
        if not is_builtin:
            _put_model(args, folder / "model.safetensors")
        kernels = ", ".join(sorted(level_of(path.name) for path in (folder / PACKAGE / LIBRARIES).glob("*")))
    logger.info('%s written. On the device: python3 %s --text "…"', args.out, Path(args.out).name)
    if kernels:
        logger.info("It holds kernels for %s.", kernels)
    else:
        logger.warning(
            "It holds no compiled kernels: without Numba there, NumPy computes everything, which is slower. "
            "A wheel that holds them is named with --wheel."
        )


def _is_builtin(args: argparse.Namespace) -> bool:
    """Whether the folder speaks with the built-in model, which the package brings with all of its voices."""
    if args.config or args.language not in (None, BUILTIN):
        return False
    return not args.voice or language_of(args.voice) == BUILTIN


def _put_model(args: argparse.Namespace, path: Path) -> None:
    """A model that is one file already is copied, any other is quantised."""
    if args.config and Path(args.config).suffix == ".safetensors" and args.voice is None:
        from ..loading.model_source import open_source

        given = fetch.local_path(args.config)
        open_source(given)  # which refuses what is no whole model
        shutil.copyfile(given, path)
    else:
        quantize_model_of(args, path)


def _copy_package(wheel: str | None, target: Path) -> None:
    """This package, or that of a wheel. ValueError: the wheel is damaged, of another version, or no wheel of it."""
    if wheel is None:
        _copy(files(PACKAGE), target)
        return
    with Path(wheel).open("rb") as file:
        try:
            package = zipfile.Path(file, f"{PACKAGE}/")
            version = (package / "version.py").read_text(encoding="utf-8")
            _copy(package, target)
        except (zipfile.BadZipFile, zlib.error, KeyError, FileNotFoundError):
            raise ValueError(f"{wheel} is no wheel of {PACKAGE}, or it is damaged.") from None
    if f'"{__version__}"' not in version:
        raise ValueError(f"{wheel} is not of version {__version__}, as this program is; build both from one source.")


def _copy(source: Traversable, target: Path) -> None:
    """A folder with all that is in it, except what Python and Numba have compiled."""
    target.mkdir()
    for item in source.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            _copy(item, target / item.name)
        elif item.is_file():
            (target / item.name).write_bytes(item.read_bytes())
