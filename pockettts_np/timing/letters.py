"""Words as they are written, and where their letters are among the tokens that are spoken.

What is spoken is not what was written: quotes are left out, numbers spelled out, capitals lost. A model's own front end
tells what it said for each word. What tokenizers change is found by comparing letters and digits, without case, accents
and width: where they differ, a run of the one stands for a run of the other.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from ..conditioners.tokenizer.protocol import Tokenizer

SAME = 5  # letters in a row that show that both texts go on together
FARTHEST = 200  # letters over which they may differ

Span = tuple[int, int]


@dataclass(frozen=True)
class Word:
    """A word as it was written, with its punctuation, and when it is spoken.

    Attributes:
        text: the word.
        start_s: seconds from the first sample of the speech to its beginning.
        end_s: seconds from there to its end.
    """

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Letter:
    """A letter that is spoken: the part `begin` to `end` of one token."""

    token: int
    begin: float
    end: float


def letters(text: str) -> str:
    """The letters and digits of a text, as they are compared."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


def words_of(text: str) -> list[str]:
    """The words between white space, with their marks; marks alone belong to the word before, or else after.

    Joined by spaces they are the text, but for its white space. A text without letters is one word.
    """
    return [" ".join(text[start:end].split()) for start, end in word_spans(text)]


def word_spans(text: str) -> list[Span]:
    """Where each of `words_of` stands."""
    found: list[Span] = []
    has_letters = False
    for piece in re.finditer(r"\S+", text):
        spells = bool(letters(piece[0]))
        if found and not (spells and has_letters):
            found[-1] = (found[-1][0], piece.end())
            has_letters |= spells
        else:
            found.append(piece.span())
            has_letters = spells
    return found


def spoken_letters(tokenizer: Tokenizer, ids: Sequence[int]) -> tuple[str, list[Letter]]:
    """The letters of a prompt, and for each where it is; several in a token share it evenly."""
    spelled, places = "", []
    start = 0
    while start < len(ids):
        end = start + 1
        while end < len(ids) and tokenizer.is_byte(ids[start]) and tokenizer.is_byte(ids[end]):
            end += 1  # bytes make characters together
        found = letters(tokenizer.decode(list(ids[start:end])))
        spelled += found
        for i in range(len(found)):
            begin, stop = (start + (end - start) * j / len(found) for j in (i, i + 1))
            token = min(int(begin), end - 1)
            places.append(Letter(token, begin - token, min(stop - token, 1.0)))
        start = end
    return spelled, places


def spans(written: str, spoken: str) -> list[Span]:
    """For each letter that is written, from which to before which letter it is spoken.

    Where the two differ, runs share what is spoken in proportion; what is left out has an empty span.
    """
    found: list[Span] = []
    place = 0
    while len(found) < len(written):
        start = len(found)
        if written[start] == spoken[place : place + 1]:
            found.append((place, place + 1))
            place += 1
        else:
            n_written, n_spoken = _difference(written, start, spoken, place)
            found += _shared(written[start : start + n_written], spoken[place : place + n_spoken], place)
            place += n_spoken
    return found


def _shared(written: str, spoken: str, place: int) -> list[Span]:
    """The spans of letters that stand for `spoken`, which begins at `place`."""
    found: list[Span] = []
    begin = 0
    for match in SequenceMatcher(None, written, spoken, autojunk=False).get_matching_blocks():
        n_written, n_spoken = match.a - len(found), match.b - begin
        found += pairwise(place + begin + i * n_spoken // n_written for i in range(n_written + 1) if n_written)
        found += ((place + i, place + i + 1) for i in range(match.b, match.b + match.size))
        begin = match.b + match.size
    return found


def _difference(written: str, start: int, spoken: str, place: int) -> tuple[int, int]:
    """How many letters of each differ before both go on together: the fewest in sum."""
    most_written, most_spoken = (min(n, FARTHEST) for n in (len(written) - start, len(spoken) - place))
    for n in range(1, most_written + most_spoken):
        for n_written in range(max(0, n - most_spoken), min(n, most_written) + 1):
            after = start + n_written, place + n - n_written
            if written[after[0] : after[0] + SAME] == spoken[after[1] : after[1] + SAME]:
                return n_written, n - n_written
    return most_written, most_spoken
