"""One text in several voices, speeds and volumes, with silence between its sentences: the sum of its parts."""

import dataclasses
import itertools
import threading

import numpy as np
import pytest

from pockettts_np import TimedAudio
from pockettts_np.audio.time_stretch import stretched
from pockettts_np.language.prompts import Gaps, parts
from pockettts_np.language.sentences import Sentences, with_gaps
from tests.support.random_models import small_model
from tests.support.speech import SENTENCE, TWO_SENTENCES, n_threads_at_work, quick, timed_model

RATE_HZ = 24_000
OTHER = "Was it red or blue?"


@pytest.fixture(scope="module")
def other():
    """A second voice of `small_model`."""
    model, rows = small_model(), np.random.default_rng(1).standard_normal((6, 16)).astype(np.float32)
    state = model.flow_lm.init_state()
    model.flow_lm.prompt(model.flow_lm.before_voice(rows), state)
    return state


def in_order(model, script: list, noise: int) -> np.ndarray:
    """Each text in its voice alone, from the same draws; a number is so many samples of silence."""
    rng = np.random.default_rng(noise)
    return np.concatenate([model.generate_audio(*part, noise=rng) for part in script])


def document(model, body: str):
    return model.script(f"<speak>{body}</speak>", ssml=True)


# ---- voices ----


@pytest.mark.parametrize("threads", [1, 2])
def test_two_voices_in_a_text_are_each_alone(voice, other, threads):
    model = dataclasses.replace(quick(threads), voices={"bob": other})
    want = in_order(model, [(voice, SENTENCE), (other, OTHER), (voice, "Hello.")], 3)
    text = f"{SENTENCE} [voice:bob] {OTHER} [voice:default] Hello."
    assert np.array_equal(model.generate_audio(voice, text, noise=3), want)
    body = f'{SENTENCE} <voice name="bob">{OTHER}</voice> Hello.'
    assert np.array_equal(model.generate_audio(voice, document(model, body), noise=3), want)
    live = np.concatenate(list(model.generate_from(voice, iter(text), noise=3)))
    faded = text.replace(" [voice", "[pause:0][voice") + "[pause:0]"  # as whether a pause follows is not known there
    assert np.array_equal(live, model.generate_audio(voice, faded, noise=3))


def test_the_voice_that_begins_is_not_touched(voice, other):
    before = voice.rows().copy(), other.rows().copy()
    model = dataclasses.replace(quick(), voices=lambda name: other)
    model.generate_audio(voice.copy(), f"{SENTENCE} [voice:x] {SENTENCE}", noise=1, copy_state=False)
    assert np.array_equal(other.rows(), before[1])


@pytest.mark.parametrize("text", ["Hello. [voice:nobody] Hello.", "<speak><voice name='nobody'>Hello.</voice></speak>"])
def test_a_voice_that_is_not_there_is_refused_before_any_sound(voice, other, text):
    model = dataclasses.replace(quick(), voices={"bob": other})
    script = model.script(text, ssml=text.startswith("<"))
    with pytest.raises(ValueError, match=r"calls for the voice 'nobody', which is not there\. Wanted one of: bob\."):
        model.generate_audio_stream(voice, script)
    with pytest.raises(ValueError, match=r"is not there\. Give a folder of voices"):
        quick().generate_audio_stream(voice, script)


def test_no_name_opens_a_file(voice, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"x")
    with pytest.raises(ValueError, match="which is not there"):
        quick().generate_audio(voice, f"[voice:{path}] Hello.")


def test_a_given_voice_may_be_a_file(voice, other, tmp_path):
    from pockettts_np import export_model_state

    export_model_state(other, tmp_path / "b.safetensors")
    model = dataclasses.replace(quick(), voices={"bob": tmp_path / "b.safetensors"})
    got = model.generate_audio(voice, f"[voice: bob ]{SENTENCE}", noise=2)
    assert np.array_equal(got, model.generate_audio(other, SENTENCE, noise=2))


def test_in_live_text_a_voice_that_is_not_there_does_not_change_the_voice(voice, caplog):
    model = quick()
    got = model.generate_from(voice, ["Hello. [voice:no", "body] Hello. [voice:nobody] Hello."], noise=4)
    want = model.generate_from(voice, ["Hello. [pause:0] Hello. [pause:0] Hello."], noise=4)
    assert np.array_equal(np.concatenate(list(got)), np.concatenate(list(want)))
    assert [r.getMessage().count("'nobody', which is not there") for r in caplog.records] == [1]


