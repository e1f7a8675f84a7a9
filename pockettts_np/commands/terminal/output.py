"""Where a command's speech goes, and in what form: a file, standard output, the loudspeaker."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from typing import Any, BinaryIO

from ...audio.effects import closing_silence, processed, require_processing
from ...audio.encoding import FORMATS, SUFFIXES, format_of, open_sink, require_format
from ...audio.playback import playing, require_player
from ...audio.samples import Samples
from ...files.writing import WRITE_ERRORS, replacing_file
from .options import number, whole

_DEFAULT_PATH = "./tts_output.wav"
_MODEL_HZ = 24_000


def add_options(add: Any) -> None:
    """The options that say what is written or played."""
    add(
        "--output-path",
        help=f"sound file, its format by its ending ({', '.join(SUFFIXES)}); - is standard output; "
        f"default: {_DEFAULT_PATH}, or no file with --play",
    )
    add("--format", choices=FORMATS, help="the format whatever the ending; s16le and f32le: samples without a header")
    add("--rate", type=whole(1), help="samples a second, 8000 to 192000; default: the model's, 24000")
    add("--speed", type=number(), default=1.0, help="0.25 to 4: slower or faster in the same pitch (%(default)s)")
    add("--play", action="store_true", help="play the speech while it is made (pip install 'pockettts-np[play]')")


def prefer_loudspeaker(args: argparse.Namespace) -> None:
    """Play the speech where no file is named and there is a device to play it on."""
    if args.output_path is None and args.format is None and not args.play:
        with suppress(ImportError, OSError):
            require_player()
            args.play = True


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be written or played before the model is loaded."""
    if args.output_path is None and not args.play:
        args.output_path = _DEFAULT_PATH
    if args.format is None:
        args.format = "wav" if args.output_path in (None, "-") else format_of(args.output_path)
    require_processing(args.speed, args.rate)
    require_format(args.format, args.rate or _MODEL_HZ)
    if args.play:
        require_player()


@contextmanager
def opened(path: str | None) -> Iterator[BinaryIO | None]:
    """The file to write, or standard output for "-", or None; opened before any work is done."""
    if path != "-":
        with nullcontext() if path is None else replacing_file(path) as file:
            yield file
        return
    if not hasattr(sys.stdout, "buffer"):
        raise ValueError("Standard output is closed, or takes no bytes; name a file.")
    if sys.stdout.isatty():
        raise ValueError("Standard output is a terminal, which cannot take sound; name a file or a pipe.")
    try:
        yield sys.stdout.buffer
    except OSError as error:
        if error.errno in WRITE_ERRORS:
            error.filename = "standard output"
        # What could not be written must not be tried again when the interpreter ends.
        with suppress(OSError), open(os.devnull, "wb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        raise


def write(args: argparse.Namespace, file: BinaryIO | None, chunks: Iterator[Samples], rate_hz: int) -> None:
    """Write the speech to the file and play it, as the options ask, while it is made."""
    to_hz = args.rate or rate_hz
    with ExitStack() as stack:
        sinks = []
        if args.play:
            sinks.append(stack.enter_context(playing(to_hz)))
        if file is not None:
            sinks.append(stack.enter_context(open_sink(file, args.format, to_hz)))
        blocks = stack.enter_context(closing(processed(chunks, rate_hz, speed=args.speed, to_hz=to_hz)))
        for block in blocks:
            for sink in sinks:
                sink.write(block)
        for sink in sinks:
            sink.write(closing_silence(to_hz))


def done(args: argparse.Namespace) -> str:
    """What became of the speech."""
    if args.output_path is None:
        return "played"
    return f"{'standard output' if args.output_path == '-' else args.output_path} written"
