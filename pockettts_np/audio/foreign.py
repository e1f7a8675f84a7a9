"""Files that libsndfile does not read: what they are, by their first bytes, and how to get at their sound."""

import shlex
from typing import BinaryIO

from ..files.memory import File, InMemoryFile

FOREIGN_SUFFIXES = (
    ".m4a",
    ".mp4",
    ".mov",
    ".3gp",
    ".webm",
    ".mka",
    ".mkv",
    ".wma",
    ".aac",
    ".amr",
    ".spx",
    ".wv",
    ".ape",
)
# Where in the file, what stands there, and what it then is.
_SOUND = (
    (4, b"ftyp", "MP4 (.m4a, .mp4, .mov, .3gp)"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska (.webm, .mka, .mkv)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (.wma)"),
    (0, b"\xff\xf1", "AAC (.aac)"),
    (0, b"\xff\xf9", "AAC (.aac)"),
    (0, b"ADIF", "AAC (.aac)"),
    (0, b"#!AMR", "AMR (.amr)"),
    (28, b"Speex", "Speex (.spx)"),
    (29, b"FLAC", "FLAC in Ogg (.oga)"),
    (0, b"wvpk", "WavPack (.wv)"),
    (0, b"MAC ", "Monkey's Audio (.ape)"),
    (0, b"TTA1", "True Audio (.tta)"),
    (0, b"\x0b\x77", "AC-3 (.ac3)"),
    (0, b"\x7f\xfe\x80\x01", "DTS (.dts)"),
    (0, b"FLV", "Flash video (.flv)"),
    (0, b"\x00\x00\x01\xba", "MPEG video (.mpg)"),
    (8, b"AVI ", "AVI (.avi)"),
    (8, b"WAVE", "a damaged WAV, or one with an uncommon codec"),
    (8, b"AIF", "a damaged AIFF, or one with an uncommon codec"),
    (0, b"caff", "a damaged CAF, or one with an uncommon codec"),
)
# The same of text and of other files, without leading white space and in small letters.
_NO_SOUND = (
    (0, b"<!doctype", "a web page"),
    (0, b"<html", "a web page"),
    (0, b"version https://git-lfs", "what Git LFS has in place of a file (git lfs pull fetches it)"),
    (0, b"#extm3u", "a playlist"),
    (0, b"[playlist]", "a playlist"),
    (0, b"mthd", "MIDI, notes without sound"),
    (0, b"%pdf", "a PDF"),
    (0, b"pk\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x89png", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
)
_HEAD_BYTES = 256


def why_unreadable(source: File, file: BinaryIO) -> str:
    """The sentence for a file that cannot be decoded: the format that its content shows, and the way out."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if name := _name(head, _SOUND):
        return f"{source} is {name}, which cannot be read; convert it first: {_conversion(source)}."
    if name := _name(head.lstrip(b"\xef\xbb\xbf \t\r\n").lower(), _NO_SOUND):
        return f"{source} is no recording but {name}."
    return (
        f"{source} cannot be read: it is damaged, cut short, or not a recording in wav, flac, mp3 or ogg. "
        f"If other programs play it, convert it first: {_conversion(source)}."
    )


def _name(head: bytes, formats: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for at, magic, name in formats if head.startswith(magic, at)), None)


def _conversion(source: File) -> str:
    """A command that makes a WAV in the current folder."""
    if isinstance(source, InMemoryFile):
        return "ffmpeg -i FILE voice.wav"
    target = f"{source.stem}-pcm.wav" if source.suffix.lower() == ".wav" else f"{source.stem}.wav"
    return f"ffmpeg -i {shlex.quote(str(source))} {shlex.quote(target)}"
