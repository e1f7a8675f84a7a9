"""Drafts: what rules make of a text, and what is said for each word of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts_np.language.english.front_end import normalize_english, spell_out
from pockettts_np.language.plain_letters import plain_letters, write_plainly
from pockettts_np.language.rules import Draft, rewrite

TOKENS = [
    "40–60°C", "4", "40", "for", "minutes,", "$5", "million", "Nov 22, 2026,", "3:30 p.m.", "5 km", "No. 5", "CO2",
    "10 000", "<b>so</b>", "Dr. Who", "3 + 4", "x < y", "(01223-245151)", "[a](b.c)", "½ cup.", "café", "rock 'n' roll",
]  # fmt: skip


def spoken(text: str) -> Draft:
    draft = Draft(text)
    spell_out(draft)
    write_plainly(draft)
    return draft


def said(text: str) -> list[tuple[str, str]]:
    starts = [word.start() for word in re.finditer(r"\S+", text)]
    return list(zip(text.split(), (words.strip() for words in spoken(text).said_for(starts)), strict=True))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "Bake at 40–60°C for 40 minutes, 4 of them for 4.",
            ["bake", "at", "forty to sixty degrees celsius", "for", "forty", "minutes,", "four", "of", "them", "for",
             "four."],
        ),
        ("Nov 22, 2026, at 5 km", ["november", "twenty second,", "twenty twenty six,", "at", "five", "kilometers"]),
        ("pay $5 million now", ["pay", "five", "million dollars", "now"]),
        ("10 000 people", ["ten", "thousand", "people"]),
        ("see <b>St. Louis</b> now", ["see", "saint", "louis", "now"]),
        ("see [the guide](https://x.org/a_b) now", ["see", "the", "guide", "now"]),
        ("so 日本 is", ["so", "", "is"]),
    ],
)  # fmt: skip
def test_each_word_knows_what_is_said_for_it(text, wanted):
    assert [words for _, words in said(text)] == wanted


@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=8))
def test_every_word_is_said_and_nothing_else(tokens):
    text = " ".join(tokens)
    pairs = said(text)
    assert "".join("".join(words for _, words in pairs).split()) == "".join(
        plain_letters(normalize_english(text)).split()
    )
    assert all(words for word, words in pairs if word.isalnum())


@given(st.text("ab1 ,"), st.text("xy ", max_size=3))
def test_a_draft_is_what_a_plain_substitution_makes(text, words):
    draft = Draft(text)
    draft.replace(re.compile("a"), lambda m: words)
    draft.replace(re.compile("b1"), lambda m: "b")
    assert draft.text == text.replace("a", words).replace("b1", "b")
    assert draft.written == text


@given(st.text("ab1 ", max_size=20), st.lists(st.integers(0, 20)))
def test_shares_are_in_order_and_make_the_whole(text, places):
    draft = Draft(text)
    rules = [
        (re.compile("1+"), lambda m: "one two"),
        (re.compile("b +"), lambda m: ""),
        (re.compile("o"), lambda m: "O o"),
    ]
    draft.rewrite(rules)
    assert draft.text == rewrite(text, rules)
    starts = sorted({0, *(place for place in places if place < len(text))}) if text else []
    assert "".join(draft.said_for(starts)) == draft.text


def test_new_words_do_not_touch_others():
    rules = [(re.compile("[12]"), lambda m: "one"), (re.compile("-"), lambda m: "")]
    assert rewrite("a1b12,2 x-y", rules) == "a one b one one,one xy"


def test_a_word_that_nothing_changes_says_itself():
    text = "nothing is changed here"
    assert said(text) == [(word, word) for word in text.split()]
