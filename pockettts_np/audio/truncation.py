"""What sound files say of their own length. The decoder reads a file that was cut short without a word."""

import struct
from typing import BinaryIO

from .wav import GROWING_WAV_BYTES


def is_cut_short(file: BinaryIO, n_bytes: int) -> bool:
    """Whether the container announces more bytes than the file has, which the decoder would not tell."""
    magic = file.read(4)
    if magic == b"RIFF":
        return _wav_is_cut_short(file, n_bytes)
    if magic == b"OggS":
        return _ogg_is_cut_short(file, n_bytes)
    return _mp3_is_cut_short(file, n_bytes)


def _wav_is_cut_short(file: BinaryIO, n_bytes: int) -> bool:
    position = 12
    for _ in range(1000):
        file.seek(position)
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        name, length = struct.unpack("<4sI", chunk)
        position += 8 + length + length % 2
        if name == b"data":
            return length < GROWING_WAV_BYTES and position - length % 2 > n_bytes
    return False


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
