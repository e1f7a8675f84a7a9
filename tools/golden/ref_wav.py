"""ref.wav, the recording that tests and examples clone, from Debian's package asterisk-core-sounds-en-g722.

Two prompts are joined at their own pauses:

    You are about to enter an echo test. In this mode, everything you say will be repeated back to you just as
    soon as it is received. | The echo test has been completed.

Copyright 2003-2010 Allison Smith, CC BY-SA 3.0; cut, joined, resampled and scaled here, so ref.wav has that
licence too.
"""

import subprocess
from pathlib import Path

import numpy as np

from pockettts_np.audio.resampling import resample
from pockettts_np.audio.samples import Samples
from pockettts_np.audio.wav import write_wav

PROMPTS_HZ = 16_000
REF_HZ = 24_000
PEAK_DBFS = -3.0
EDGE_SECONDS = 0.005
# Prompt, first and last second to take: in the pauses around the sentences.
CUTS = (("demo-echotest", 0.14, 8.14), ("demo-echodone", 0.02, 2.66))


def decode(sounds: Path, prompt: str) -> Samples:
    """One G.722 prompt as float32 [n] at PROMPTS_HZ."""
    path = sounds / "usr/share/asterisk/sounds/en_US_f_Allison" / f"{prompt}.g722"
    command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", path, "-f", "s16le", "-ac", "1", "-"]
    pcm = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768


def cut(samples: Samples, start_seconds: float, end_seconds: float) -> Samples:
    """Part of a prompt, its edges faded so that nothing clicks."""
    part = samples[round(start_seconds * PROMPTS_HZ) : round(end_seconds * PROMPTS_HZ)].copy()
    edge = np.linspace(0, 1, round(EDGE_SECONDS * PROMPTS_HZ), dtype=np.float32)
    part[: len(edge)] *= edge
    part[-len(edge) :] *= edge[::-1]
    return part


def make_ref_wav(sounds: Path, folder: Path) -> None:
    """`sounds` is the folder into which the package was unpacked."""
    parts = [cut(decode(sounds, prompt), start, end) for prompt, start, end in CUTS]
    speech = resample(np.concatenate(parts), PROMPTS_HZ, REF_HZ)
    speech *= 10 ** (PEAK_DBFS / 20) / np.abs(speech).max()
    write_wav(folder / "ref.wav", speech, REF_HZ)
