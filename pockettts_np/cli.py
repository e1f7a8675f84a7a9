"""The command pockettts-np: arguments in, files out. Options and defaults are those of pocket-tts 4.0.1.

Exit status: 0 done, 1 an error (one sentence on stderr), 2 wrong usage, 130 Ctrl-C, 141 the reader of stdout
left, 143 terminated. An output file appears only once complete.
"""

import argparse
import logging
import math
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from .audio import RECORDING_SUFFIXES, WRITE_ERRORS, Samples, WavStream, replacing_file
from .catalogue import VOICES, default_text, default_voice
from .terminal import Progress, leave_on_sigterm, log_to_stderr, sentence
from .version import __version__

if TYPE_CHECKING:
    from .model import TTSModel

PROGRAM = "pockettts-np"
CLOSING_SILENCE_SECONDS = 0.2
_MAX_TEXT_BYTES = 10_000_000
_ADDRESS = ("hf://", "https://", "http://")

# Command line options that say how to load a model, and what load_model calls them.
_LOAD_OPTIONS = {
    "language": "language",
    "config": "config",
    "temperature": "temp",
    "sampler_decode_steps": "sampler_decode_steps",
    "noise_clamp": "noise_clamp",
    "eos_threshold": "eos_threshold",
    "quantize": "quantize",
}

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. SystemExit: wrong usage, --help, --version."""
    args = build_parser().parse_args(argv)
    with log_to_stderr(args.quiet), leave_on_sigterm():
        try:
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


def generate(args: argparse.Namespace) -> None:
    """Speak a text into a WAV file or to standard output."""
    text = _text_to_speak(args)
    if args.voice is not None:
        _require_voice(args.voice)
    with _output(args.output_path) as file:
        model = load_tts_model(args)
        state = _voice(model, args)
        chunks = model.generate_audio_stream(
            state, text, max_tokens=args.max_tokens, frames_after_eos=args.frames_after_eos, noise=args.seed
        )
        progress = Progress(model.sample_rate, model.config.mimi.frame_samples, shown=not args.quiet)
        with closing(progress), closing(cast("Generator[Samples]", chunks)):
            _write_speech(file, progress.watch(chunks), model.sample_rate)
    where = "standard output" if args.output_path == "-" else args.output_path
    logger.info("%s written: %s", where, progress)


def _voice(model: "TTSModel", args: argparse.Namespace) -> Any:
    """The voice asked for; else that of the language, or the model's own where it can take no other."""
    custom = args.config is not None
    if args.voice is None and custom and not model.has_voice_cloning:
        return model.get_initial_state()
    return model.get_state_for_audio_prompt(args.voice or default_voice(args.language, custom=custom))


def export_voice(args: argparse.Namespace) -> None:
    """Save the voice of one recording, or of every recording in a folder."""
    pairs = _voices_to_export(args.audio, Path(args.out))
    model = load_tts_model(args)
    failed = []
    for source, target in pairs:
        try:
            save_voice(model.get_state_for_audio_prompt(source, truncate=True), target)
            logger.info("%s written", target)
        except (OSError, ValueError) as error:
            if len(pairs) == 1:
                raise
            failed.append(source)
            logger.error("%s", sentence(error))
    if failed:
        raise ValueError(f"{len(failed)} of {len(pairs)} recordings gave no voice: {', '.join(failed)}.")


def quantize(args: argparse.Namespace) -> None:
    """Write a model with int8 weights as one file, which --config then takes."""
    from .model import quantize_model

    if Path(args.out).suffix != ".safetensors":
        raise ValueError(f"{args.out} must end in .safetensors, by which a model in one file is known.")
    _require_writable(Path(args.out))
    quantize_model(args.out, args.language, args.config)
    logger.info("%s written", args.out)


def warmup(args: argparse.Namespace) -> None:
    """Compile the kernels that a model needs, so that the first speech does not wait for it."""
    model = load_tts_model(args)
    voice = model.flow_lm.init_state()
    for frame, _ in enumerate(model.generate_audio_stream(voice, "Hello world, this is a test.", noise=0)):
        if frame > model.config.mimi.frame_stride // 4:
            break
    logger.info("The kernels are compiled and stored.")


