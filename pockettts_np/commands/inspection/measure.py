"""How fast a model speaks here, how soon, and in how much memory; for `pockettts-np bench` and `tools.bench`."""

import math
import os
import platform
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.load import released_models
from ...hub.catalogue import BUILTIN

if TYPE_CHECKING:
    from ...loading.voice import VoiceState
    from ...model import TTSModel

# Long words: a chunk of a text lasts at most as its tokens allow, and of the built-in model has few words.
TEXT = "Understanding extraordinary conversations demonstrates what synthesis accomplishes everywhere."
N_FRAMES = 60  # 4.8 seconds of speech
_STATUS = Path("/proc/self/status")
_PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Speed:
    """Of one speech, or the median of several."""

    times_real_time: float
    first_sound_ms: float


def source_of(name: str) -> dict[str, Any]:
    """What `load_model` calls the name of a released model, or else a file."""
    return {"language" if name in (BUILTIN, *released_models()) else "config": name}


def measured(model: "TTSModel", voice: "VoiceState", threads: int) -> Speed:
    """Speak `N_FRAMES` frames, whatever the weights say of the end of speech.

    ValueError: the model spoke fewer, as its chunks are too short.
    """
    model = replace(model, threads=threads, sampling=replace(model.sampling, eos_threshold=math.inf))
    wanted = N_FRAMES * model.config.mimi.frame_samples
    n_samples, first_s = 0, 0.0
    begin = time.perf_counter()
    with closing(model.generate_audio_stream(voice, TEXT, noise=0)) as pieces:
        for piece in pieces:
            n_samples += len(piece)
            now = time.perf_counter() - begin
            first_s = first_s or now
            if n_samples >= wanted:
                return Speed(n_samples / model.sample_rate / now, 1e3 * first_s)
    raise ValueError(f"The model spoke {n_samples} samples of the text to measure with; wanted {wanted}.")


def medians(speeds: Sequence[Speed]) -> Speed:
    """Of each figure."""
    return Speed(
        statistics.median(speed.times_real_time for speed in speeds),
        statistics.median(speed.first_sound_ms for speed in speeds),
    )


def peak_bytes() -> int:
    """Largest resident size of this process since it began, shared pages of mapped files included."""
    try:
        with _STATUS.open() as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (FileNotFoundError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if platform.system() == "Darwin" else 1024 * peak


def processor_name() -> str:
    """What the processor calls itself, where the system tells; else its architecture."""
    lines = _PROCESSORS.read_text(errors="replace").splitlines() if _PROCESSORS.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    board = facts.get("Model")  # what a Raspberry Pi says instead
    return facts.get("model name") or board or platform.processor() or os.uname().machine
