"""Tags in a plain text: pauses such as `[pause:500ms]` and `<break time="500ms"/>`, and voices such as `[voice:alba]`.

A break may give its `strength` instead, by default medium; what a strength lasts is up to the synthesizer, and here is
what Azure documents. What is close to these forms is a pause too. One whose length cannot be read, or is too long, is
text, with a warning: a language model may have written it, and a slip in one place ends no long job. All other markup
is text, `<break>` alone too, which HTML texts name.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from .punctuation import CLAUSE_MARKS, SENTENCE_MARKS

logger = logging.getLogger(__name__)

MAX_PAUSE_SECONDS = 600
MAX_SECONDS_IN_A_TEXT = 3600
STRENGTH_MS = {"none": 0, "x-weak": 250, "weak": 500, "medium": 750, "strong": 1000, "x-strong": 1250}

DEFAULT_VOICE = "default"  # the one that the speech begins with

_NO_PAUSE = (
    '%r is read as text: write [pause:500ms], [pause:1.5s], <break time="500ms"/> of at most %d s, or '
    '<break strength="medium"/> (%s).'
)
_MAX_CHARS = 100  # of a name, a length or of attributes
_MAX_SPACES = 20  # before and in a closing tag
_UNITS_MS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1000),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60_000),
}
_OPENINGS = ("[pause", "<break", "[voice:")
_BEGIN = re.compile(r"\[pause|<break|\[voice:", re.IGNORECASE)
_TIME = re.compile(r"\s*([0-9]+[.,]?[0-9]*|[.,][0-9]+)\s*([a-z]*)\.?\s*", re.IGNORECASE)
_MARKUP = re.compile(
    rf"\[pause(?:\s?[:=](?P<length>[^\[\]\n]{{0,{_MAX_CHARS}}})|\s(?P<bare>\s?[0-9.,]{{1,9}}\s?[a-z]{{0,12}}\s?))?\]"
    rf"|<break(?P<empty>(?:\s[^<>]{{0,{_MAX_CHARS}}})?)/>"
    rf"|<break(?P<pair>(?:\s[^<>]{{0,{_MAX_CHARS}}})?)>\s{{0,{_MAX_SPACES}}}</break\s{{0,{_MAX_SPACES}}}>"
    rf"|<break(?P<open>\s[^<>=]{{0,{_MAX_CHARS}}}=[^<>]{{0,{_MAX_CHARS}}})>"
    rf"|\[voice:\s?(?P<voice>[^\[\]\s][^\[\]\n]{{0,{_MAX_CHARS}}})\]",
    re.IGNORECASE,
)
_UNFINISHED = re.compile(
    rf"\[pause[^\[\]\n]{{0,{_MAX_CHARS + 2}}}\Z|\[voice:\s?(?:[^\[\]\s][^\[\]\n]{{0,{_MAX_CHARS}}})?\Z"
    rf"|<break(?:[\s/][^<>]{{0,{2 * _MAX_CHARS + 2}}})?"
    rf"(?:(?<!/)>\s{{0,{_MAX_SPACES}}}(?:<[/a-z\s]{{0,{_MAX_SPACES + 6}}})?)?\Z",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""\s*(time|strength)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=]+))(?=\s|\Z)""", re.IGNORECASE)
_ATTRIBUTES = re.compile(rf"(?:{_ATTRIBUTE.pattern})*\s*", re.IGNORECASE)
_LEADING_MARKS = re.compile(rf"\A[{SENTENCE_MARKS}{CLAUSE_MARKS}]+(?:\s+|\Z)")


@dataclass(frozen=True)
class Pause:
    """Silence between two prompts."""

    seconds: Fraction

    def n_samples(self, rate_hz: int) -> int:
        """Its length to the nearest sample."""
        return round(self.seconds * rate_hz)

    def pieces(self, seconds: int) -> Iterator["Pause"]:
        """The same silence in pauses of at most so many seconds; none where it has no length."""
        left = self.seconds
        while left > 0:
            yield Pause(min(left, Fraction(seconds)))
            left -= seconds


