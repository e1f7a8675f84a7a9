"""Speech into bytes while it is made: WAV; FLAC, Vorbis, Opus and MP3 through libsndfile; AAC through PyAV; samples.

with replacing_file(path) as file, open_sink(file, format_of(path), rate_hz) as sink:
    for block in blocks:  # float32 [n] in ±1
        sink.write(block)
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .codecs import aac
from .codecs.libsndfile import LibsndfileStream
from .samples import Samples, in_range, int16_bytes
from .wav import WavStream

_OPUS_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_MP3_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# 64 kbit/s at 24 kHz. From a constant rate, players know how long a stream without a header is.
_CONSTANT_RATE = {"bitrate_mode": "CONSTANT", "compression_level": 0.6}
# Some 60 kbit/s, as MP3 has. Below 55, the codec works in two layers and takes twice the time.
_ONE_LAYER = {"compression_level": 0.78}


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
    "aac": Format("audio/aac", rates_hz=aac.RATES_HZ),
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
    """Raise ValueError when speech of `rate_hz` cannot be written as `name` by what is installed."""
    if name not in FORMATS:
        raise ValueError(f"There is no format {name!r}; wanted one of {', '.join(FORMATS)}.")
    form = FORMATS[name]
    if form.rates_hz and rate_hz not in form.rates_hz:
        rates = ", ".join(map(str, form.rates_hz))
        raise ValueError(f"{name} cannot hold {rate_hz} samples a second; wanted a rate of {rates} Hz.")
    if name == "aac":
        aac.require_encoder()
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
    AAC within 0.2 s, Vorbis by pages of some seconds. Where the file cannot be written over, the length in the header
    stays unknown.
    The sink is closed when the block ends well; FLAC, Opus, MP3 and AAC of no samples at all are no files.

    Args:
        file: a binary file, open for writing.
        name: wav, flac, ogg, opus, mp3 or aac; or s16le or f32le, samples without a header.
        rate_hz: of the speech.

    Raises:
        ValueError: another format, a rate that it cannot hold, or a block that is no float samples [n], or holds NaN.
    """
    require_format(name, rate_hz)
    form = FORMATS[name]
    sink: Sink
    if name == "wav":
        sink = WavStream(file, rate_hz)
    elif name == "aac":
        sink = aac.AacStream(file, rate_hz)
    elif form.container:
        sink = LibsndfileStream(file, name, rate_hz, form.container, form.codec, form.options)
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
        self._file.write(int16_bytes(samples) if self._is_int16 else in_range(samples).astype("<f4").tobytes())
        self._file.flush()

    def close(self) -> None:
        self._file.flush()
