"""What a text comes to before it is read: prompts, each in its manner of speaking, and the gaps between them."""

import math
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from numbers import Real

from .pauses import AS_IT_IS, MAX_PAUSE_SECONDS, Manner, Markup, Pause, beside_pause, require_bounded
from .rules import Draft


@dataclass(frozen=True)
class Prompt:
    """Text that is spoken without a break.

    Attributes:
        written: as the user wrote it, less its markup.
        manner: how it is spoken.
        aliases: what is said in place of some of it: from, to, and the words; in order.
        marks: names of places in `written` whose times are wanted, in order.
    """

    written: str
    manner: Manner = AS_IT_IS
    aliases: tuple[tuple[int, int, str], ...] = ()
    marks: tuple[tuple[int, str], ...] = ()

    def draft(self) -> Draft:
        """The text, with what is said in place of some of it."""
        draft = Draft(self.written)
        draft.exchange(self.aliases)
        return draft

    def part(self, start: int, end: int) -> "Prompt":
        """What stands from `start` to `end`, neither of them within an alias, without white space around it."""
        text = self.written[start:end]
        start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        aliases = ((a - start, b - start, words) for a, b, words in self.aliases if start <= a and b <= end)
        last = end == len(self.written.rstrip())
        marks = ((max(0, at - start), name) for at, name in self.marks if start <= at < end or (last and at >= end))
        return Prompt(self.written[start:end], self.manner, tuple(aliases), tuple(marks))


class Gap(Enum):
    """Where silence belongs between two prompts, if any is asked for."""

    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"


Part = Prompt | Pause | Gap


def parts(text: str) -> list[Prompt | Pause]:
    """The prompts and pauses of a plain text; without tags, it is one prompt, unchanged.

    ValueError for more than an hour of pauses in all.
    """
    found = list(Markup().feed(text, last=True))
    if all(isinstance(item, str) for item in found):
        return [Prompt(text)]
    parts: list[Prompt | Pause] = []
    manner = AS_IT_IS
    for item in found:
        if isinstance(item, Manner):
            manner = item
        elif isinstance(item, Pause):
            parts.append(item)
        elif spoken := beside_pause(item):
            parts.append(Prompt(spoken, manner))
    require_bounded(part for part in parts if isinstance(part, Pause))
    return parts


@dataclass(frozen=True)
class Gaps:
    """Silence after each sentence and each paragraph, in seconds, beside what the speech itself ends with.

    Paragraphs without a length of their own have that of sentences. TypeError, ValueError: no number from 0 to 600.
    """

    sentence_s: float = 0.0
    paragraph_s: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("sentence", self.sentence_s), ("paragraph", self.paragraph_s or 0.0)):
            if not isinstance(value, Real) or isinstance(value, bool):
                raise TypeError(f"The pause after a {name} is a {type(value).__name__}; wanted seconds.")
            if not (math.isfinite(value) and 0 <= value <= MAX_PAUSE_SECONDS):
                raise ValueError(f"The pause after a {name} is {value:g} seconds; wanted 0 to {MAX_PAUSE_SECONDS}.")

    def __bool__(self) -> bool:
        return bool(self.sentence_s or self.paragraph_s)

    def pause(self, gap: Gap) -> Pause | None:
        """The silence of a gap; None where none is wanted."""
        own = self.paragraph_s if gap is Gap.PARAGRAPH else None
        seconds = self.sentence_s if own is None else own
        return Pause(Fraction(seconds).limit_denominator(1_000_000)) if seconds else None


NO_GAPS = Gaps()
