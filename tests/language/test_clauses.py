"""Where words without punctuation are cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts_np.language.clauses import cut_long_clauses, cut_repetitions


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("one two three four", ["one two three four"]),
        ("one two three four five six", ["one two three", "four five six"]),
        ("one two three four and five", ["one two three four", "and five"]),
        ("one two three of five six and", ["one two three", "of five six and"]),
        ("one and three of five six seven", ["one and three", "of five six seven"]),
        ("one, two three four five.", ["one, two three four five."]),
        ('one, "two" three four five six', ['one, "two" three', "four five six"]),
        ("one two three four five six; seven", ["one two three", "four five six; seven"]),
        ("and and and and and and", ["and and and", "and and and"]),
    ],
)
def test_a_long_stretch_is_halved_at_the_best_place(text, pieces):
    assert cut_long_clauses(text, 4) == pieces


@given(
    st.lists(st.sampled_from(["word", "and", "of", "word,", "end.", '"so!"', "…", "–"]), min_size=1), st.integers(2, 9)
)
def test_no_word_is_lost_and_no_stretch_is_long(words, max_words):
    text = " ".join(words)
    pieces = cut_long_clauses(text, max_words)
    assert " ".join(pieces) == text
    for piece in pieces:
        stretches = re.split(r'[.,!…–]"?( |$)', piece)
        assert all(len(stretch.split()) <= max_words for stretch in stretches)


@pytest.mark.parametrize("text", ["word " * 100_000, "one two three, " * 30_000])
def test_any_length_is_cut(text):
    assert max(len(piece.split(",")[0].split()) for piece in cut_long_clauses(text, 2)) == 2


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("one two three, one two four.", ["one two three, one two four."]),
        (
            "it was the age of wisdom, it was the age of folly.",
            ["it was the age of wisdom,", "it was the age of folly."],
        ),
        ("so he said, he ran, and so he said", ["so he said, he ran,", "and so he said"]),
        ("a b c, a b c, d, a b c", ["a b c,", "a b c, d,", "a b c"]),
        ("a b c a b c", ["a b c a b c"]),
        ("one, two", ["one, two"]),
    ],
)
def test_a_clause_that_repeats_three_words_begins_a_piece(text, pieces):
    assert cut_repetitions(text) == pieces


@given(st.lists(st.sampled_from(["a", "b", "a,", "b,"]), min_size=1))
def test_no_piece_says_three_words_in_two_clauses(words):
    pieces = cut_repetitions(" ".join(words))
    assert " ".join(pieces).split() == words
    for piece in pieces:
        clauses = [clause.split() for clause in piece.split(",")]
        runs = [{tuple(clause[i : i + 3]) for i in range(len(clause) - 2)} for clause in clauses]
        assert sum(map(len, runs)) == len(set().union(*runs))
