"""Text rules: what the reference made of a text, and laws that chunks keep."""

import dataclasses
import functools
import logging
import re
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pockettts_np.conditioners import text as rules
from pockettts_np.conditioners.script import make_script
from pockettts_np.conditioners.text import NothingToSpeakError, prepare_text_prompt, split_into_chunks
from pockettts_np.config.load import load_config
from pockettts_np.language.pauses import Pause
from pockettts_np.language.prompts import Prompt
from tests.support.texts import ANY_TEXT, CASES, LIKELY_TEXT, NUMBERS, WORDS, prose

ENGLISH = load_config("english")
PLAIN = dataclasses.replace(
    ENGLISH, replace_characters=(), capitalize_first_letter=False, append_terminal_punctuation=False
)
released = functools.cache(load_config)


PROSE = prose(WORDS + NUMBERS, ". , ! ? ... ; :")


def cut(*arguments) -> list[str]:
    """The texts of the chunks."""
    return [chunk.text for chunk in split_into_chunks(*arguments)]


def without_spaces(text: str) -> str:
    return "".join(text.split())


# ---- the prompt ----


@pytest.mark.parametrize("name", CASES["prepared"])
def test_golden_prompts(name):
    case = CASES["prepared"][name]
    switches = {**case["switches"], "replace_characters": tuple(case["switches"]["replace_characters"].items())}
    config = dataclasses.replace(ENGLISH, **switches)
    for text, wanted in zip(CASES["prompts"], case["expected"], strict=True):
        if wanted == "refused":
            with pytest.raises(ValueError, match="nothing to speak"):
                prepare_text_prompt(text, config)
        else:
            assert list(prepare_text_prompt(text, config)) == wanted


@pytest.mark.parametrize("text", ["", "   ", "\n\t\r", "\u2003\xa0", "“”", '"  „"'])
def test_nothing_to_speak(text, get):
    with pytest.raises(ValueError, match="There is nothing to speak"):
        prepare_text_prompt(text, load_config("german"))
    with pytest.raises(ValueError, match="There is nothing to speak"):
        split_into_chunks(get("bytes"), text, 50, load_config("german"))


def test_special_tokens_alone_are_nothing_to_speak(get):
    with pytest.raises(ValueError, match="There is nothing to speak"):
        split_into_chunks(get("released"), "<s></s>", 50, PLAIN)


@pytest.mark.parametrize("name", CASES["prepared"])
@given(text=ANY_TEXT | LIKELY_TEXT)
def test_any_text_is_prepared_or_refused(name, text):
    config = PLAIN if name == "plain" else released(name)
    try:
        prepared, frames = prepare_text_prompt(text, config)
    except ValueError:
        assert not without_spaces(text.translate({ord(old): new for old, new in config.replace_characters}))
        return
    assert prepared.strip()
    assert frames in (1, 3)
    assert "\n" not in prepared
    assert not config.remove_semicolons or ";" not in prepared


@given(PROSE)
def test_preparing_again_changes_nothing(text):
    for config in map(released, ("english", "german", "english_7m_2026-10")):
        prepared, frames = prepare_text_prompt(text, config)
        assert prepare_text_prompt(prepared, config) == (prepared, frames)
        assert prepared[-1] in ".!?"


def test_short_texts_go_on_for_longer_and_are_padded():
    config = load_config("english_2026-01")
    assert prepare_text_prompt("one two three four", config) == (" " * 8 + "One two three four.", 3)
    assert prepare_text_prompt("one two three four five", config) == ("One two three four five.", 1)


# ---- chunks ----


@pytest.mark.parametrize("name", ["bytes", "released", "prepend"])
def test_golden_chunks(name, get):
    cases = [case for case in CASES["chunks"] if case[0] == name]
    assert len(cases) == 32
    for _, config, max_tokens, text, wanted in cases:
        chunks = split_into_chunks(get(name), text, max_tokens, load_config(config))
        assert [chunk.text for chunk in chunks] == wanted, text
        for chunk in chunks:
            prompt, frames = prepare_text_prompt(chunk.text, load_config(config))
            assert (list(chunk.ids), chunk.frames_after_eos) == (get(name).encode(prompt), frames)


