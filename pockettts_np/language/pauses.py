"""Pauses in a text: `[pause:500ms]`, `[pause:1.5s]`, `[pause:2]` and the SSML tag `<break time="500ms"/>`.

A break may give its `strength` instead, by default medium; what a strength lasts is up to the synthesizer, and here is
what Azure documents. All other markup is text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from .punctuation import CLAUSE_MARKS, SENTENCE_MARKS

MAX_PAUSE_SECONDS = 600
MAX_SECONDS_IN_A_TEXT = 3600
STRENGTH_MS = {"none": 0, "x-weak": 250, "weak": 500, "medium": 750, "strong": 1000, "x-strong": 1250}

_MAX_CHARS = 100  # between the brackets
_OPENINGS = ("[pause:", "<break", "</break")
_BEGIN = re.compile(r"\[pause:|</?break[\s/>]", re.IGNORECASE)
_MARKUP = re.compile(
    rf"\[pause:([^\[\]\n]{{0,{_MAX_CHARS}}})\]|</?break(?=[\s/>])([^<>]{{0,{_MAX_CHARS}}})>", re.IGNORECASE
)
_UNFINISHED = re.compile(rf"\[pause:[^\[\]\n]{{0,{_MAX_CHARS}}}\Z|</?break[^<>]{{0,{_MAX_CHARS}}}\Z", re.IGNORECASE)
_TIME = re.compile(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*(ms|s|)\s*", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\s+(time|strength)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ATTRIBUTES = re.compile(rf"(?:{_ATTRIBUTE.pattern})*\s*/")
_LEADING_MARKS = re.compile(rf"\A[{SENTENCE_MARKS}{CLAUSE_MARKS}]+(?:\s+|\Z)")


@dataclass(frozen=True)
class Pause:
    """Silence between two prompts."""

    seconds: Fraction

    def n_samples(self, rate_hz: int) -> int:
        """Its length to the nearest sample."""
        return round(self.seconds * rate_hz)


class Markup:
    """Splits a text that comes in pieces at its pauses; the cutting into pieces does not matter."""

    def __init__(self) -> None:
        self._held = ""  # what may be the beginning of a pause

    def feed(self, piece: str, last: bool = False) -> Iterator[str | Pause]:
        """Text and pauses as far as they are clear. ValueError for a malformed pause."""
        text, start = self._held + piece, 0
        while begin := _BEGIN.search(text, start):
            markup = _MARKUP.match(text, begin.start())
            if markup is None:
                if last or not _UNFINISHED.match(text, begin.start()):
                    raise _malformed(text[begin.start() :])
                break
            if start < begin.start():
                yield text[start : begin.start()]
            yield _pause(markup)
            start = markup.end()
        end = len(text) if last else begin.start() if begin else _end_of_clear_text(text, start)
        self._held = text[end:]
        if start < end:
            yield text[start:end]


def parts(text: str) -> list[str | Pause]:
    """Prompts and pauses in order; a text without pauses is one prompt, unchanged.

    ValueError for a malformed pause, one of more than 10 minutes, or more than an hour of pauses in all.
    """
    found = list(Markup().feed(text, last=True))
    pauses = [part for part in found if isinstance(part, Pause)]
    if not pauses:
        return [text]
    seconds = sum(pause.seconds for pause in pauses)
    if seconds > MAX_SECONDS_IN_A_TEXT:
        raise ValueError(
            f"The pauses of the text last {float(seconds)} seconds in all; wanted at most {MAX_SECONDS_IN_A_TEXT}. "
            "Speak it in several parts."
        )
    prompts = (part if isinstance(part, Pause) else beside_pause(part) for part in found)
    return [part for part in prompts if part != ""]


def outside_markup(text: str, change: Callable[[str], str]) -> str:
    """`text` with `change` made to what lies between its pauses."""
    pieces: list[str] = []
    start = 0
    for markup in _MARKUP.finditer(text):
        pieces += change(text[start : markup.start()]), markup.group()
        start = markup.end()
    return "".join([*pieces, change(text[start:])])


def beside_pause(text: str) -> str:
    """What there is to speak of a text between pauses: not the marks that it begins with, such as the comma of
    `Well [pause:1s], no`, and nothing if it has no letter or digit."""
    text = _LEADING_MARKS.sub("", text.strip())
    return text if any(character.isalnum() for character in text) else ""


def _end_of_clear_text(text: str, start: int) -> int:
    """Where the beginning of a pause may stand at the very end of a text."""
    for n_chars in range(min(max(map(len, _OPENINGS)), len(text) - start), 0, -1):
        tail = text[-n_chars:].lower()
        if any(opening.startswith(tail) for opening in _OPENINGS):
            return len(text) - n_chars
    return len(text)


def _pause(markup: re.Match[str]) -> Pause:
    length, tag = markup.groups()
    seconds = _seconds(length, needs_unit=False) if tag is None else _break_seconds(markup.group(), tag)
    if seconds is None:
        raise _malformed(markup.group())
    if seconds > MAX_PAUSE_SECONDS:
        raise ValueError(
            f"The pause {markup.group()} is too long; wanted at most {MAX_PAUSE_SECONDS} seconds, "
            f"[pause:{MAX_PAUSE_SECONDS}s]."
        )
    return Pause(seconds)


def _break_seconds(markup: str, tag: str) -> Fraction | None:
    """The length of a break, where `time` counts before `strength`; None if it is malformed."""
    if markup.startswith("</") or not _ATTRIBUTES.fullmatch(tag):
        return None
    found = [(name, one or two) for name, one, two in _ATTRIBUTE.findall(tag)]
    attributes = dict(found)
    strength_ms = STRENGTH_MS.get(attributes.get("strength", "medium"))
    if len(attributes) < len(found) or strength_ms is None:
        return None
    return _seconds(attributes["time"], needs_unit=True) if "time" in attributes else Fraction(strength_ms, 1000)


def _seconds(time: str, needs_unit: bool) -> Fraction | None:
    match = _TIME.fullmatch(time)
    if match is None or (needs_unit and not match[2]):
        return None
    return Fraction(match[1]) / (1000 if match[2].lower() == "ms" else 1)


def _malformed(text: str) -> ValueError:
    shown = re.split(r"(?<=[\]>])", text[:_MAX_CHARS], maxsplit=1)[0]
    return ValueError(
        f'{shown!r} is not a pause: write [pause:500ms], [pause:1.5s], <break time="500ms"/> '
        f'or <break strength="medium"/> ({", ".join(STRENGTH_MS)}).'
    )
