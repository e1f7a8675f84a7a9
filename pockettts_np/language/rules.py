"""Rewriting a text by rules: a pattern, and what is said in place of each of its matches.

A `Draft` remembers every change, so that what is said can be found again for each word that was written.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
Edit = tuple[int, int, str]  # from, to, and what stands there instead
_Change = tuple[int, int, int, int]  # from and to before, from and to after


class Draft:
    """A text on its way from what is written to what is spoken.

    Time is linear in the length of the text if no pattern repeats without end after a failed match: a repetition
    starts behind a lookbehind that holds only where its run starts.

    Attributes:
        written: the text as it was.
        text: the text as it is now.
    """

    def __init__(self, written: str) -> None:
        self.written = self.text = written
        self._changes: list[list[tuple[_Change, str, str]]] = []

    def rewrite(self, rules: Iterable[Rule]) -> None:
        """Apply each rule in turn, with a space where new words would touch a letter or a digit."""
        for pattern, spoken in rules:
            self._apply(_spaced(self.text, _edits(self.text, pattern, spoken)))

    def exchange(self, edits: Iterable[Edit]) -> None:
        """Put words in the place of others, with spaces as `rewrite`; the edits come in the order of the text."""
        self._apply(_spaced(self.text, [edit for edit in edits if self.text[edit[0] : edit[1]] != edit[2]]))

    def replace(self, pattern: re.Pattern[str], spoken: Callable[[re.Match[str]], str]) -> None:
        """Apply a rule as it stands."""
        self._apply(_edits(self.text, pattern, spoken))

    def translate(self, table: dict[int, str]) -> None:
        """Exchange single characters for single ones."""
        self.text = self.text.translate(table)

    def said_for(self, starts: Sequence[int]) -> list[str]:
        """What is said for each word that was written; the words begin at `starts`.

        Where several are said together, as in five kilometers for 5 km, each has its share. Nothing is left over.
        """
        bounds = list(starts)
        for changes in self._changes:
            bounds = _moved(bounds, changes)
        return [self.text[start:end] for start, end in pairwise([0, *bounds[1:], len(self.text)])] if bounds else []

    def _apply(self, edits: Sequence[Edit]) -> None:
        if not edits:
            return
        old, pieces, end, length, changes = self.text, list[str](), 0, 0, []
        for start, stop, words in edits:
            length += start - end
            changes.append(((start, stop, length, length + len(words)), old[start:stop], words))
            pieces += old[end:start], words
            end, length = stop, length + len(words)
        self.text = "".join([*pieces, old[end:]])
        self._changes.append(changes)


def any_of(words: Iterable[str]) -> str:
    """A pattern of one of these words; longer ones first, so that "etc" is not read as "e"."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def rewrite(text: str, rules: Iterable[Rule]) -> str:
    """`text` after each rule in turn."""
    draft = Draft(text)
    draft.rewrite(rules)
    return draft.text


def _edits(text: str, pattern: re.Pattern[str], spoken: Callable[[re.Match[str]], str]) -> list[Edit]:
    found = ((match, spoken(match)) for match in pattern.finditer(text))
    return [(match.start(), match.end(), words) for match, words in found if words != match[0]]


def _spaced(text: str, edits: Sequence[Edit]) -> list[Edit]:
    """The edits with a space where their words touch a letter or a digit."""
    spaced: list[Edit] = []
    end, last = 0, ""
    for i, (start, stop, words) in enumerate(edits):
        before = text[start - 1 : start] if start > end else last
        is_followed = i + 1 < len(edits) and edits[i + 1][0] == stop
        after = "" if is_followed else text[stop : stop + 1]
        if words:
            words = " " * (before.isalnum() and words[0].isalnum()) + words
            words += " " * (words[-1].isalnum() and after.isalnum())
        spaced.append((start, stop, words))
        end, last = stop, words[-1:] or before
    return spaced


def _moved(bounds: Sequence[int], changes: Sequence[tuple[_Change, str, str]]) -> list[int]:
    """Where `bounds`, in order, lie after the changes."""
    moved: list[int] = []
    i = shift = 0
    for bound in bounds:
        while i < len(changes) and changes[i][0][1] <= bound:
            shift = changes[i][0][3] - changes[i][0][1]
            i += 1
        if i < len(changes) and changes[i][0][0] < bound:
            (start, _, new_start, _), old, new = changes[i]
            moved.append(new_start + _parted(old, bound - start, new))
        else:
            moved.append(bound + shift)
    return moved


def _parted(old: str, place: int, new: str) -> int:
    """Where to cut `new` so that as much of it lies before as of `old` before `place`: between words, if it can be."""
    n_old = _n_letters(old)
    share = _n_letters(old[:place]) / n_old if n_old else 1.0
    gaps = [gap.start() for gap in re.finditer(r"\s", new)] or range(len(new) + 1)
    n_before = share * _n_letters(new)
    return min(gaps, key=lambda gap: abs(_n_letters(new[:gap]) - n_before))


def _n_letters(text: str) -> int:
    return sum(map(str.isalnum, text))