def load_tts_model(args: argparse.Namespace) -> "TTSModel":
    """The model that the arguments ask for. Importing it takes a moment, so it happens here."""
    from .model import TTSModel

    given: dict[str, Any] = {
        _LOAD_OPTIONS[option]: value
        for option, value in vars(args).items()
        if option in _LOAD_OPTIONS and value is not None and value is not False
    }
    return TTSModel.load_model(**given)


def save_voice(state: Any, path: Path) -> None:
    """Write a voice state."""
    from .voice import export_model_state

    export_model_state(state, path)


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Text and a voice in, speech out.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_generate(commands)
    _add_export_voice(commands)
    _add_command(commands, "quantize", quantize).add_argument("out", metavar="OUT", help=".safetensors to write")
    add = _add_command(commands, "warmup", warmup).add_argument
    add("--quantize", action=argparse.BooleanOptionalAction, default=False, help="the kernels for int8 weights")
    return parser


def _add_command(commands: Any, name: str, command: Callable[[argparse.Namespace], None]) -> Any:
    """A subcommand with the options that all of them have."""
    parser = commands.add_parser(name, help=command.__doc__, description=command.__doc__, allow_abbrev=False)
    parser.set_defaults(command=command)
    parser.add_argument("-q", "--quiet", action="store_true", help="only errors on standard error")
    parser.add_argument("--traceback", action="store_true", help="show where in the program an error arose")
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--language",
        help="a released model: english (the default), french, german_24l, english_2m_2026-10, …",
    )
    model.add_argument(
        "--config",
        help="another model: its .yaml or .toml, or a file made by quantize; a path, https:// or hf:// address",
    )
    return parser


def _add_generate(commands: Any) -> None:
    add = _add_command(commands, "generate", generate).add_argument
    add("--text", help="what to say; - reads standard input (UTF-8); default: a greeting in the language")
    add(
        "--voice",
        help="whom to sound like: a name such as alba, a recording to clone, or what export-voice saved; "
        "a path, https:// or hf:// address; default: a voice of the language",
    )
    add("--output-path", default="./tts_output.wav", help="WAV file; - is standard output (%(default)s)")
    add("--seed", type=_whole(0), help="the same seed gives the same speech; default: a new one each time")
    add("--temperature", type=_number(0), help="how varied the speech is; default: the model's own, often 0.3")
    add("--sampler-decode-steps", type=_whole(1), default=1, help="sampler steps a frame (%(default)s)")
    add("--lsd-decode-steps", type=_whole(1), help=argparse.SUPPRESS)
    add("--noise-clamp", type=_number(0), help="largest noise, in standard deviations; default: no limit")
    add("--eos-threshold", type=_number(), help="logit from which speech ends; default: the model's, often -4")
    add("--frames-after-eos", type=_whole(0), help="frames to go on after that; default: by text length")
    add("--max-tokens", type=_whole(1), default=50, help="longest piece of text at once (%(default)s)")
    add("--quantize", action=argparse.BooleanOptionalAction, default=False, help="int8 weights: less memory")
    add("--device", type=_cpu, default="cpu", help="cpu, the only one")
    add("--checkpoint", type=_no_checkpoint, help=argparse.SUPPRESS)


def _add_export_voice(commands: Any) -> None:
    add = _add_command(commands, "export-voice", export_voice).add_argument
    add("audio", metavar="AUDIO", help="recording (the first 30 seconds count), or a folder of recordings")
    add("out", metavar="OUT", help=".safetensors file to write, or a folder")


