"""Sound in and out: recordings become mono float32, and speech becomes 16-bit WAV, also while it is made.

Levels, channel mean, the pause at the end of a voice prompt and the WAV samples are those of
pocket-tts 4.0.1 (data/audio.py, data/audio_utils.py). What it leaves to chance is refused here in a sentence:
a recording cut short, silent, or too long to be a voice.
"""

import io
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..files.memory import File, InMemoryFile
from .foreign import why_unreadable
from .samples import Samples, mono
from .truncation import is_cut_short, mended_wav_header

RECORDING_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus")
LONGEST_SECONDS = 300
_RATES_HZ = range(1_000, 384_001)
_BLOCK_FRAMES = 1 << 16
_MAX_FRAMES = 1 << 48  # libsndfile gives more for a length that is not known
# Quieter than two steps of 16 bits either way is dither, or the constant of an open input.
_SILENT_RANGE = 4 / 32768
_LOUDEST = 100.0


def read_audio(path: str | os.PathLike[str] | InMemoryFile, max_seconds: float | None = None) -> tuple[Samples, int]:
    """Read a recording, of a file or in memory, as float32 samples [n], the mean of its channels, and their rate in Hz.

    wav, flac, mp3 and ogg are told apart by content and may have any sample width and number of channels;
    full scale is ±1. A WAV or FLAC that was streamed, and so does not say how long it is, is read to its end.

    Args:
        path: the file.
        max_seconds: keep the start and read no further; without it, a recording longer than 300 s is refused.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is not audio, or in another format; it is empty, cut short, silent, too long, or holds samples
            that are not sensible numbers.
    """
    source = path if isinstance(path, InMemoryFile) else Path(path)
    with _opened(source) as file:
        n_bytes = file.seek(0, os.SEEK_END)
        if n_bytes == 0:
            raise ValueError(f"{path} is empty: 0 bytes; wanted a recording (wav, flac, mp3 or ogg).")
        file.seek(0)
        if is_cut_short(file, n_bytes):
            raise ValueError(f"{path} is cut short: it announces more sound than it holds; save it again.")
        samples, rate_hz = _decode(source, file, mended_wav_header(file, n_bytes), max_seconds)
    _require_sound(source, samples)
    return samples, rate_hz


def as_recording(samples: NDArray[Any], rate_hz: int, max_seconds: float | None = None) -> Samples:
    """Samples [n] or [channels, n] as `read_audio` gives those of a file: mono float32 [n], with the same checks."""
    heard = mono(samples)
    if max_seconds is not None:
        heard = heard[: int(max_seconds * rate_hz)]
    if len(heard) > LONGEST_SECONDS * rate_hz:
        raise _too_long("The recording", f"{len(heard) / rate_hz:.0f}")
    _require_sound("The recording", heard)
    return heard


def end_on_pause(samples: Samples, rate_hz: int) -> Samples:
    """End a voice prompt [n] on exactly 80 ms of silence, as prompts ended in training; float32.

    Trailing frames of 20 ms that lie 35 dB or more under the loudest are cut, the last 20 ms of the rest are
    faded out, and zeros are appended. A prompt shorter than one frame is returned as it is.
    """
    fade_samples = int(0.02 * rate_hz)
    frame_samples = max(1, fade_samples)
    n_frames = len(samples) // frame_samples
    if n_frames == 0:
        return samples
    frames = samples[: n_frames * frame_samples].reshape(n_frames, frame_samples)
    rms = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    level_db = 20 * np.log10(rms + 1e-12)
    last_loud = int(np.flatnonzero(level_db > level_db.max() - 35)[-1])
    end = (last_loud + 1) * frame_samples
    speech = np.array(samples[:end], dtype=np.float32)
    speech[end - fade_samples :] *= np.linspace(1, 0, fade_samples, dtype=np.float32)
    return np.concatenate([speech, np.zeros(int(0.08 * rate_hz), dtype=np.float32)])


