"""pockettts-np generate: text and a voice in, speech out."""

import argparse
import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from ..audio.samples import Samples
from ..config.load import load_config, released_models
from ..files.writing import require_writable
from ..hub.catalogue import default_text
from ..timing.letters import Word
from ..timing.subtitles import require_format as require_subtitles
from ..timing.subtitles import write_subtitles
from .terminal import options, output, standard_input
from .terminal.options import add_model_command, number, whole
from .terminal.progress import Progress
from .terminal.speaking import add_speaking_options, folder, speaking_of, voice_files

if TYPE_CHECKING:
    from ..loading.voice import VoiceState
    from ..model import TTSModel
    from ..timing.timestamps import TimedAudio

_NOTHING_TO_SAY = "There is nothing to say: the text is empty or all white space."

logger = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_model_command(
        commands, "generate", generate, "Speak a text into a sound file, to standard output or to the loudspeaker."
    ).add_argument
    add("words", nargs="*", metavar="TEXT", help="what to say, as --text")
    add(
        "--text",
        help="what to say, pauses such as [pause:500ms] included; - reads standard input (UTF-8); default: a greeting "
        "in the language",
    )
    add("--follow", action="store_true", help="speak standard input while it is written, each sentence once complete")
    options.add_reading_options(add, "default: as the reference prepares a text")
    add("--ssml", action="store_true", help="the text is a document of SSML: <speak>…</speak>")
    add(
        "--voice",
        help="whom to sound like: a name such as alba, a recording to clone, or what export-voice saved; "
        "a path, https:// or hf:// address; default: a voice of the model",
    )
    add("--voices", type=folder, metavar="DIR", help="folder of voices that the text may call by name: [voice:NAME]")
    output.add_options(add)
    add_speaking_options(add)
    add("--subtitles", metavar="FILE", help="write when each word is spoken: .srt, .vtt, or .json for single words")
    add("--seed", type=whole(0), help="the same seed gives the same speech; default: a new one each time")
    add("--temperature", type=number(0), help="how varied the speech is; default: the model's own, often 0.3")
    add("--sampler-decode-steps", type=whole(1), default=1, help="sampler steps a frame (%(default)s)")
    add("--lsd-decode-steps", type=whole(1), help=argparse.SUPPRESS)
    add("--noise-clamp", type=number(0), help="largest magnitude of the noise; default: no limit")
    add("--eos-threshold", type=number(), help="logit from which speech ends; default: the model's, often -4")
    add("--frames-after-eos", type=whole(0), help="frames to go on after that; default: by text length")
    add("--max-tokens", type=whole(1), default=50, help="longest piece of text at once (%(default)s)")
    add("--quantize", action=argparse.BooleanOptionalAction, default=False, help="int8 weights: less memory")
    options.add_threads_option(add)
    add("--device", type=_cpu, default="cpu", help="cpu, the only one")
    add("--checkpoint", type=_no_checkpoint, help=argparse.SUPPRESS)


def generate(args: argparse.Namespace) -> None:
    output.check(args)
    _check_subtitles(args)
    options.settle_reading(args)
    gaps, loudness = speaking_of(args)
    voices = None if args.voices is None else voice_files(args.voices)
    if args.voice is not None:
        options.require_voice(args, args.voice)
    options.choose_language(args, [args.voice] if args.voice else [])
    _check_timestamps(args)
    text = _text_to_speak(args)
    with output.opened(args.output_path) as file:
        model = options.load_tts_model(args)
        model.gaps, model.loudness, model.voices = gaps, loudness, voices
        state = model.get_state_for_audio_prompt(args.voice) if args.voice else model.get_default_voice()
        words: list[Word] = []
        chunks = _speech(model, state, text, args, words)
        progress = Progress(model.sample_rate, model.config.mimi.frame_samples, shown=not args.quiet)
        with closing(progress), closing(chunks):
            output.write(args, file, _some(progress.watch(chunks)), model.sample_rate)
    if args.subtitles is not None:
        write_subtitles(args.subtitles, words, args.speed)
    logger.info("%s: %s", output.done(args), progress)


def _cpu(text: str) -> str:
    if text != "cpu":
        raise argparse.ArgumentTypeError(f"{text!r} cannot be used: this program runs on the CPU alone")
    return text


def _no_checkpoint(text: str) -> str:
    from ..model import NO_CHECKPOINT

    raise argparse.ArgumentTypeError(NO_CHECKPOINT.format(path=text))


def _text_to_speak(args: argparse.Namespace) -> str | Iterator[str]:
    if args.lsd_decode_steps is not None:
        logger.warning("--lsd-decode-steps is deprecated, use --sampler-decode-steps")
        args.sampler_decode_steps = args.lsd_decode_steps
    if args.follow:
        if args.ssml:
            raise ValueError("--ssml needs the whole document beforehand, --follow has it only in the end; drop one.")
        if args.text not in (None, "-") or args.words not in ([], ["-"]):
            raise ValueError("--follow reads standard input, so it takes no text but --text -; leave one of them out.")
        return _not_blank(standard_input.read_pieces())
    if args.words and args.text is not None:
        words = " ".join(args.words)
        raise ValueError(f"The text is given twice, as {words[:50]!r} and by --text; leave one of them out.")
    if args.words:
        args.text = " ".join(args.words)
    text = default_text(args.language) if args.text is None else args.text
    if text == "-":
        text = standard_input.read_text()
    if not text.strip():
        raise ValueError(_NOTHING_TO_SAY)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("The text holds bytes that are not UTF-8; convert it first.")
    return str(text)


def _check_subtitles(args: argparse.Namespace) -> None:
    if args.subtitles is None:
        return
    require_subtitles(args.subtitles)
    require_writable(args.subtitles)


def _check_timestamps(args: argparse.Namespace) -> None:
    """Refuse a released model whose heads are not known before it is fetched."""
    if args.subtitles is None or args.language not in released_models():
        return
    if not load_config(args.language).timestamp_heads:
        from ..model import NO_TIMESTAMPS

        raise ValueError(NO_TIMESTAMPS.format(name=args.language))


def _speech(
    model: "TTSModel", voice: "VoiceState", text: str | Iterator[str], args: argparse.Namespace, words: list[Word]
) -> Generator[Samples]:
    """The samples of a text; `words` gets the words, if subtitles are asked for."""
    given: dict[str, Any] = {"frames_after_eos": args.frames_after_eos, "noise": args.seed}
    if args.subtitles is not None:
        given["timestamps"] = True
    pieces: Generator[Samples] | Generator[TimedAudio]
    if args.ssml:
        script = model.script(str(text), args.max_tokens, ssml=True)
        pieces = model.generate_audio_stream(voice, script, **given)
    else:
        speak: Any = model.generate_audio_stream if isinstance(text, str) else model.generate_from
        pieces = speak(voice, text, max_tokens=args.max_tokens, **given)
    with closing(pieces):
        for piece in pieces:
            if isinstance(piece, np.ndarray):
                yield piece
            else:
                words += piece.words
                yield piece.samples


def _some(chunks: Iterable[Samples]) -> Iterator[Samples]:
    """Refuse speech without any sound, as of emoji alone; of a text that is still written this is known at its end."""
    is_silent = True
    for chunk in chunks:
        is_silent = is_silent and len(chunk) == 0
        yield chunk
    if is_silent:
        from ..conditioners.text import NothingToSpeakError

        raise NothingToSpeakError


def _not_blank(pieces: Iterable[str]) -> Iterator[str]:
    blank = True
    for piece in pieces:
        blank = blank and not piece.strip()
        yield piece
    if blank:
        raise ValueError(_NOTHING_TO_SAY)