def test_another_models_voice_is_refused(voice):
    strange = small_model("grouped").get_initial_state()
    model = dataclasses.replace(quick(), voices={"bob": strange})
    with pytest.raises(ValueError, match="voice"):
        model.generate_audio_stream(voice, "[voice:bob] Hello.")


# ---- speed and volume ----


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.5, 4])
def test_speed_and_volume_are_those_of_the_whole_chunk(voice, speed):
    model = quick()
    natural = model.generate_audio(voice, SENTENCE, noise=5)
    script = document(model, f'<prosody rate="{speed}" volume="-6dB">{SENTENCE}</prosody>')
    got = model.generate_audio(voice, script, noise=5)
    want = np.concatenate(list(stretched(iter([natural]), RATE_HZ, speed))) * np.float32(10**-0.3)
    assert np.array_equal(got, want)
    assert len(got) == round(len(natural) / speed)


def test_silent_text_takes_its_time(voice):
    model = quick()
    got = model.generate_audio(voice, document(model, f'<prosody volume="silent">{SENTENCE}</prosody>'), noise=5)
    assert len(got) == len(model.generate_audio(voice, SENTENCE, noise=5))
    assert not got.any()


@pytest.mark.parametrize("threads", [1, 2])
def test_faster_speech_stops_too(voice, threads):
    model, stop = quick(threads), threading.Event()
    stream = model.generate_audio_stream(
        voice, document(model, f'<prosody rate="2">{TWO_SENTENCES}</prosody>'), stop=stop
    )
    next(stream)
    stop.set()
    assert list(stream) == []
    assert n_threads_at_work() == 0


# ---- times ----


def test_words_of_faster_speech_come_so_much_earlier(voice):
    model = timed_model(eos_threshold=0.0)
    plain = TimedAudio.joined(model.generate_audio_stream(voice, SENTENCE, noise=0, timestamps=True))
    body = f'{SENTENCE}<break time="100ms"/><prosody rate="2">{SENTENCE}</prosody> {SENTENCE}'
    script = document(model, body)
    rng = np.random.default_rng(0)
    alone = [
        TimedAudio.joined(model.generate_audio_stream(voice, SENTENCE, noise=rng, timestamps=True)) for _ in range(3)
    ]
    got = TimedAudio.joined(model.generate_audio_stream(voice, script, noise=0, timestamps=True))
    starts = np.cumsum([0, len(alone[0].samples) / RATE_HZ + 0.1, len(alone[1].samples) / RATE_HZ / 2])
    want = [
        (word.text, start + word.start_s / speed, start + word.end_s / speed)
        for speech, start, speed in zip(alone, starts, (1, 2, 1), strict=True)
        for word in speech.words
    ]
    assert [word.text for word in got.words] == [text for text, _, _ in want]
    assert [word.text for word in plain.words] == SENTENCE.split()
    for word, (_, start_s, end_s) in zip(got.words, want, strict=True):
        assert (word.start_s, word.end_s) == pytest.approx((start_s, end_s), abs=0.012)  # steps of loudness


def test_marks_have_the_times_of_their_words(voice):
    model = timed_model(eos_threshold=0.0)
    body = '<mark name="a"/>The cat <mark name="b"/>sat<mark name="c"/><break/><mark name="d"/>on. <mark name="e"/>'
    speech = TimedAudio.joined(model.generate_audio_stream(voice, document(model, body), noise=0, timestamps=True))
    words = {word.text: word for word in speech.words}
    assert [(mark.name, mark.time_s) for mark in speech.marks] == [
        ("a", words["The"].start_s),
        ("b", words["sat"].start_s),
        ("c", words["sat"].end_s),
        ("d", words["on."].start_s),
        ("e", words["on."].end_s),
    ]


@pytest.mark.parametrize("text", [f"{TWO_SENTENCES} [pause:1s] Hello.", "<speak>Hello <mark name='a'/>you.</speak>"])
def test_in_turns_a_clock_tells_what_it_tells_of_the_whole(voice, text):
    model = timed_model(eos_threshold=0.0)
    script, rng = model.script(text, 12, ssml=text.startswith("<")), np.random.default_rng(4)
    whole = TimedAudio.joined(model.generate_audio_stream(voice, script, noise=4, timestamps=True))
    clock = model.word_clock(script)
    turns = [model.generate_audio_stream(voice, turn, noise=rng, timestamps=clock) for turn in script.in_turns()]
    joined = TimedAudio.joined(itertools.chain.from_iterable(turns))
    assert np.array_equal(joined.samples, whole.samples)
    assert (joined.words, joined.marks) == (whole.words, whole.marks)


