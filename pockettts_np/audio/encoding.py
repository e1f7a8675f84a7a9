"""Speech into bytes while it is made: WAV, FLAC, Vorbis, Opus and MP3 through libsndfile, and bare samples.

with replacing_file(path) as file, open_sink(file, format_of(path), rate_hz) as sink:
    for block in blocks:  # float32 [n] in ±1
        sink.write(block)
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from ..files.writing import start_of
from .samples import Samples, int16_bytes, speech_block, to_int16
from .wav import WavStream

_OPUS_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_MP3_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# 64 kbit/s at 24 kHz. From a constant rate, players know how long a stream without a header is.
_CONSTANT_RATE = {"bitrate_mode": "CONSTANT", "compression_level": 0.6}
# Some 60 kbit/s, as MP3 has. Below 55, the codec works in two layers and takes twice the time.
_ONE_LAYER = {"compression_level": 0.78}
_PAGE_MS = 80.0  # a second by default, which is too long to wait for the first sound
_SET_OGG_PAGE_LATENCY_MS = 0x1302  # sndfile.h; Opus alone obeys


@dataclass(frozen=True)
class Format:
    """How speech is stored: the content type, libsndfile's names, and the rates that the codec takes."""

    media_type: str
    container: str = ""
    codec: str = ""
    rates_hz: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


FORMATS = {
    "wav": Format("audio/wav"),
    "flac": Format("audio/flac", "FLAC", "PCM_16"),
    "ogg": Format("audio/ogg", "OGG", "VORBIS"),
    "opus": Format("audio/ogg; codecs=opus", "OGG", "OPUS", _OPUS_HZ, _ONE_LAYER),
    "mp3": Format("audio/mpeg", "MP3", "MPEG_LAYER_III", _MP3_HZ, _CONSTANT_RATE),
    "s16le": Format("audio/L16"),
    "f32le": Format("application/octet-stream"),
}
SUFFIXES = tuple(f".{name}" for name in FORMATS if not name.endswith("le"))


class Sink(Protocol):
    """Takes float32 blocks [n] in ±1 as they are made; `close` writes what is left, and what comes last."""

    def write(self, samples: Samples) -> None: ...

    def close(self) -> None: ...


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file name's ending asks for; WAV without one. ValueError: an ending of another kind."""
    suffix = Path(path).suffix.lower()
    if suffix not in ("", *SUFFIXES):
        raise ValueError(f"{path} ends in {suffix}; wanted {', '.join(SUFFIXES)}, or name the format.")
    return suffix[1:] or "wav"


def require_format(name: str, rate_hz: int) -> None:
    """Raise ValueError when speech of `rate_hz` cannot be written as `name` by the installed libsndfile."""
    if name not in FORMATS:
        raise ValueError(f"There is no format {name!r}; wanted one of {', '.join(FORMATS)}.")
    form = FORMATS[name]
    if form.rates_hz and rate_hz not in form.rates_hz:
        rates = ", ".join(map(str, form.rates_hz))
        raise ValueError(f"{name} cannot hold {rate_hz} samples a second; wanted a rate of {rates} Hz.")
    if form.container:
        import soundfile

        if not soundfile.check_format(form.container, form.codec):
            raise ValueError(
                f"The installed libsndfile {soundfile.__libsndfile_version__} cannot write {name}; "
                "update it (pip install --upgrade soundfile) or take wav."
            )


