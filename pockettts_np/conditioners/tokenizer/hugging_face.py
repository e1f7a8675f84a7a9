"""Hugging Face `tokenizer.json` files with a Unigram model, in plain Python: same ids and text as `tokenizers`.

The file names its steps: added tokens are cut out of the text; the rest is normalized, split, and encoded by the
model; special tokens are put around it. What is not known here is refused, by name, when the file is read.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Self

from .protocol import require_valid
from .steps import BYTE_PIECE, WHITE_SPACE, Piece, Spec, decoder, normalizers, splitter, unsupported
from .unigram import Unigram


class JsonTokenizer:
    """A tokenizer.json; see `tokenizer.Tokenizer` for the methods."""

    def __init__(self, spec: Spec) -> None:
        for key in ("truncation", "padding"):
            if spec.get(key) is not None:
                raise ValueError(f"it asks for {key}, which is not supported")
        self._model = _model(spec["model"])
        self._normalizers = normalizers(spec.get("normalizer"))
        self._split = splitter(spec.get("pre_tokenizer"))
        self._before, self._after = _template(spec.get("post_processor"))
        self._decode = decoder(spec.get("decoder"))
        added = [(token, self._pattern(token)) for token in _added_tokens(spec, self._model)]
        self._raw_tokens = _Matcher([(token, pattern) for token, pattern in added if not token.normalized])
        self._normalized_tokens = _Matcher([(token, pattern) for token, pattern in added if token.normalized])
        self._pieces = dict(enumerate(self._model.pieces)) | {token.id: pattern for token, pattern in added}
        self._special = {token.content for token, _ in added if token.special}
        self.vocab_size = len({*self._model.pieces, *(token.content for token, _ in added)})

    @classmethod
    def load(cls, content: bytes, name: str) -> Self:
        """From the content of a file. ValueError, naming it, if it is not such a tokenizer or has an unknown step."""
        try:
            spec = json.loads(content.decode("utf-8"), parse_float=_parse_score)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name}: not a JSON file: {error}.") from error
        try:
            return cls(spec)
        except ValueError as error:
            raise ValueError(f"{name}: cannot use this tokenizer: {error}.") from error
        except (KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(f"{name}: not a complete Hugging Face tokenizer.json ({reason}).") from error

    def encode(self, text: str) -> list[int]:
        require_valid(text)
        ids = list(self._before)
        for part, token in self._raw_tokens.cut((text, True)):
            if token is not None:
                ids.append(token.id)
                continue
            for inner_part, inner_token in self._normalized_tokens.cut(self._normalized(part)):
                if inner_token is not None:
                    ids.append(inner_token.id)
                else:
                    for piece, _ in self._split(inner_part):
                        ids += self._model.encode(piece)
        return ids + self._after

    def decode(self, ids: list[int]) -> str:
        pieces = [self._pieces[i] for i in ids if i in self._pieces]
        return "".join(self._decode([piece for piece in pieces if piece not in self._special]))

    def is_byte(self, token: int) -> bool:
        return BYTE_PIECE.fullmatch(self._pieces.get(token, "")) is not None

    def _normalized(self, part: Piece) -> Piece:
        text, at_start = part
        for normalize, keeps_first in self._normalizers:
            at_start = at_start and (not text or keeps_first(text[0]))
            text = normalize(text)
        return text, at_start

    def _pattern(self, token: "_AddedToken") -> str:
        """What an added token looks for, and decodes to."""
        return self._normalized((token.content, True))[0] if token.normalized else token.content


def _parse_score(literal: str) -> float:
    """A JSON number as `tokenizers` reads it: up to 64 bits of digits as a float, then scaled, thus rounded twice.

    Correct rounding would differ in the last bit of every fifth score, and choose another of two equal cuts.
    """
    mantissa, _, exponent = literal.lower().lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    n_kept = len(digits)
    while int(digits[:n_kept]) >= 1 << 64:
        n_kept -= 1
    scale = int(exponent or 0) + len(whole) - n_kept
    value = float(int(digits[:n_kept]))
    value = value * float(f"1e{scale}") if scale >= 0 else value / float(f"1e{-scale}")
    return -value if literal.startswith("-") else value


def _model(spec: Spec) -> Unigram:
    vocab = spec.get("vocab")
    if spec.get("type", "Unigram") != "Unigram" or not isinstance(vocab, list):
        raise unsupported("model", spec)
    pieces = [(str(piece), float(score)) for piece, score in vocab]
    return Unigram(pieces, spec.get("unk_id"), bool(spec.get("byte_fallback", False)))


def _template(spec: Spec | None) -> tuple[list[int], list[int]]:
    """The ids of the special tokens before and after the text."""
    match spec:
        case None:
            return [], []
        case {"type": "Sequence", "processors": [only]}:
            return _template(only)
        case {"type": "TemplateProcessing", "single": items, "special_tokens": tokens}:
            before: list[int] = []
            after: list[int] = []
            here = before
            for item in items:
                if "Sequence" in item:
                    here = after
                else:
                    here += tokens[item["SpecialToken"]["id"]]["ids"]
            return before, after
    raise unsupported("post_processor", spec)


@dataclass(frozen=True)
class _AddedToken:
    id: int
    content: str
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


def _added_tokens(spec: Spec, model: Unigram) -> list[_AddedToken]:
    """The added tokens. One that is also a piece has the piece's id; the others come after the vocabulary."""
    tokens = [_AddedToken(**token) for token in spec.get("added_tokens") or [] if token["content"]]
    for token in tokens:
        own_id = model.ids.get(token.content)
        if token.id != own_id if own_id is not None else token.id < len(model.pieces):
            raise ValueError(f"its added token {token.content!r} has the id {token.id}, which is another's")
    return tokens


class _Matcher:
    """Cuts added tokens out of a text: the leftmost first, of those the longest."""

    def __init__(self, patterns: list[tuple[_AddedToken, str]]) -> None:
        self._tokens = {pattern: token for token, pattern in reversed(patterns) if pattern}
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._regex: Any = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def cut(self, whole: Piece) -> list[tuple[Piece, _AddedToken | None]]:
        """The parts in order, each with its token if it is one."""
        text, at_start = whole
        parts: list[tuple[Piece, _AddedToken | None]] = []
        done = 0
        for match in self._regex.finditer(text):
            begin, end = match.span()
            token = self._tokens[match[0]]
            if token.single_word and (_is_word(text[:begin][-1:]) or _is_word(text[end : end + 1])):
                continue
            if token.lstrip:
                begin = max(done, len(text[:begin].rstrip(WHITE_SPACE)))
            if token.rstrip:
                end = len(text) - len(text[end:].lstrip(WHITE_SPACE))
            if done < begin:
                parts.append(((text[done:begin], at_start and done == 0), None))
            parts.append(((match[0], False), token))
            done = end
        if done < len(text):
            parts.append(((text[done:], at_start and done == 0), None))
        return parts


def _is_word(char: str) -> bool:
    """Regular expressions' \\w by Unicode's definition; Python's lacks marks and joiners. False for no character."""
    if not char:
        return False
    category = unicodedata.category(char)
    return category[0] in "LM" or category in ("Nd", "Nl", "Pc") or char in "\u200c\u200d"
