"""What the commands that serve share: their options, and the service that they open."""

import argparse
import importlib
import logging
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...files.memory import read_into_memory
from ...hub import fetch
from ..terminal import options
from ..terminal.options import whole
from ..terminal.speaking import add_speaking_options, folder, speaking_of

if TYPE_CHECKING:
    from ...loading.voice import VoiceState
    from ...model import TTSModel
    from ...server.limits import Limits
    from ...server.service import Service

logger = logging.getLogger(__name__)


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Options of the model, the voices and the limits."""
    add = parser.add_argument
    options.add_reading_options(add, "default: for English; callers may say otherwise")
    add("--quantize", action=argparse.BooleanOptionalAction, default=False, help="int8 weights: less memory")
    options.add_threads_option(add)
    add("--default-voice", metavar="VOICE", help="for callers that name none; as generate's --voice")
    add_speaking_options(add)
    add("--voices", type=folder, metavar="DIR", help="folder of voices to offer by name: saved ones, or recordings")
    add(
        "--workers",
        type=whole(1, 256),
        metavar="N",
        help="speeches made at once; default: 8, 4 on a single core, one a core beyond 8",
    )
    add("--queue", type=whole(0, 10_000), metavar="N", help="callers that may wait for one; more are turned away (16)")
    add("--max-text", type=whole(1, 1_000_000), metavar="N", help="longest text, in characters (10000)")


def require_extra(module: str, extra: str) -> None:
    """ImportError, with what to do, where an optional dependency is missing."""
    try:
        importlib.import_module(module)
    except ImportError:
        raise ImportError(f'This command needs more: pip install "pockettts-np[{extra}]"') from None


def limits_of(args: argparse.Namespace, **more: Any) -> "Limits":
    """The limits that the arguments give."""
    from ...server.limits import Limits

    given = {"n_workers": args.workers, "n_waiting": args.queue, "text_characters": args.max_text, **more}
    return Limits(**{name: value for name, value in given.items() if value is not None})


def open_service(args: argparse.Namespace, limits: "Limits", allow_urls: bool = False) -> "Service":
    """The model, loaded and warm, and its voices. Errors as those of loading them."""
    from ...server.service import Service
    from ...server.voices import Voices

    if args.voices is not None and not args.voices.is_dir():
        raise NotADirectoryError(f"There is no folder of voices {args.voices}.")
    if args.default_voice is not None:
        options.require_voice(args, args.default_voice)
    options.settle_reading(args)
    gaps, loudness = speaking_of(args)
    options.choose_language(args, [args.default_voice] if args.default_voice else [])
    if args.config is not None and args.config.endswith(".safetensors"):  # hold it, whatever becomes of the file
        args.config = read_into_memory(fetch.local_path(args.config))
    model = options.load_tts_model(args)
    if args.normalize is None and model.reading.of(model.config.name).is_english:
        model.reading = replace(model.reading, normalize=True)
    model.gaps, model.loudness = gaps, loudness
    if args.default_voice is None:
        voice = model.get_default_voice()
    else:
        voice = model.get_state_for_audio_prompt(args.default_voice, truncate=True)
    _warm_up(model, voice)
    return Service(model, Voices(model, voice, limits, args.voices, allow_urls), limits)


def _warm_up(model: "TTSModel", voice: "VoiceState") -> None:
    """Compile what the first caller would wait for."""
    logger.info("Getting ready.")
    with closing(model.generate_audio_stream(voice, "Hello.", noise=0)) as chunks:
        next(chunks)