@pytest.mark.parametrize("name", ["bytes", "released", "prepend"])
@given(text=ANY_TEXT | LIKELY_TEXT | PROSE, max_tokens=st.integers(1, 60))
@example(text="😀 5.3😀.4 5. 5", max_tokens=3)
def test_chunks_say_the_whole_text(name, get, text, max_tokens):
    """Nothing but white space is lost or added, whatever the text. (A < could begin a token without text.)"""
    text = text.replace("<", "").replace("▁", "")
    if not text.strip():
        return
    chunks = cut(get(name), text, max_tokens, PLAIN)
    assert without_spaces("".join(chunks)) == without_spaces(text)
    assert all(chunk and chunk == chunk.strip() for chunk in chunks)


@given(prose(WORDS, ". , ! ? ... ; :"), st.integers(20, 60))
def test_chunks_keep_words_and_size(get, text, max_tokens):
    """Of words and marks with spaces between, words stay whole, and a chunk is too long only if it cannot be cut."""
    chunks = cut(get("bytes"), text, max_tokens, PLAIN)
    assert " ".join(chunks).split() == text.split()
    for chunk in chunks:
        uncut = not re.search(r"[.!?] |[,;:] ", chunk)
        assert uncut or len(get("bytes").encode(chunk)) <= max_tokens


@given(prose(WORDS, ". ! ? ..."))
def test_chunks_are_as_few_as_fit(get, text):
    """The first sentence of a chunk would not have fitted into the chunk before."""
    chunks = cut(get("bytes"), text, 40, PLAIN)
    sizes = [len(get("bytes").encode(chunk)) for chunk in chunks]
    firsts = [len(get("bytes").encode(re.split(r"(?<=[.!?]) ", chunk)[0])) for chunk in chunks]
    assert all(size + first > 40 for size, first in zip(sizes, firsts[1:], strict=False))


@pytest.mark.parametrize("name", ["bytes", "rules", "released", "charsmap", "prepend", "words", "flag"])
@given(text=LIKELY_TEXT | st.text("35. .😀é,", max_size=60), cut=st.integers(0, 200))
@example(text="😀😀٣.3", cut=11)  # a digit of two bytes at the end of a long run of bytes
@example(text="😀😀٣.3", cut=12)
@example(text="5.٣😀", cut=3)  # and at the beginning of one
@example(text="5.<s><s><s><s><s>3", cut=3)
@example(text="5<s><s><s><s><s><s><s><s>.3", cut=11)
def test_numbers_are_found_as_by_decoding_everything(name, get, text, cut):
    """The few tokens that are looked at say the same as the whole text before and after."""
    tokenizer = get(name)
    ids = tokenizer.encode(text)
    cut %= len(ids) + 1
    before, after = tokenizer.decode(ids[:cut]), tokenizer.decode(ids[cut:])
    naive = before[-1:] == "." and before[-2:-1].isdigit() and after[:1].isdigit()
    assert rules._is_in_number(tokenizer, ids, cut) == naive


