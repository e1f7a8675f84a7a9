"""<say-as> in other languages: by num2words and the rules where they are installed, by the model where not."""

import sys

import pytest

from pockettts_np.language.reading import Reading
from pockettts_np.language.ssml.say_as import say_as

SAID = [
    ("german", "cardinal", "21", "", "einundzwanzig"),
    ("german", "ordinal", "3", "", "dritte"),
    ("german", "date", "3.5.2026", "", "dritter Mai zweitausendsechsundzwanzig"),
    ("german", "time", "14:30", "", "vierzehn Uhr dreißig"),
    ("french", "cardinal", "-21", "", "moins vingt et un"),
    ("french", "date", "5/3/2026", "mdy", "trois mai deux mille vingt-six"),
    ("french", "date", "2026-05-03", "", "trois mai deux mille vingt-six"),
]


@pytest.mark.parametrize(("language", "kind", "text", "form", "words"), SAID)
def test_other_languages_have_words(language, kind, text, form, words):
    assert say_as(kind, text, form, Reading(language)) == words


@pytest.mark.parametrize(("kind", "text"), [("cardinal", "viele"), ("ordinal", "x"), ("date", "41/41/2026")])
def test_what_is_not_of_its_kind_is_text(kind, text):
    assert say_as(kind, text, "", Reading("german")) is None


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("cardinal", "1,234", "1234"),
        ("ordinal", "3", None),
        ("date", "2026-05-03", "3.5.2026"),
        ("time", "14:30", "14:30"),
    ],
)
def test_without_num2words_the_model_says_figures(monkeypatch, kind, text, words):
    monkeypatch.setitem(sys.modules, "num2words", None)
    from pockettts_np.language import reading

    monkeypatch.setattr(reading, "_rules_of", reading._rules_of.__wrapped__)  # which are kept once they were found
    assert say_as(kind, text, "", Reading("german")) == words
