"""What commands share: their options, the model they load, and checks of the files they name."""

import argparse
import math
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...hub import voices
from ...hub.catalogue import default_language
from ...threads.cores import THREADS_ALLOWED

if TYPE_CHECKING:
    from ...model import TTSModel

Command = Callable[[argparse.Namespace], None]

# Command line options that say how to load a model, and what load_model calls them.
_LOAD_OPTIONS = {
    "language": "language",
    "config": "config",
    "temperature": "temp",
    "sampler_decode_steps": "sampler_decode_steps",
    "noise_clamp": "noise_clamp",
    "eos_threshold": "eos_threshold",
    "quantize": "quantize",
    "normalize": "normalize",
    "lexicon": "lexicon",
    "threads": "threads",
}
# Arguments that name a file, a folder, a model or a voice.
_NAMES = (
    "language",
    "config",
    "voice",
    "output_path",
    "subtitles",
    "audio",
    "manifest",
    "file",
    "out",
    "wheel",
    "cluster",
)


def add_command(commands: Any, name: str, command: Command, what: str) -> argparse.ArgumentParser:
    """A subcommand with the options that all of them have; `what` it does is its help."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
    parser.set_defaults(command=command)
    parser.add_argument("-q", "--quiet", action="store_true", help="only errors on standard error")
    parser.add_argument("--traceback", action="store_true", help="show where in the program an error arose")
    return parser


def add_model_command(commands: Any, name: str, command: Command, what: str) -> argparse.ArgumentParser:
    """A subcommand that loads a model."""
    parser = add_command(commands, name, command, what)
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--language",
        help="a model by name: english, french, german_24l, english_2m_2026-10, ..., or builtin, the small English one "
        "that needs no download; default: the one whose voice is named, else english if in the cache, else builtin",
    )
    model.add_argument(
        "--config",
        "--model",
        metavar="FILE",
        help="another model: a file made by quantize, or a .yaml or .toml; a path, https:// or hf:// address",
    )
    return parser


def add_reading_options(add: Any, default: str) -> None:
    """The options that say how texts are read; `default` says whether numbers are spelled out without them."""
    add(
        "--normalize",
        action=argparse.BooleanOptionalAction,
        help=f"read Markdown, HTML, numbers, dates, money and abbreviations as a person reads them; {default}",
    )
    add(
        "--text-language",
        metavar="LANGUAGE",
        help="language to read numbers in, such as german; implies --normalize; default: the model's",
    )
    add(
        "--lexicon",
        action="append",
        metavar="FILE",
        help="own pronunciations, a line such as `nginx = engine x` each; may be given several times",
    )


def settle_reading(args: argparse.Namespace) -> None:
    """Make of the options what `load_model` takes, before a model is loaded. Errors as `Reading.given`."""
    from ...language.reading import Reading

    if args.text_language is not None and args.normalize is not False:
        args.normalize = args.text_language
    reading = Reading.given(args.normalize or False, args.lexicon)
    if args.language is not None:
        reading.of(args.language).require()
    args.lexicon = reading.lexicons or None


def add_threads_option(add: Callable[..., Any]) -> None:
    """Of a command that speaks or clones."""
    add(
        "--threads",
        type=whole(1, THREADS_ALLOWED),
        metavar="N",
        help="threads that work at one speech; default: POCKETTTS_NP_THREADS, else one a usable core, at most four",
    )


def choose_language(args: argparse.Namespace, named: Collection[str]) -> None:
    """Name the model where the user did not: the one that the voices which are named are of."""
    if args.language is not None or args.config is not None:
        return
    if not named:
        args.language = default_language()
        return
    from ...loading.own_voices import language_of

    args.language = language_of(named)


def require_voice(args: argparse.Namespace, voice: str) -> None:
    """Refuse what can be no voice of the model that the arguments name, or if none, of any. Errors as
    `hub.voices.require_voice`, and those of a model in one file that cannot be read."""
    from ...loading.own_voices import own_voices

    voices.require_voice(voice, own_voices(args.language, args.config))


def load_tts_model(args: argparse.Namespace) -> "TTSModel":
    """The model that the arguments ask for. Importing it takes a moment, so it happens here."""
    from ...model import TTSModel

    return TTSModel.load_model(**load_arguments(args))


def load_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `TTSModel.load_model` that the command line names."""
    return {
        _LOAD_OPTIONS[option]: value
        for option, value in vars(args).items()
        if option in _LOAD_OPTIONS and value is not None and value is not False
    }


def require_named(args: argparse.Namespace) -> None:
    """Refuse empty names, as of a shell's variable that is not set; some would be taken for the current folder."""
    for name in _NAMES:
        given = vars(args).get(name)
        if given == "" or (isinstance(given, list) and "" in given):
            raise ValueError(f"{name.replace('_', '-')} is empty; name something, or leave the option out.")


def whole(minimum: int, maximum: float = math.inf) -> Callable[[str], int]:
    """Reads a whole number."""

    def parse(text: str) -> int:
        with suppress(ValueError):
            if minimum <= int(text) <= maximum:
                return int(text)
        wanted = f"of at least {minimum}" if maximum == math.inf else f"from {minimum} to {maximum}"
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {wanted}")

    return parse


def number(minimum: float = -math.inf) -> Callable[[str], float]:
    """Reads a finite number."""

    def parse(text: str) -> float:
        with suppress(ValueError):
            if math.isfinite(float(text)) and float(text) >= minimum:
                return float(text)
        wanted = "a number" if minimum == -math.inf else f"a number of at least {minimum:g}"
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")

    return parse
