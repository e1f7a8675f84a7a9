"""How a model reads: by what it is loaded with, as a copy of it, whole and in pieces, with the words as written."""

import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pockettts_np import TTSModel
from pockettts_np.config.config import TimestampHead
from pockettts_np.language.lexicon import Lexicon
from pockettts_np.language.pauses import Pause
from pockettts_np.language.reading import Reading
from pockettts_np.loading.model_source import find, open_text
from tests.support.helpers import GOLDEN

TINY = GOLDEN / "lsd.toml"
TEXT = "**Nginx** is 5."


def read(model, text=TEXT) -> str:
    return " ".join(chunk.text for chunk in model.script(text).chunks)


def read_in_pieces(model, text=TEXT) -> str:
    return " ".join(chunk.text for script in model.scripts(iter(text)) for chunk in script.chunks)


@pytest.mark.parametrize(
    ("options", "spoken"),
    [
        ({}, TEXT),
        ({"normalize": True}, "Nginx is five."),
        ({"normalize": "english_2m"}, "Nginx is five."),
        ({"lexicon": {"nginx": "engine x"}}, "**engine x** is 5."),
        ({"lexicon": [{"nginx": "engine x"}, Lexicon.parsed(["nginx = N X"], "f")], "normalize": True}, "N X is five."),
    ],
)
def test_a_model_reads_as_it_is_loaded_or_copied(tiny_model, options, spoken):
    loaded = TTSModel.load_model(config=TINY, **options)
    copied = tiny_model.reading_as(**options)
    assert read(loaded) == read(copied) == read_in_pieces(copied) == spoken
    assert copied.flow_lm is tiny_model.flow_lm
    assert read(tiny_model) == TEXT


def test_a_reading_may_be_set_at_any_time(tiny_model):
    model = replace(tiny_model)
    model.reading = Reading(normalize=True)
    assert read(model) == "Nginx is five."


def test_what_a_copy_is_not_told_stays(tiny_model):
    first = tiny_model.reading_as(normalize=True, lexicon={"nginx": "engine x"})
    assert read(first.reading_as(lexicon={"is": "was"})) == "Engine x was five."
    assert read(first.reading_as(normalize=False)) == "**engine x** is 5."


def test_the_built_in_voice_always_reads_in_words():
    model = TTSModel.load_model("builtin")
    assert read(model) == read(model.reading_as(normalize=False)) == "nginx is five."
    assert read_in_pieces(model, "# Tea\n\n```\nx = 1\n```\nHot") == "tea. hot."
    assert read(model.reading_as(lexicon={"nginx": "engine x"})) == "engine ex is five."


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"normalize": "klingon"}, ValueError, "not in klingon"),
        ({"normalize": 5}, TypeError, "normalize is a int; wanted True, False or a language"),
        ({"lexicon": 5}, TypeError, "lexicon is a int"),
        ({"lexicon": "none.txt"}, FileNotFoundError, "none.txt"),
    ],
)
def test_impossible_readings_are_refused_before_a_model_is_loaded(tiny_model, monkeypatch, options, error, message):
    monkeypatch.setattr("pockettts_np.loading.model_source.open_source", None)
    with pytest.raises(error, match=message):
        TTSModel.load_model(config=TINY, **options)
    with pytest.raises(error, match=message):
        tiny_model.reading_as(**options)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("german_24l", "german"),
        ("english_2m_2026-10", "english"),
        ("builtin", "english"),
        ("mine", "english"),
        ("", "english"),
    ],
)
def test_a_model_reads_in_its_own_language(name, language):
    assert Reading().of(name).language == language
    assert Reading("dutch").of(name).language == "dutch"
    assert Reading().of(name).is_english == (language == "english")


def test_streams_speak_what_is_read(tiny_model, voice_of_tiny):
    model = tiny_model.reading_as(normalize=True)
    marked, plain = "- One **bold. End** of it.\n- Two", "One bold. End of it.\nTwo"
    assert read_in_pieces(model, marked) == read_in_pieces(tiny_model, plain)
    speech = [
        np.concatenate(list(m.generate_from(voice_of_tiny, t, noise=1)))
        for m, t in ((model, marked), (tiny_model, plain))
    ]
    assert np.array_equal(*speech)
    streams = model.stream(voice_of_tiny, noise=1), tiny_model.stream(voice_of_tiny, noise=1)
    for stream, text in zip(streams, (marked, plain), strict=True):
        stream.write(text)
        stream.close()
    assert np.array_equal(*(np.concatenate(list(stream)) for stream in streams))


@pytest.fixture
def voice_of_tiny(tiny_model):
    return tiny_model.get_initial_state()


def test_the_times_are_those_of_the_words_as_they_are_written(tiny_model, voice_of_tiny):
    config = replace(tiny_model.config, timestamp_heads=(TimestampHead(0, 0),))
    model = replace(tiny_model, config=config).reading_as(normalize=True, lexicon={"nginx": "engine x"})
    speech = model.generate_audio_stream(voice_of_tiny, "**Nginx** at 9:30PM: $100, 40–60°C.", noise=0, timestamps=True)
    assert [word.text for piece in speech for word in piece.words] == ["Nginx", "at", "9:30PM:", "$100,", "40–60°C."]


def test_a_reading_goes_to_other_processes():
    reading = Reading("english", normalize=True, lexicons=(Lexicon.parsed(["a b = c", "/d/ = e"], "f"),))
    assert reading.whole("a b d 5") == "c e five"
    assert pickle.loads(pickle.dumps(reading)) == reading


def test_only_the_text_of_a_model_is_opened():
    config, tokenizer = open_text(find("builtin", None))
    assert config.text_front_end == "english"
    assert tokenizer.encode("hello")


def test_pauses_stay_between_marks(tiny_model):
    parts = tiny_model.reading_as(normalize=True).script("**One [pause:1s] two** 3").parts
    assert [part if isinstance(part, Pause) else part.text for part in parts] == [
        "One.",
        Pause(Fraction(1)),
        "Two three.",
    ]
