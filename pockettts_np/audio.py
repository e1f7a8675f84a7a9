"""Sound in and out: recordings become mono float32, and speech becomes 16-bit WAV, also while it is made.

Levels, channel mean, resampling, the pause at the end of a voice prompt and the WAV samples are those of
pocket-tts 4.0.1 (data/audio.py, data/audio_utils.py). What it leaves to chance is refused here in a sentence:
a recording cut short, silent, or too long to be a voice.
"""

import errno
import math
import os
import secrets
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .container import GROWING_WAV_BYTES, is_cut_short

Samples = NDArray[np.float32]

RECORDING_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus")
LONGEST_SECONDS = 300
_RATES_HZ = range(1_000, 384_001)
_BLOCK_FRAMES = 1 << 16
_MAX_FRAMES = 1 << 48  # libsndfile gives more for a length that is not known
# Quieter than two steps of 16 bits either way is dither, or the constant of an open input.
_SILENT_RANGE = 4 / 32768
_LOUDEST = 100.0
UNFINISHED = ".pockettts-{}.part"  # the name of a file that is being written, with a random text in it

# What only writing raises, and without a file name.
WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def read_audio(path: str | os.PathLike[str], max_seconds: float | None = None) -> tuple[Samples, int]:
    """Read a recording as float32 samples [n], the mean of its channels, and their rate in Hz.

    wav, flac, mp3 and ogg are told apart by content and may have any sample width and number of channels;
    full scale is ±1. `max_seconds` keeps the start and reads no further; without it, a recording longer than
    LONGEST_SECONDS is refused. Raises OSError when the file cannot be opened, and ValueError when it is not
    audio, empty, cut short, silent, or holds samples that are not sensible numbers.
    """
    path = Path(path)
    _require_file(path)
    with path.open("rb") as file:
        if is_cut_short(file, path.stat().st_size):
            raise ValueError(f"{path} is cut short: it announces more sound than it holds; save it again.")
        file.seek(0)
        samples, rate_hz = _decode(path, file, max_seconds)
    _require_sound(path, samples)
    return samples, rate_hz


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Polyphase resampling of float32 [n] by the reduced ratio to_hz / from_hz; float32 [ceil(n·ratio)]."""
    if from_hz == to_hz:
        return samples
    from scipy.signal import resample_poly

    divisor = math.gcd(from_hz, to_hz)
    resampled = resample_poly(samples, to_hz // divisor, from_hz // divisor)
    return np.asarray(resampled, dtype=np.float32)


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


def to_int16(samples: NDArray[Any]) -> NDArray[np.int16]:
    """Float samples to 16-bit: clamped to ±1, times 32767, cut toward zero. ValueError: NaN."""
    samples = np.asarray(samples, dtype=np.float32)
    require_numbers(samples)
    return (np.clip(samples, -1, 1) * np.float32(32767)).astype(np.int16)


def require_numbers(samples: NDArray[Any]) -> None:
    """Raise ValueError when there is a NaN among the samples."""
    if np.isnan(samples).any():
        raise ValueError("The sound holds NaN instead of samples; the model's weights may be damaged.")


class WavStream:
    """Mono 16-bit WAV written while it is made, so that a player can follow.

    The header announces a huge length at first. Where the file can seek, `close` puts the true one in its
    place; in a pipe it stays, and players stop at the end of the stream. The binary file is left open.
    """

    def __init__(self, binary_file: BinaryIO, rate_hz: int) -> None:
        self._file = binary_file
        self._rate_hz = rate_hz
        self._n_bytes = 0
        self._start = binary_file.tell() if binary_file.seekable() else None
        self._file.write(_wav_header(rate_hz, GROWING_WAV_BYTES))

    def write(self, samples: NDArray[Any]) -> None:
        """Append float samples [n] in ±1 and hand them on at once."""
        pcm = to_int16(samples).astype("<i2", copy=False).tobytes()
        self._file.write(pcm)
        self._file.flush()
        self._n_bytes += len(pcm)

    def close(self) -> None:
        """Finish the header where that is possible. Nothing may be written afterwards."""
        if self._start is not None:
            self._file.seek(self._start)
            self._file.write(_wav_header(self._rate_hz, self._n_bytes))
            self._file.seek(0, os.SEEK_END)
        self._file.flush()


def write_wav(path: str | os.PathLike[str], samples: NDArray[Any], rate_hz: int) -> None:
    """Write float samples [n] in ±1 as a mono 16-bit WAV; the file appears only once complete."""
    with replacing_file(path) as file:
        stream = WavStream(file, rate_hz)
        stream.write(samples)
        stream.close()


@contextmanager
def replacing_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well; else `path` stays as it was.

    A device or a pipe cannot be replaced and is written directly. OSError names `path`.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {target.parent}.")
    replaces = target.is_file() or not target.exists()
    written = target.with_name(UNFINISHED.format(secrets.token_hex(6))) if replaces else target
    try:
        with _create(written) if replaces else target.open("wb") as file:
            yield file
        if target.is_file():
            shutil.copymode(target, written)
        if replaces:
            written.replace(target)
    except OSError as error:
        if error.filename == str(written) or error.errno in WRITE_ERRORS:
            error.filename = str(path)
        raise
    finally:
        if replaces:
            written.unlink(missing_ok=True)


def _create(path: Path) -> BinaryIO:
    return path.open("xb")


def _wav_header(rate_hz: int, n_bytes: int) -> bytes:
    n_bytes = min(n_bytes, 0xFFFFFFFF - 36)
    riff = (b"RIFF", 36 + n_bytes, b"WAVE")
    pcm_mono_16_bit = (b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return _WAV_HEADER.pack(*riff, *pcm_mono_16_bit, b"data", n_bytes)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name one recording in it.")
    if not path.exists():
        raise FileNotFoundError(f"There is no recording {path}.")
    if not path.is_file():
        raise ValueError(f"{path} is a pipe or a device; save the recording to a file first.")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty: 0 bytes; wanted a recording (wav, flac, mp3 or ogg).")


class _Source:
    """A file as libsndfile may have it: without a name to guess from, and free to seek before its start."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError:
            return self._file.tell()


