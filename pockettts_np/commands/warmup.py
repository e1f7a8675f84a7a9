"""pockettts-np warmup: compile ahead of the first speech."""

import argparse
import logging
from typing import Any

from .terminal import options
from .terminal.options import add_model_command

logger = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_model_command(
        commands,
        "warmup",
        warmup,
        "Compile the kernels that a model needs, so that the first speech does not wait for it.",
    ).add_argument
    add("--quantize", action=argparse.BooleanOptionalAction, default=False, help="the kernels for int8 weights")


def warmup(args: argparse.Namespace) -> None:
    model = options.load_tts_model(args)
    voice = model.flow_lm.init_state()
    for frame, _ in enumerate(model.generate_audio_stream(voice, "Hello world, this is a test.", noise=0)):
        if frame > model.config.mimi.frame_stride // 4:
            break
    logger.info("The kernels are compiled and stored.")
