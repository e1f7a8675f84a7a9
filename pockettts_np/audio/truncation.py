"""What sound files say of their own length. The decoder reads a file that was cut short without a word."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

_SHORTEST_ENDLESS_WAV_BYTES = 2_000_000_000  # from here on, a data length means that it was not known
_MOST_CHUNKS = 1000


def is_cut_short(file: BinaryIO, n_bytes: int) -> bool:
    """Whether the container announces more bytes than the file has, which the decoder would not tell."""
    magic = file.read(4)
    if magic == b"RIFF":
        return _wav_is_cut_short(file, n_bytes)
    if magic == b"OggS":
        return _ogg_is_cut_short(file, n_bytes)
    return _mp3_is_cut_short(file, n_bytes)


def mended_wav_header(file: BinaryIO, n_bytes: int) -> bytes:
    """The first bytes of a WAV that announces no data but holds some, as a stream that was cut, with the true length.

    Empty for every other file.
    """
    file.seek(0)
    if file.read(4) != b"RIFF":
        return b""
    start, length = _wav_data(file)
    if length or not 0 < start < n_bytes or _is_made_of_chunks(file, start, n_bytes):
        return b""
    file.seek(0)
    return file.read(start - 4) + struct.pack("<I", min(n_bytes - start, 0xFFFFFFFF))


def _wav_is_cut_short(file: BinaryIO, n_bytes: int) -> bool:
    start, length = _wav_data(file)
    return length < _SHORTEST_ENDLESS_WAV_BYTES and start + length > n_bytes


def _wav_data(file: BinaryIO) -> tuple[int, int]:
    """Where the samples of a WAV begin, and how many bytes it says they have; zeros if it says nothing of them."""
    found = ((start, length) for name, start, length in _chunks(file, 12) if name == b"data")
    return next(found, (0, 0))


def _is_made_of_chunks(file: BinaryIO, position: int, n_bytes: int) -> bool:
    """Whether whole chunks follow from here to the end of the file."""
    end = position
    for _, start, length in _chunks(file, position):
        end = start + length
    return n_bytes in (end, end + end % 2)


def _chunks(file: BinaryIO, position: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of each chunk of a RIFF file from `position` on."""
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield name, position + 8, length
        position += 8 + length + length % 2


def _ogg_is_cut_short(file: BinaryIO, n_bytes: int) -> bool:
    """The last page (65307 bytes at most) says that it is the last, and is whole. RFC 3533, section 6."""
    file.seek(max(0, n_bytes - 65307))
    tail = file.read(65307)
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27:
        return True
    n_segments = page[26]
    body_bytes = sum(page[27 : 27 + n_segments])
    return not page[5] & 4 or 27 + n_segments + body_bytes > len(page)


def _mp3_is_cut_short(file: BinaryIO, n_bytes: int) -> bool:
    """A Xing or Info header in the first frame, behind any ID3 tag, tells the length of the stream."""
    file.seek(0)
    tag = file.read(10)
    start = 0
    if tag[:3] == b"ID3" and len(tag) == 10:
        start = 10 + sum((byte & 127) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    file.seek(start)
    frame = file.read(64)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if frame[:1] != b"\xff" or at < 0 or at + 16 > len(frame):
        return False
    has_frames, has_bytes = frame[at + 7] & 1, frame[at + 7] & 2
    (stream_bytes,) = struct.unpack_from(">I", frame, at + 8 + 4 * has_frames)
    return bool(has_bytes) and start + 0.99 * stream_bytes > n_bytes