def _decode(path: Path, file: BinaryIO, max_seconds: float | None) -> tuple[Samples, int]:
    import soundfile

    try:
        with soundfile.SoundFile(_Source(file)) as sound:
            sound.seek(0)  # an MP3 otherwise decodes a little differently, as it does when read in blocks
            rate_hz = int(sound.samplerate)
            n_samples = _samples_wanted(path, sound.frames, rate_hz, max_seconds)
            return _read_mono(sound, n_samples), rate_hz
    except soundfile.SoundFileError as error:
        raise ValueError(
            f"{path} cannot be read: it is damaged, cut short, or not a recording in wav, flac, mp3 or ogg."
        ) from error


def _samples_wanted(path: Path, n_samples: int, rate_hz: int, max_seconds: float | None) -> int:
    if rate_hz not in _RATES_HZ:
        raise ValueError(f"{path} has {rate_hz} samples a second; wanted {_RATES_HZ.start} to {_RATES_HZ.stop - 1}.")
    if n_samples > _MAX_FRAMES:
        raise ValueError(f"{path} does not say how long it is; convert it to wav first.")
    if max_seconds is not None:
        return min(n_samples, int(max_seconds * rate_hz))
    if n_samples > LONGEST_SECONDS * rate_hz:
        raise ValueError(
            f"{path} lasts {n_samples / rate_hz:.0f} seconds, and a voice may have {LONGEST_SECONDS}; "
            "ten to thirty of clear speech are enough: cut it first."
        )
    return n_samples


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


def _require_sound(path: Path, samples: Samples) -> None:
    if len(samples) == 0:
        raise ValueError(f"{path} holds no samples; wanted a recording of someone speaking.")
    low, high = float(samples.min()), float(samples.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{path} holds samples that are NaN or infinite; save the recording again.")
    if high - low <= _SILENT_RANGE:
        raise ValueError(f"{path} is silent; wanted a recording of someone speaking.")
    if max(-low, high) > _LOUDEST:
        raise ValueError(f"{path} has samples up to {max(-low, high):g}, but full scale is 1; scale them into ±1.")