@pytest.mark.parametrize("text", ["3.3", "a. ", "😀5.3", "...", "é, ", "Hello world. It is 3.14, not 3; yes! "])
@pytest.mark.parametrize("name", ["bytes", "released"])
def test_a_long_text_takes_linear_time(name, get, text, caplog):
    """The tokenizer decodes at most 60 tokens for each token of the text."""
    tokenizer = get(name)

    class Counting:
        n_decoded = 0

        def __getattr__(self, attribute):
            return getattr(tokenizer, attribute)

        def decode(self, ids):
            self.n_decoded += len(ids)
            return tokenizer.decode(ids)

    counting, long = Counting(), text * (5_000 // len(text))
    chunks = cut(counting, long, 50, PLAIN)
    assert without_spaces("".join(chunks)) == without_spaces(long)
    assert counting.n_decoded <= 60 * len(tokenizer.encode(long))


def test_a_long_text_without_punctuation_is_refused_in_a_sentence(get):
    """Spoken as one chunk, it would take all memory."""
    with pytest.raises(ValueError, match=r"55\d\d tokens .* no punctuation .* 5000 are the most .*: aaa.*… Put in"):
        make_script(get("bytes"), [Prompt("a" * 5500)], 50, PLAIN)
    assert len(make_script(get("bytes"), [Prompt("a" * 5500)], 6000, PLAIN).chunks) == 1


def test_a_text_without_punctuation_is_kept_with_a_warning(get, caplog):
    with caplog.at_level(logging.WARNING):
        assert cut(get("bytes"), "water " * 40, 50, PLAIN) == [("water " * 40).strip()]
    assert "no punctuation to cut at; words may be skipped: water water" in caplog.text
    caplog.clear()
    split_into_chunks(get("bytes"), "water. " * 40, 50, PLAIN)
    assert not caplog.records


@pytest.mark.parametrize("text", ["water " * 40, "234.5 km/h", "Well, then"])
@pytest.mark.parametrize("max_tokens", [3, 8, 12])
def test_the_warning_counts_the_tokens_of_the_text_alone(get, caplog, text, max_tokens):
    """Not those that the prompt puts before a short one."""
    config = dataclasses.replace(PLAIN, pad_with_spaces_for_short_inputs=True)
    chunks = cut(get("bytes"), text, max_tokens, config)
    counts = [n for n in (len(get("bytes").encode(chunk)) for chunk in chunks) if n > max_tokens]
    assert [record.args[0] for record in caplog.records] == counts


SHORT = dataclasses.replace(PLAIN, one_sentence_per_chunk=True, max_clause_words=6)


def test_a_model_may_ask_for_one_sentence_a_chunk(get):
    text = "The water. It was cold, very cold, and I was warm. Yes!"
    assert len(cut(get("released"), text, 50, PLAIN)) == 1
    sentences = ["The water.", "It was cold, very cold, and I was warm.", "Yes!"]
    assert cut(get("released"), text, 50, SHORT) == sentences
    clauses = cut(get("released"), text, 16, SHORT)  # a long one in its clauses, as many together as fit
    assert clauses == ["The water.", "It was cold, very cold,", "and I was warm.", "Yes!"]


def test_a_model_may_ask_for_a_cut_where_no_punctuation_comes(get, caplog):
    text = "The water was cold when I saw the house and the water in the house was warm."
    assert cut(get("released"), text, 50, SHORT) == [
        "The water was cold",
        "when I saw the house",
        "and the water",
        "in the house was warm.",
    ]
    assert not caplog.records


@given(prose(WORDS, ". , ! ?"), st.integers(3, 60))
def test_short_chunks_say_the_whole_text(get, text, max_tokens):
    chunks = cut(get("released"), text, max_tokens, SHORT)
    assert without_spaces("".join(chunks)) == without_spaces(prepare_text_prompt(text, SHORT)[0])
    assert all(len(chunk.split()) <= 6 for chunk in chunks if not set(chunk[:-1]) & set(".,!?"))


@pytest.mark.parametrize("max_tokens", [0, -1])
def test_a_chunk_needs_a_token(get, max_tokens):
    with pytest.raises(ValueError, match=f"max_tokens is {max_tokens}; a chunk needs at least one token"):
        split_into_chunks(get("bytes"), "hello", max_tokens, PLAIN)


def test_a_nul_is_text_like_any_other(get):
    assert cut(get("bytes"), "a\x00b. c", 50, ENGLISH) == ["A\x00b. c."]


# ---- scripts ----


class Counting:
    """A tokenizer that counts what it encodes."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.encoded = []

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def encode(self, text):
        self.encoded.append(text)
        return self.tokenizer.encode(text)


def test_a_text_is_encoded_once_as_a_whole_and_once_chunk_by_chunk(get):
    counting = Counting(get("released"))
    chunks = split_into_chunks(counting, "The water was cold. One, two, three! " * 9, 40, ENGLISH)
    assert len(chunks) > 2
    texts = [text for text in counting.encoded if any(map(str.isalpha, text))]
    assert len(texts) == 1 + len(chunks)
    assert [prepare_text_prompt(chunk.text, ENGLISH)[0] for chunk in chunks] == texts[1:]


def test_a_script_holds_chunks_and_pauses_as_they_are_heard(get, caplog):
    pause = Pause(Fraction(1, 2))
    script = make_script(
        get("released"), [Prompt("The water. It was cold."), pause, Prompt("<s></s>"), Prompt("Hello.")], 8, PLAIN
    )
    assert [part if part is pause else part.text for part in script.parts] == [
        "The water.",
        "It was cold.",
        pause,
        "Hello.",
    ]
    assert script.text == "The water. It was cold. <s></s> Hello."
    assert [chunk.text for chunk in script.chunks] == ["The water.", "It was cold.", "Hello."]
    assert "Left out, as the model can read no character of it: <s></s>" in caplog.text
    with pytest.raises(NothingToSpeakError):
        make_script(get("released"), [Prompt("<s></s>")], 8, PLAIN)
