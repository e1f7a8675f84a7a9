"""pockettts-np export-voice: recordings in, saved voices out."""

import argparse
import logging
from pathlib import Path
from typing import Any

from ..audio.foreign import FOREIGN_SUFFIXES
from ..audio.recording import RECORDING_SUFFIXES
from ..errors import sentence
from ..files.writing import require_writable
from ..hub.voices import CatalogueVoice, voice_of
from .terminal import options
from .terminal.options import add_model_command

logger = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_model_command(
        commands, "export-voice", export_voice, "Save the voice of one recording, or of every recording in a folder."
    ).add_argument
    add("audio", metavar="AUDIO", help="recording (the first 30 seconds count), or a folder of recordings")
    add("out", metavar="OUT", help=".safetensors file to write, or a folder")
    options.add_threads_option(add)


def export_voice(args: argparse.Namespace) -> None:
    pairs = _voices_to_export(args)
    options.choose_language(args, [args.audio])
    model = options.load_tts_model(args)
    failed = []
    for source, target in pairs:
        try:
            save_voice(model.get_state_for_audio_prompt(source, truncate=True), target, model.config.name)
            logger.info("%s written", target)
        except (OSError, ValueError) as error:
            if len(pairs) == 1:
                raise
            failed.append(source)
            logger.error("%s", sentence(error))
    if failed:
        raise ValueError(f"{len(failed)} of {len(pairs)} recordings gave no voice: {', '.join(failed)}.")


def save_voice(state: Any, path: Path, model_name: str) -> None:
    """Write a voice state."""
    from ..loading.voice import export_model_state

    export_model_state(state, path, model_name)


def _voices_to_export(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Recordings and the files for their voices, checked before the model is loaded."""
    audio, out = args.audio, Path(args.out)
    if not Path(audio).is_dir() or isinstance(voice_of(audio), CatalogueVoice):
        options.require_voice(args, audio)
        target = out / f"{Path(audio).stem}.safetensors" if out.is_dir() else out
        if target.suffix != ".safetensors":
            raise ValueError(f"{out} must end in .safetensors, by which a saved voice is known.")
        require_writable(target)
        return [(audio, target)]
    sources = sorted(p for p in Path(audio).iterdir() if p.suffix.lower() in RECORDING_SUFFIXES and p.is_file())
    if not sources:
        wanted = ", ".join(RECORDING_SUFFIXES)
        raise ValueError(f"{audio} holds no recordings ({wanted}); convert others first: ffmpeg -i x.m4a x.wav.")
    if others := sorted(p.name for p in Path(audio).iterdir() if p.suffix.lower() in FOREIGN_SUFFIXES):
        logger.warning("left out, convert them first (ffmpeg -i x.m4a x.wav): %s", ", ".join(others))
    targets = {out / f"{source.stem}.safetensors": source for source in sources}
    if len(targets) < len(sources):
        raise ValueError(f"{audio} holds recordings that differ in their ending only; their voices would clash.")
    out.mkdir(parents=True, exist_ok=True)
    require_writable(next(iter(targets)))
    return [(str(source), target) for target, source in targets.items()]
