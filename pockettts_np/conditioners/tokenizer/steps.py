"""The steps that a `tokenizer.json` names: normalizers, splitters (pre_tokenizer) and decoders.

Each is read from its JSON object into a function; one that is not known is refused by name.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from .charsmap import CharsMap

Spec = dict[str, Any]
Piece = tuple[str, bool]  # text, and whether it begins where the whole text does
Normalizer = Callable[[str], str]
Splitter = Callable[[Piece], list[Piece]]
Decoder = Callable[[list[str]], list[str]]

# Unicode's White_Space; Python's str.isspace also counts U+001C to U+001F.
WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" + (
    "\u2028\u2029\u202f\u205f\u3000"
)
BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# One or more literal characters or \s, each perhaps repeated: what means the same in every regex dialect.
_PLAIN_REGEX = re.compile(r"(?:(?:[^\\^$.()\[\]{}*+?|]|\\[^\w\s]|\\s)(?:[*+?]|\{\d+(?:,\d*)?\})?)+")
# Google's translation models: controls deleted, odd spaces made spaces.
_NMT = dict.fromkeys((*range(1, 9), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F)) | dict.fromkeys(
    (0x09, 0x0A, 0x0C, 0x0D, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD), " "
)


def unsupported(step: str, spec: Any) -> ValueError:
    name = spec.get("type", spec) if isinstance(spec, dict) else spec
    return ValueError(f"it has the {step} {name!r}, which is not supported")


def normalizers(spec: Spec | None) -> list[tuple[Normalizer, Callable[[str], bool]]]:
    """The steps in order, each with whether it keeps a given first character, in some form."""
    match spec:
        case None:
            return []
        case {"type": "Sequence", "normalizers": specs}:
            return [step for part in specs for step in normalizers(part)]
        case {"type": "Precompiled", "precompiled_charsmap": encoded}:
            # `tokenizers` loses track of what this deletes, and takes the text to begin where it did.
            return [(CharsMap(encoded), lambda _: True)]
    normalize = _normalizer(spec)
    return [(normalize, lambda first: normalize(first + "x") != normalize("x"))]


def _normalizer(spec: Spec) -> Normalizer:
    match spec:
        case {"type": "Replace", "pattern": pattern, "content": content}:
            return _replacer(pattern, content)
        case {"type": "Prepend", "prepend": prefix}:
            return lambda text: prefix + text if text else text
        case {"type": "Strip", "strip_left": left, "strip_right": right}:
            return lambda text: _stripped(text, left, right)
        case {"type": "Lowercase"}:  # a character at a time: no final sigma
            return lambda text: "".join(char.lower() for char in text)
        case {"type": "StripAccents"}:
            return lambda text: "".join(char for char in text if unicodedata.category(char)[0] != "M")
        case {"type": "NFC" | "NFD" | "NFKC" | "NFKD" as form}:
            return lambda text: unicodedata.normalize(form, text)
        case {"type": "Nmt"}:
            return lambda text: text.translate(_NMT)
    raise unsupported("normalizer", spec)


def _stripped(text: str, left: bool, right: bool) -> str:
    text = text.lstrip(WHITE_SPACE) if left else text
    return text.rstrip(WHITE_SPACE) if right else text


def _replacer(pattern: Spec, content: str) -> Normalizer:
    match pattern:
        case {"String": str(literal)} if literal:
            return lambda text: text.replace(literal, content)
        case {"Regex": str(regex)} if _PLAIN_REGEX.fullmatch(regex):
            compiled = re.compile(regex.replace(r"\s", f"[{WHITE_SPACE}]"))
            return lambda text: compiled.sub(lambda _: content, text)
    raise ValueError(f"it replaces the pattern {pattern!r}, which is not supported")


def splitter(spec: Spec | None) -> Splitter:
    """What cuts a normalized text, which is not empty, into pieces for the model; nor is any of them."""
    match spec:
        case None:
            return lambda piece: [piece]
        case {"type": "Sequence", "pretokenizers": specs}:
            steps = [splitter(part) for part in specs]
            return lambda piece: _split_in_turn(steps, piece)
        case {"type": "WhitespaceSplit"}:
            return _split_on_space
        case {"type": "Metaspace", "replacement": mark}:
            scheme, split = _prepend_scheme(spec), spec.get("split", True)
            return lambda piece: _metaspace(piece, mark, scheme, split)
    raise unsupported("pre_tokenizer", spec)


def _split_in_turn(steps: list[Splitter], piece: Piece) -> list[Piece]:
    pieces = [piece]
    for split in steps:
        pieces = [part for whole in pieces for part in split(whole)]
    return pieces


def _split_on_space(piece: Piece) -> list[Piece]:
    text, at_start = piece
    words = re.split(f"[{WHITE_SPACE}]", text)
    return [(word, at_start and i == 0) for i, word in enumerate(words) if word]


def _prepend_scheme(spec: Spec) -> str:
    """Where a mark is put before the text: "always", "first" or "never"."""
    scheme = spec.get("prepend_scheme", "always")
    if scheme not in ("always", "first", "never"):
        raise ValueError(f"its prepend_scheme {scheme!r} is not supported")
    if spec.get("add_prefix_space") is False and scheme != "never":
        raise ValueError(f"its prepend_scheme {scheme!r} and its add_prefix_space say different things")
    return str(scheme)


def _metaspace(piece: Piece, mark: str, scheme: str, split: bool) -> list[Piece]:
    """Spaces made visible as `mark`, one perhaps put in front, and the text cut before each."""
    text, at_start = piece[0].replace(" ", mark), piece[1]
    if (scheme == "always" or (scheme == "first" and at_start)) and not text.startswith(mark):
        text = mark + text
    parts = re.split(f"(?={re.escape(mark)})", text) if split else [text]
    return [(part, at_start and i == 0) for i, part in enumerate(parts) if part]


def decoder(spec: Spec | None) -> Decoder:
    """What turns the pieces of a decoded text into strings to join."""
    match spec:
        case None:
            return lambda pieces: [" ".join(pieces)]
        case {"type": "Sequence", "decoders": specs}:
            return _decoder_chain([decoder(part) for part in specs])
        case {"type": "Replace", "pattern": pattern, "content": content}:
            replace = _replacer(pattern, content)
            return lambda pieces: [replace(piece) for piece in pieces]
        case {"type": "ByteFallback"}:
            return _join_bytes
        case {"type": "Fuse"}:
            return lambda pieces: ["".join(pieces)]
        case {"type": "Strip", "content": char, "start": n_start, "stop": n_stop}:
            return lambda pieces: [_strip_char(piece, char, n_start, n_stop) for piece in pieces]
        case {"type": "Metaspace", "replacement": mark}:
            first = " " if _prepend_scheme(spec) == "never" else ""
            return lambda pieces: [piece.replace(mark, " " if i else first) for i, piece in enumerate(pieces)]
    raise unsupported("decoder", spec)


def _decoder_chain(steps: list[Decoder]) -> Decoder:
    def decode(pieces: list[str]) -> list[str]:
        for step in steps:
            pieces = step(pieces)
        return pieces

    return decode


def _join_bytes(pieces: list[str]) -> list[str]:
    """Each run of byte pieces as the text it encodes, or as a replacement character a byte if it encodes none."""
    out: list[str] = []
    run = bytearray()
    for piece in [*pieces, ""]:
        match = BYTE_PIECE.fullmatch(piece)
        if match:
            run.append(int(match[1], 16))
            continue
        if run:
            try:
                out.append(run.decode())
            except UnicodeDecodeError:
                out += "\ufffd" * len(run)
            run.clear()
        out.append(piece)
    return out[:-1]


def _strip_char(piece: str, char: str, n_start: int, n_stop: int) -> str:
    """`piece` without up to `n_start` leading and `n_stop` trailing `char`s."""
    while n_start and piece.startswith(char):
        piece, n_start = piece[1:], n_start - 1
    while n_stop and piece.endswith(char):
        piece, n_stop = piece[:-1], n_stop - 1
    return piece