@pytest.mark.parametrize(
    "pieces", [["One two. Thr", "ee four.\n\nFive [pause:1s] six."], [*"Well. [voice:x] So it is 3."]]
)
def test_live_text_has_times_too(voice, pieces):
    model = timed_model(eos_threshold=0.0)
    timed = TimedAudio.joined(model.generate_from(voice, iter(pieces), noise=1, timestamps=True))
    plain = list(model.generate_from(voice, iter(pieces), noise=1))
    assert np.array_equal(timed.samples, np.concatenate(plain))
    text = "".join(pieces).replace("[pause:1s] ", "").replace("[voice:x] ", "")
    assert [word.text for word in timed.words] == text.split()
    times = [t for word in timed.words for t in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[-1] <= len(timed.samples) / RATE_HZ


# ---- silence between sentences ----


GAPS = Gaps(0.25, 0.5)
SPACED = [
    ("One. Two.", [0.25]),
    ("One.\n\nTwo", [0.5]),
    ("One\n \n Two.  Three!\nFour", [0.5, 0.25, 0.25]),
    ("See Mr. Smith, e.g. on 3. Oktober at 3.141. Yes", [0.25]),
    ("One. [pause:1s] Two. Three. [pause:1s]", [1, 0.25, 1]),
    ("One. [voice:a] Two [voice:b] three.", [0.25]),
    ("One.", []),
    ("\n\nOne. \n\n", []),
]


def silences(items) -> list[float]:
    return [float(item.seconds) for item in items if hasattr(item, "seconds")]


@pytest.mark.parametrize(("text", "want"), SPACED)
def test_silence_stands_where_sentences_and_paragraphs_end(text, want):
    assert silences(with_gaps(parts(text), GAPS)) == want


@pytest.mark.parametrize(("text", "want"), SPACED)
@pytest.mark.parametrize("n_chars", [1, 2, 3, 1000])
def test_in_live_text_it_stands_there_too(text, want, n_chars):
    sentences = Sentences(lambda text: 0, 1000, gaps=GAPS)
    found = [item for i in range(0, len(text), n_chars) for item in sentences.feed(text[i : i + n_chars])]
    assert silences([*found, *sentences.feed("", complete=True)]) == want


def test_paragraphs_alone_may_have_silence_and_have_that_of_sentences_otherwise():
    text = "One. Two.\n\nThree."
    assert silences(with_gaps(parts(text), Gaps(0, 1))) == [1]
    assert silences(with_gaps(parts(text), Gaps(1))) == [1, 1]
    assert silences(with_gaps(parts(text), Gaps(1, 0))) == [1]
    assert list(with_gaps(parts(text), Gaps())) == parts(text)


@pytest.mark.parametrize("ssml", [False, True])
def test_a_gap_is_that_silence(voice, ssml):
    model = dataclasses.replace(quick(), gaps=Gaps(0.3))
    text = f"<speak><s>{SENTENCE}</s><s>{OTHER}</s></speak>" if ssml else f"{SENTENCE} {OTHER}"
    got = model.generate_audio(voice, model.script(text, ssml=ssml), noise=3)
    want = quick().generate_audio(voice, f"{SENTENCE} [pause:300ms] {OTHER}", noise=3)
    assert np.array_equal(got, want)


@pytest.mark.parametrize(
    ("sentence_s", "paragraph_s", "error", "what"),
    [
        (-1, None, ValueError, "after a sentence is -1 seconds; wanted 0 to 600"),
        (float("nan"), None, ValueError, "after a sentence is nan"),
        (0, 601, ValueError, "after a paragraph is 601"),
        ("1", None, TypeError, "after a sentence is a str; wanted seconds"),
        (0, True, TypeError, "after a paragraph is a bool"),
    ],
)
def test_gaps_are_bounded(sentence_s, paragraph_s, error, what):
    with pytest.raises(error, match=what):
        Gaps(sentence_s, paragraph_s)
