"""Mono 16-bit WAV, written while it is made."""

import os
import struct
from typing import Any, BinaryIO

from numpy.typing import NDArray

from ..files.writing import replacing_file, start_of
from .samples import int16_bytes

# A WAV header written before the length is known announces this many bytes. SoX takes it for "unknown"; other readers
# go on to the end of the stream with any length above 2e9.
_UNKNOWN_BYTES = 0x7FFFF000
_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class WavStream:
    """Mono 16-bit WAV written while it is made, so that a player can follow.

    The header announces a huge length at first. Where the file can be written over, `close` puts the true one in
    its place; in a pipe it stays, and players stop at the end of the stream. The binary file is left open.
    """

    def __init__(self, binary_file: BinaryIO, rate_hz: int) -> None:
        self._file = binary_file
        self._rate_hz = rate_hz
        self._n_bytes = 0
        self._start = start_of(binary_file)
        self._file.write(_wav_header(rate_hz, _UNKNOWN_BYTES))

    def write(self, samples: NDArray[Any]) -> None:
        """Append float samples [n] in ±1 and hand them on at once."""
        pcm = int16_bytes(samples)
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


def _wav_header(rate_hz: int, n_bytes: int) -> bytes:
    n_bytes = min(n_bytes, 0xFFFFFFFF - 36)
    riff = (b"RIFF", 36 + n_bytes, b"WAVE")
    pcm_mono_16_bit = (b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return _WAV_HEADER.pack(*riff, *pcm_mono_16_bit, b"data", n_bytes)