def _opened(source: File) -> BinaryIO:
    if isinstance(source, InMemoryFile):
        return io.BytesIO(source.content)
    _require_file(source)
    return source.open("rb")


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name one recording in it.")
    if not path.exists():
        raise FileNotFoundError(f"There is no recording {path}.")
    if not path.is_file():
        raise ValueError(f"{path} is a pipe or a device; save the recording to a file first.")


class _Source:
    """A file as libsndfile may have it: without a name to guess from, and free to seek before its start."""

    def __init__(self, file: BinaryIO, header: bytes) -> None:
        """`header` is read in place of the first bytes."""
        self._file = file
        self._header = header
        self.tell = file.tell
        file.seek(0)

    def read(self, n_bytes: int) -> bytes:
        start = self._file.tell()
        data = self._file.read(n_bytes)
        patch = self._header[start : start + len(data)]
        return patch + data[len(patch) :]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError:
            return self._file.tell()


def _decode(path: File, file: BinaryIO, header: bytes, max_seconds: float | None) -> tuple[Samples, int]:
    import soundfile

    try:
        with soundfile.SoundFile(_Source(file, header)) as sound:
            return _read_start(path, sound, max_seconds), int(sound.samplerate)
    except soundfile.SoundFileError as error:
        raise ValueError(why_unreadable(path, file)) from error


def _read_start(path: File, sound: Any, max_seconds: float | None) -> Samples:
    """The samples up to `max_seconds`; without it, all."""
    rate_hz = int(sound.samplerate)
    if rate_hz not in _RATES_HZ:
        raise ValueError(f"{path} has {rate_hz} samples a second; wanted {_RATES_HZ.start} to {_RATES_HZ.stop - 1}.")
    longest = LONGEST_SECONDS * rate_hz
    is_endless = sound.frames > _MAX_FRAMES
    if is_endless:
        sound.seekable = lambda: False  # soundfile would seek after each read, which libsndfile cannot here
    else:
        sound.seek(0)  # an MP3 otherwise decodes a little differently, as it does when read in blocks
    if max_seconds is not None:
        return _read_mono(sound, min(sound.frames, int(max_seconds * rate_hz)))
    if not is_endless and sound.frames > longest:
        raise _too_long(path, f"{sound.frames / rate_hz:.0f}")
    samples = _read_mono(sound, min(sound.frames, longest + 1))
    if len(samples) > longest:
        raise _too_long(path, f"more than {LONGEST_SECONDS}")
    return samples


def _too_long(path: File | str, seconds: str) -> ValueError:
    return ValueError(
        f"{path} lasts {seconds} seconds, and a voice may have {LONGEST_SECONDS}; "
        "ten to thirty of clear speech are enough: cut it first."
    )


def _read_mono(sound: Any, n_samples: int) -> Samples:
    """The channel mean of the next `n_samples`: in blocks, to keep one channel; an MP3 in one piece."""
    block_frames = n_samples if sound.format == "MP3" else _BLOCK_FRAMES
    blocks = [np.zeros(0, dtype=np.float32)]
    while n_samples > 0:
        block = sound.read(min(n_samples, block_frames), dtype="float32", always_2d=True)  # [n, channels]
        if len(block) == 0:
            break
        with np.errstate(over="ignore", invalid="ignore"):
            blocks.append(block.mean(axis=1))
        n_samples -= len(block)
    return np.concatenate(blocks)


def _require_sound(path: File | str, samples: Samples) -> None:
    if len(samples) == 0:
        raise ValueError(f"{path} holds no samples; wanted a recording of someone speaking.")
    low, high = float(samples.min()), float(samples.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{path} holds samples that are NaN or infinite; save the recording again.")
    if high - low <= _SILENT_RANGE:
        raise ValueError(f"{path} is silent; wanted a recording of someone speaking.")
    if max(-low, high) > _LOUDEST:
        raise ValueError(f"{path} has samples up to {max(-low, high):g}, but full scale is 1; scale them into ±1.")
