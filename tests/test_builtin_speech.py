"""The built-in voice says what it is given: a dozen sentences against recorded spectra of the teacher it learned from.

No recogniser is needed: of the teacher's twelve sentences, the one that sounds most like the speech must be the one
that was asked for. `tools.check.speech` measures word error rates; `python -m tools.golden --speech` made the fixture.
"""

import numpy as np
import pytest

from pockettts_np import TTSModel
from pockettts_np.conditioners.text import prepare_text_prompt
from tests.support.helpers import golden
from tests.support.speech_distance import HOP_SAMPLES, distance_db, log_mel

# The voice is at 2.0 to 3.0 dB (mean 2.4); its post-filter, which makes it sound better, puts it a quarter of a decibel
# away. Other sentences are at 4.4 and more, 5.8 in the mean. Of earlier voices, one with a word error rate of 11 % was
# 0.2 dB farther away than one with 7 %, and one with 23 % was 0.6 dB farther away (largest 3.9).
FARTHEST_DB, FARTHEST_MEAN_DB = 3.5, 2.7
ARRAYS, META = golden("builtin_speech")
TEXTS = META["texts"]
TEACHER = [ARRAYS[str(i)] / META["steps_per_db"] + META["floor_db"] for i in range(len(TEXTS))]  # [spectra, bands] each


@pytest.fixture(scope="module")
def model():
    return TTSModel.load_model("builtin")


@pytest.fixture(scope="module")
def speech(model):
    """By sentence, float32 [n]."""
    return [model.generate_audio(model.get_default_voice(), text) for text in TEXTS]


@pytest.fixture(scope="module")
def distances(speech):  # [sentences, teacher's sentences] in dB
    return np.array([[distance_db(log_mel(samples), wanted) for wanted in TEACHER] for samples in speech])


def test_every_sentence_sounds_like_itself_and_like_no_other(distances):
    assert distances.argmin(1).tolist() == list(range(len(TEXTS)))


def test_every_sentence_is_near_the_teacher(distances):
    own = np.diag(distances)
    assert own.max() < FARTHEST_DB
    assert own.mean() < FARTHEST_MEAN_DB


def test_speech_ends_by_itself(model, speech):
    for i, samples in enumerate(speech):
        ids = model.tokenizer.encode(prepare_text_prompt(TEXTS[i], model.config)[0])
        assert len(samples) < model.longest_frames(len(ids)) * model.config.mimi.frame_samples, TEXTS[i]


def test_speech_is_as_long_as_the_teachers(speech):
    for i, samples in enumerate(speech):
        assert 0.8 < len(samples) / (len(TEACHER[i]) * HOP_SAMPLES) < 1.25, TEXTS[i]


def test_speech_is_loud_and_never_clips(speech):
    for text, samples in zip(TEXTS, speech, strict=True):
        assert 0.1 < np.abs(samples).max() < 1, text
        assert np.isfinite(samples).all()


# The voice draws "the" alone out to 1.2 s, as its model card says; weights that say it well were misheard more
# elsewhere. Not strict: the end of speech hangs on a rounding.
DRAWN_OUT = pytest.param("the", marks=pytest.mark.xfail(strict=False, reason="known limit of the voice that ships"))


@pytest.mark.parametrize(
    "word", ["net", "at", "up", "on", "in", DRAWN_OUT, "a", "help", "eight", "letters", "it", "cat", "extraordinary"]
)
def test_a_word_is_spoken_once(model, caplog, word):
    """In the time that a word takes, and not again and again until the longest length."""
    speech = model.generate_audio(model.get_default_voice(), word)  # "a" takes seven frames, 0.56 s
    assert 0.3 < len(speech) / model.sample_rate < 0.55 + 0.06 * len(word)
    assert not caplog.records


@pytest.mark.parametrize("sentences", [["Hi Tom.", "Come in please."], ["One.", "Two!", "Three?", "Four.", "Five."]])
def test_short_sentences_are_spoken_one_by_one(model, sentences):
    voice = model.get_default_voice()
    want = np.concatenate([model.generate_audio(voice, sentence) for sentence in sentences])
    assert np.array_equal(model.generate_audio(voice, " ".join(sentences)), want)


def test_what_is_asked_for_after_the_end_is_silence(model):
    voice, text = model.get_default_voice(), "All the roses have grown wild."
    want = model.generate_audio(voice, text)
    got = model.generate_audio(voice, text, frames_after_eos=12)
    assert len(got) == len(want) + 11 * model.config.mimi.frame_samples
    assert not got[len(want) :].any()


def test_what_is_said_again_is_spoken_apart(model):
    text = "it was the age of wisdom, it was the age of foolishness, it was so."
    assert [chunk.text for chunk in model.script(text).chunks] == [
        "it was the age of wisdom,",
        "it was the age of foolishness, it was so.",
    ]


def test_text_without_punctuation_is_spoken_in_short_pieces(model):
    text = "three point one four one five nine two six five three five eight nine seven nine three two three eight four"
    chunks = model.script(text).chunks
    assert all(len(chunk.text.split()) <= 14 for chunk in chunks)
    assert " ".join(chunk.text for chunk in chunks).replace(".", "") == text
