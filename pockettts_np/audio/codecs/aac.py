"""AAC through PyAV, whose wheels bring FFmpeg: frames of the low-complexity profile, each with a header (ADTS).

The header says what a decoder must know (ISO/IEC 13818-7, section 6.2), so that a stream can be entered anywhere.
"""

from collections.abc import Iterable
from typing import Any, BinaryIO

from ..samples import Samples, in_range

RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
BIT_RATE = 64_000  # as MP3 has
_HEADER_BYTES = 7
_MISSING = 'aac needs PyAV: pip install "pockettts-np[aac]", or take another format.'


def require_encoder() -> None:
    """ValueError: PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        raise ValueError(_MISSING) from None


class AacStream:
    """Mono AAC written while it is made. The binary file is left open."""

    def __init__(self, binary_file: BinaryIO, rate_hz: int) -> None:
        import av

        self._av = av
        self._file = binary_file
        self._rate_hz = rate_hz
        self._n_samples = 0
        self._codec: Any = av.CodecContext.create("aac", "w")
        self._codec.sample_rate = rate_hz
        self._codec.layout = "mono"
        self._codec.format = "fltp"
        self._codec.bit_rate = BIT_RATE
        self._codec.open()
        self._frames = av.AudioFifo()

    def write(self, samples: Samples) -> None:
        """Append float samples [n] in ±1, and hand on what is encoded."""
        if len(samples) == 0:
            return
        frame = self._av.AudioFrame.from_ndarray(in_range(samples)[None], "fltp", "mono")
        frame.sample_rate = self._rate_hz
        frame.pts = self._n_samples
        self._n_samples += len(samples)
        self._frames.write(frame)
        for whole in self._frames.read_many(self._codec.frame_size):
            self._hand_on(self._codec.encode(whole))

    def close(self) -> None:
        """Hand on the rest. Nothing may be written afterwards."""
        if self._n_samples:
            if (rest := self._frames.read()) is not None:
                self._hand_on(self._codec.encode(rest))
            self._hand_on(self._codec.encode(None))

    def _hand_on(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            content = bytes(packet)
            self._file.write(_header(self._rate_hz, len(content)) + content)
        self._file.flush()


def _header(rate_hz: int, n_bytes: int) -> bytes:
    """For one frame of mono sound, without a checksum."""
    n_bytes += _HEADER_BYTES
    bits = 0xFFF1 << 40  # where a frame begins, MPEG-4, no checksum
    bits |= 1 << 38 | RATES_HZ.index(rate_hz) << 34  # low complexity
    bits |= 1 << 30  # one channel
    bits |= n_bytes << 13 | 0x7FF << 2  # and a rate that varies
    return bits.to_bytes(_HEADER_BYTES, "big")
