"""Options that say how a loaded model speaks: silence between sentences, loudness, voices that a text calls by name."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import number

if TYPE_CHECKING:
    from ...language.prompts import Gaps


def add_speaking_options(add: Any) -> None:
    """Silence and loudness."""
    add("--sentence-pause", type=number(0), default=0.0, metavar="SECONDS", help="silence after each sentence (none)")
    add("--paragraph-pause", type=number(0), metavar="SECONDS", help="after each paragraph (as after a sentence)")
    add("--loudness", type=number(), metavar="LUFS", help="bring every voice to -60 to -5 LUFS, such as -20")


def speaking_of(args: argparse.Namespace) -> tuple["Gaps", float | None]:
    """The gaps and the loudness for the model. ValueError: a value out of range."""
    from ...language.prompts import Gaps
    from ...synthesis.loudness import require_loudness

    require_loudness(args.loudness)
    return Gaps(args.sentence_pause, args.paragraph_pause), args.loudness


def folder(text: str) -> Path:
    """Reads the name of a folder."""
    if not text:  # which would be the working folder
        raise argparse.ArgumentTypeError("the folder's name is empty")
    return Path(text)


def voice_files(folder: Path) -> dict[str, Path]:
    """The voices of a folder by name: saved ones, or else recordings. NotADirectoryError: there is no such folder."""
    from ...audio.recording import RECORDING_SUFFIXES
    from ...hub.voices import SAVED_SUFFIX

    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder of voices {folder}.")
    paths = [path for path in folder.iterdir() if path.suffix in (*RECORDING_SUFFIXES, SAVED_SUFFIX) and path.is_file()]
    paths.sort(key=lambda path: (path.suffix == SAVED_SUFFIX, path.name))
    return {path.stem: path for path in paths}
