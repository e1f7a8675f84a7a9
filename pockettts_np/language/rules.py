"""Rewriting a text by rules: a pattern, and what is said in place of each of its matches."""

import re
from collections.abc import Callable, Sequence

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def rewrite(text: str, rules: Sequence[Rule]) -> str:
    """`text` after each rule in turn, with a space where new words would touch a letter or a digit.

    Time is linear in the length of `text` if no pattern repeats without end after a failed match: a repetition
    starts behind a lookbehind that holds only where its run starts.
    """
    for pattern, spoken in rules:
        pieces: list[str] = []
        end = 0
        for match in pattern.finditer(text):
            words = spoken(match)
            if words != match[0]:
                pieces += text[end : match.start()], words
                end = match.end()
        if pieces:
            text = _joined([*pieces, text[end:]])
    return text


def _joined(pieces: list[str]) -> str:
    spaced: list[str] = []
    last = ""
    for piece in filter(None, pieces):
        if last.isalnum() and piece[0].isalnum():
            spaced.append(" ")
        spaced.append(piece)
        last = piece[-1]
    return "".join(spaced)
