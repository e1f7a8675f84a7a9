"""Where to cut inside a sentence, for models that lose their way in long or repeated clauses."""

import re
from itertools import pairwise

from .punctuation import CLAUSE_MARKS, CLOSING_MARKS, DASHES, SENTENCE_MARKS

_MARKS = SENTENCE_MARKS + CLAUSE_MARKS + DASHES
# English; in other languages the cut is in the middle.
_CONJUNCTION = re.compile(
    "after|although|and|as|because|before|but|for|if|nor|or|since|so|than|that|then|though|unless|until|when|where|"
    "whereas|whether|which|while|who|whose|yet"
)
_PREPOSITION = re.compile(
    "about|above|across|against|along|among|around|at|behind|below|beside|between|beyond|by|down|during|from|in|inside|"
    "into|near|of|off|on|onto|out|outside|over|past|through|to|toward|towards|under|up|upon|with|within|without"
)


_REPEATED_WORDS = 3  # in a row


def cut_repetitions(text: str) -> list[str]:
    """`text` cut before each clause that says three words again which the piece so far has said.

    A model can take the second place for the first, and leave out what stands between.
    """
    words = text.split()
    pieces: list[list[str]] = [[]]
    said: set[tuple[str, ...]] = set()
    for begin, end in _stretches(words):
        runs = _runs(words[begin:end])
        if runs & said:
            pieces.append([])
            said = set()
        pieces[-1] += words[begin:end]
        said |= runs
    return [" ".join(piece) for piece in pieces]


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    bare = [word.strip(_MARKS + CLOSING_MARKS) for word in words]
    return {tuple(bare[i : i + _REPEATED_WORDS]) for i in range(len(bare) - _REPEATED_WORDS + 1)}


def cut_long_clauses(text: str, max_words: int) -> list[str]:
    """`text` cut between words, so that at most `max_words` stand in a piece without a mark between them.

    A longer stretch is halved, and its halves again: in its middle third before a conjunction, else before a
    preposition, else in the middle.
    """
    words = text.split()
    cuts = [cut for begin, end in _stretches(words) for cut in _cuts(words, begin, end, max_words)]
    return [" ".join(words[begin:end]) for begin, end in pairwise([0, *cuts, len(words)])]


def _stretches(words: list[str]) -> list[tuple[int, int]]:
    """First and last (not included) word of each stretch that ends with a mark or with the text."""
    ends = [i + 1 for i, word in enumerate(words[:-1]) if word.rstrip(CLOSING_MARKS)[-1:] in _MARKS]
    return list(pairwise([0, *ends, len(words)]))


def _cuts(words: list[str], begin: int, end: int, max_words: int) -> list[int]:
    if end - begin <= max_words:
        return []
    cut = _best_cut(words, begin, end)
    return [*_cuts(words, begin, cut, max_words), cut, *_cuts(words, cut, end, max_words)]


def _best_cut(words: list[str], begin: int, end: int) -> int:
    third, middle = (end - begin) // 3, (begin + end) / 2
    places = range(begin + max(1, third), end - third + 1)
    return min(places, key=lambda i: (_rank(words[i]), abs(i - middle)))


def _rank(word: str) -> int:
    return 0 if _CONJUNCTION.fullmatch(word) else 1 if _PREPOSITION.fullmatch(word) else 2