def _whole(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        with suppress(ValueError):
            if int(text) >= minimum:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {minimum}")

    return parse


def _number(minimum: float = -math.inf) -> Callable[[str], float]:
    def parse(text: str) -> float:
        with suppress(ValueError):
            if math.isfinite(float(text)) and float(text) >= minimum:
                return float(text)
        wanted = "a number" if minimum == -math.inf else f"a number of at least {minimum:g}"
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")

    return parse


def _cpu(text: str) -> str:
    if text != "cpu":
        raise argparse.ArgumentTypeError(f"{text!r} cannot be used: this program runs on the CPU alone")
    return text


def _no_checkpoint(text: str) -> str:
    raise argparse.ArgumentTypeError(
        f"{text!r} cannot be read: training checkpoints (.pt) need torch; convert the weights to "
        ".safetensors and name them in a --config file"
    )


def _text_to_speak(args: argparse.Namespace) -> str:
    if args.lsd_decode_steps is not None:
        logger.warning("--lsd-decode-steps is deprecated, use --sampler-decode-steps")
        args.sampler_decode_steps = args.lsd_decode_steps
    text = default_text(args.language) if args.text is None else args.text
    if text == "-":
        text = _standard_input()
    if not text.strip():
        raise ValueError("There is nothing to say: the text is empty or all white space.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("The text holds bytes that are not UTF-8; convert it first.")
    return str(text)


def _standard_input() -> str:
    data = sys.stdin.buffer.read(_MAX_TEXT_BYTES + 1)
    if len(data) > _MAX_TEXT_BYTES:
        raise ValueError(f"Standard input holds more than {_MAX_TEXT_BYTES} bytes; give the text in parts.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Standard input is not UTF-8 text: byte {data[error.start]:#04x} at position {error.start}; "
            "convert it first."
        ) from None


def _require_voice(voice: str) -> None:
    """Refuse what can be no voice before the model is loaded."""
    if voice in VOICES or voice.startswith(_ADDRESS):
        return
    if Path(voice).is_dir():
        raise IsADirectoryError(f"{voice} is a folder; name one recording or saved voice in it.")
    if not Path(voice).exists():
        raise FileNotFoundError(
            f"There is no voice {voice}: it is neither a file nor one of the names {', '.join(VOICES)}."
        )


def _voices_to_export(audio: str, out: Path) -> list[tuple[str, Path]]:
    """Recordings and the files for their voices, checked before the model is loaded."""
    if audio in VOICES or not Path(audio).is_dir():
        _require_voice(audio)
        target = out / f"{Path(audio).stem}.safetensors" if out.is_dir() else out
        if target.suffix != ".safetensors":
            raise ValueError(f"{out} must end in .safetensors, by which a saved voice is known.")
        _require_writable(target)
        return [(audio, target)]
    sources = sorted(p for p in Path(audio).iterdir() if p.suffix.lower() in RECORDING_SUFFIXES and p.is_file())
    if not sources:
        raise ValueError(f"{audio} holds no recordings ({', '.join(RECORDING_SUFFIXES)}).")
    targets = {out / f"{source.stem}.safetensors": source for source in sources}
    if len(targets) < len(sources):
        raise ValueError(f"{audio} holds recordings that differ in their ending only; their voices would clash.")
    out.mkdir(parents=True, exist_ok=True)
    _require_writable(next(iter(targets)))
    return [(str(source), target) for target, source in targets.items()]


def _require_writable(target: Path) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target} cannot be written: there is no folder {target.parent}.")
    try:
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(target)) from None


@contextmanager
def _output(path: str) -> Iterator[BinaryIO]:
    """The file to write, or standard output for "-"; opened before any work is done."""
    if path != "-":
        with replacing_file(path) as file:
            yield file
        return
    if sys.stdout.isatty():
        raise ValueError("Standard output is a terminal, which cannot take a WAV; name a file or a pipe.")
    try:
        yield sys.stdout.buffer
    except OSError as error:
        if error.errno in WRITE_ERRORS:
            error.filename = "standard output"
        # What could not be written must not be tried again when the interpreter ends.
        with suppress(OSError), open(os.devnull, "wb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        raise


def _write_speech(file: BinaryIO, chunks: Iterable[Samples], rate_hz: int) -> None:
    stream = WavStream(file, rate_hz)
    for chunk in chunks:
        stream.write(chunk)
    stream.write(np.zeros(int(CLOSING_SILENCE_SECONDS * rate_hz)))
    stream.close()
