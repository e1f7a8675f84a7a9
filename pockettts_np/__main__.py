"""The command pockettts-np: arguments in, files out. Options and defaults are those of pocket-tts 4.0.1.

Exit status: 0 done, 1 an error (one sentence on stderr), 2 wrong usage, 130 Ctrl-C, 141 the reader of stdout
left, 129, 131 or 143 ended by SIGHUP, SIGQUIT or SIGTERM. An output file appears only once complete.
"""

import argparse
import difflib
import re
import sys
import traceback
from collections.abc import Sequence

from .commands import batch, bundle, download, export_voice, generate, quantize, warmup
from .commands.inspection import bench, cache, info, models, read, voices
from .commands.serving import serve, wyoming
from .commands.terminal.options import require_named
from .commands.terminal.output import prefer_loudspeaker
from .commands.terminal.progress import show_fetching
from .commands.terminal.session import leave_on_signals, log_to_stderr, usable_streams
from .errors import sentence
from .version import __version__

PROGRAM = "pockettts-np"
# What people try first, beside what is close to a command.
_MEANT = {"speak": "generate", "say": "generate", "tts": "generate", "synthesize": "generate", "server": "serve"}
_WORD = re.compile(r"[a-z_-]+")  # in capitals, or with a mark behind it, it is no command
# In the order of --help.
COMMANDS = (
    generate,
    batch,
    read,
    export_voice,
    models,
    voices,
    download,
    info,
    cache,
    quantize,
    bundle,
    warmup,
    bench,
    serve,
    wyoming,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. SystemExit: wrong usage, --help, --version.

    A first argument that is neither a command nor close to one is a text: it is spoken as by `generate`.
    """
    with usable_streams():
        arguments = sys.argv[1:] if argv is None else list(argv)
        parser = build_parser()
        is_text = bool(arguments) and _is_text(arguments[0], parser)
        args = parser.parse_args(["generate", *arguments] if is_text else arguments)
        if is_text:
            prefer_loudspeaker(args)
        return _run(args)


def _is_text(argument: str, parser: argparse.ArgumentParser) -> bool:
    """Whether the first argument is a text to speak rather than a command. SystemExit: it is a command misspelt."""
    if argument.startswith("-") or argument in command_names():
        return False
    if not _WORD.fullmatch(argument):
        return True
    close = [_MEANT[argument]] if argument in _MEANT else difflib.get_close_matches(argument, command_names(), n=1)
    if close:
        parser.error(
            f"there is no command {argument!r}; did you mean {close[0]}? "
            f"To speak the word itself: {PROGRAM} generate {argument}"
        )
    return True


def command_names() -> list[str]:
    """What stands for a command, as the first argument."""
    return [command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS]


def _run(args: argparse.Namespace) -> int:
    with log_to_stderr(args.quiet), leave_on_signals():
        try:
            require_named(args)
            with show_fetching(args.quiet):
                args.command(args)
            return 0
        except KeyboardInterrupt:
            print(f"{PROGRAM}: interrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:
            return 141
        except Exception as error:
            if args.traceback:
                traceback.print_exc()
            print(f"{PROGRAM}: error: {sentence(error)}", file=sys.stderr)
            return 1


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Text and a voice in, speech out.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
