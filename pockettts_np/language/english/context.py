"""What stands beside a match: the words before and after it, which tell how it is read."""

import re

from .vocabulary import COUNTED, NOT_COUNTED

CONTEXT_CHARS = 40  # that a rule looks ahead or back

_NEXT_WORD = re.compile(r" ([a-z]+)\b")


def after(match: re.Match[str]) -> str:
    """The text that follows."""
    return match.string[match.end() : match.end() + CONTEXT_CHARS]


def word_before(match: re.Match[str]) -> str:
    """The word before, with its point, if one space lies between them."""
    words = match.string[max(0, match.start() - CONTEXT_CHARS) : match.start()].split(" ")
    return words[-2].rpartition("\n")[2] if len(words) > 1 and not words[-1] else ""


def counts(match: re.Match[str]) -> bool:
    """Whether the word that follows is a plural, so that a number before it counts something: 5 people, 20 years."""
    following = _NEXT_WORD.match(after(match))
    word = following[1] if following else ""
    return word in COUNTED or (word.endswith("s") and not word.endswith("ss") and word not in NOT_COUNTED)