@dataclass(frozen=True)
class Manner:
    """How a prompt is spoken, until another manner comes."""

    voice: str | None = None  # by name; None is the one that the speech begins with
    speed: float = 1.0  # times the natural one, in the same pitch
    volume_db: float = 0.0  # beside the voice's own; -inf is silence


AS_IT_IS = Manner()


class Markup:
    """Splits a text that comes in pieces at its tags; the cutting into pieces does not matter."""

    def __init__(self) -> None:
        self._held = ""  # what may be the beginning of a tag

    def feed(self, piece: str, last: bool = False) -> Iterator[str | Pause | Manner]:
        """Text, pauses and changes of the voice as far as they are clear."""
        text, start, place = self._held + piece, 0, 0
        while begin := _BEGIN.search(text, place):
            if not last and _UNFINISHED.match(text, begin.start()):
                break
            markup = _MARKUP.match(text, begin.start())
            place = begin.end() if markup is None else markup.end()
            if markup is None:
                continue
            if (meaning := _meaning(markup)) is None:
                logger.warning(_NO_PAUSE, markup.group(), MAX_PAUSE_SECONDS, ", ".join(STRENGTH_MS))
                continue
            if start < begin.start():
                yield text[start : begin.start()]
            yield meaning
            start = place
        end = len(text) if last else begin.start() if begin else _end_of_clear_text(text, place)
        self._held = text[end:]
        if start < end:
            yield text[start:end]


def require_bounded(pauses: Iterable[Pause]) -> None:
    """ValueError: the pauses of a text last more than an hour in all."""
    seconds = sum(pause.seconds for pause in pauses)
    if seconds > MAX_SECONDS_IN_A_TEXT:
        raise ValueError(
            f"The pauses of the text last {float(seconds)} seconds in all; wanted at most {MAX_SECONDS_IN_A_TEXT}. "
            "Speak it in several parts."
        )


def outside_markup(text: str, change: Callable[[str], str]) -> str:
    """`text` with `change` made to what lies between its tags."""
    pieces: list[str] = []
    start = 0
    for markup in filter(_meaning, _MARKUP.finditer(text)):
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


def _meaning(markup: re.Match[str]) -> Pause | Manner | None:
    """What a tag asks for; None for a pause whose length cannot be read, or is too long."""
    kind = markup.lastgroup
    length = markup[kind] if kind else None
    if kind == "voice":
        name = markup["voice"].strip()
        return Manner(None if name.lower() == DEFAULT_VOICE else name)
    if kind is None:
        seconds: Fraction | None = _strength_seconds("medium")
    elif kind in ("length", "bare"):
        seconds = _seconds(length or "", needs_unit=False)
    else:
        seconds = break_seconds(length or "")
    return None if seconds is None or seconds > MAX_PAUSE_SECONDS else Pause(seconds)


def break_seconds(attributes: str) -> Fraction | None:
    """The length that a break's attributes give it, `time` before `strength`; None if it cannot be read."""
    if not _ATTRIBUTES.fullmatch(attributes):
        return None
    given = [(name.lower(), one or two or bare) for name, one, two, bare in _ATTRIBUTE.findall(attributes)]
    values = dict(given)
    if len(values) < len(given) or values.get("strength", "medium") not in STRENGTH_MS:
        return None
    if "time" in values:
        return _seconds(values["time"], needs_unit=True)
    return _strength_seconds(values.get("strength", "medium"))


def _strength_seconds(strength: str) -> Fraction:
    return Fraction(STRENGTH_MS[strength], 1000)


def _seconds(time: str, needs_unit: bool) -> Fraction | None:
    match = _TIME.fullmatch(time)
    if match is None or match[2].lower() not in _UNITS_MS or (needs_unit and not match[2]):
        return None
    return Fraction(match[1].replace(",", ".")) * _UNITS_MS[match[2].lower()] / 1000