@contextmanager
def open_sink(file: BinaryIO, name: str, rate_hz: int) -> Iterator[Sink]:
    """A sink that writes mono speech in the format `name` to a binary file, which is left open.

    Every block is handed on as soon as the codec gives it: FLAC after 0.2 s at most, MP3 and Opus within 0.1 s,
    Vorbis by pages of some seconds. Where the file cannot be written over, the length in the header stays unknown.
    The sink is closed when the block ends well; FLAC, Opus and MP3 of no samples at all are no files.

    Args:
        file: a binary file, open for writing.
        name: wav, flac, ogg, opus or mp3; or s16le or f32le, samples without a header.
        rate_hz: of the speech.

    Raises:
        ValueError: another format, a rate that it cannot hold, or a block that is no float samples [n], or holds NaN.
    """
    require_format(name, rate_hz)
    sink: Sink
    if name == "wav":
        sink = WavStream(file, rate_hz)
    elif FORMATS[name].container:
        sink = _CodecStream(file, name, rate_hz)
    else:
        sink = _RawStream(file, name)
    yield sink
    sink.close()


def encoded(blocks: Iterable[Samples], name: str, rate_hz: int) -> Iterator[bytes]:
    """As `open_sink`, but bytes for a connection: what each block of float32 samples [n] adds, once there is any."""
    growing = _Growing()
    with open_sink(growing, name, rate_hz) as sink:  # type: ignore[arg-type]
        for block in blocks:
            sink.write(block)
            yield from growing.taken()
    yield from growing.taken()


class _Growing:
    """A file that cannot seek, in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.write = self._pieces.append

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def taken(self) -> Iterator[bytes]:
        if self._pieces:
            yield b"".join(self._pieces)
            self._pieces.clear()


class _RawStream:
    """Samples without a header, little-endian."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._is_int16 = name == "s16le"

    def write(self, samples: Samples) -> None:
        self._file.write(int16_bytes(samples) if self._is_int16 else _in_range(samples).astype("<f4").tobytes())
        self._file.flush()

    def close(self) -> None:
        self._file.flush()


class _CodecStream:
    """What libsndfile encodes. It writes to memory first: an error in its own callback would be lost."""

    def __init__(self, file: BinaryIO, name: str, rate_hz: int) -> None:
        import soundfile

        form = FORMATS[name]
        self._file = file
        self._start = start_of(file)
        self._n_bytes = 0
        self._written = _Written()
        self._is_int16 = form.codec == "PCM_16"
        self._error = soundfile.SoundFileError
        self._cannot = f"libsndfile cannot write {name} at {rate_hz} samples a second; take another rate or wav."
        with self._sentence():
            self._sound = soundfile.SoundFile(
                self._written, "w", rate_hz, 1, form.codec, format=form.container, **form.options
            )
        _shorten_pages(soundfile, self._sound)

    def write(self, samples: Samples) -> None:
        with self._sentence():
            self._sound.write(to_int16(speech_block(samples)) if self._is_int16 else _in_range(samples))
        self._hand_on()

    def close(self) -> None:
        with self._sentence():
            self._sound.close()
        self._hand_on()

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise ValueError(self._cannot) from error

    def _hand_on(self) -> None:
        for position, data in self._written.taken():
            if position == self._n_bytes:
                self._file.write(data)
                self._n_bytes += len(data)
            elif self._start is not None:  # a header that now knows the length
                self._file.seek(self._start + position)
                self._file.write(data)
                self._file.seek(0, os.SEEK_END)
        self._file.flush()


class _Written:
    """A file that remembers which bytes were written where, for libsndfile."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self._position = 0
        self._n_bytes = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append((self._position, piece))
        self._position += len(piece)
        self._n_bytes = max(self._n_bytes, self._position)
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._n_bytes}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def taken(self) -> list[tuple[int, bytes]]:
        pieces = self._pieces[:]
        self._pieces.clear()
        return pieces


def _shorten_pages(soundfile: Any, sound: Any) -> None:
    """Ask for short pages where soundfile lets its library be asked, which is not part of its interface."""
    with suppress(AttributeError):
        page_ms = soundfile._ffi.new("double *", _PAGE_MS)
        soundfile._snd.sf_command(sound._file, _SET_OGG_PAGE_LATENCY_MS, page_ms, 8)


def _in_range(samples: Samples) -> Samples:
    return np.clip(speech_block(samples), -1, 1)
