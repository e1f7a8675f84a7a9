"""Pauses: what is markup and what is text, exact silences, and speech that does not change where there are none."""

import dataclasses
import itertools
import re
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np.conditioners.text import NothingToSpeakError, split_into_chunks
from pockettts_np.language import pauses
from pockettts_np.language.pauses import Markup, Pause, parts
from pockettts_np.synthesis import generation
from tests.support.speech import FRAME_SAMPLES, SENTENCE, TWO_SENTENCES, n_threads_at_work, quick

RATE_HZ = 24_000
FADE_SAMPLES = 120
UNREADABLE = [
    "[pause:abc]",
    "[pause:]",
    "[pause:-1s]",
    "[pause:1s2]",
    "[pause:.]",
    "[pause:1e3]",
    "[pause:٣s]",
    "[pause 5 apples]",
    "<break time='5'/>",
    "<break time='5s\"/>",
    "<break time='1s' time='2s'/>",
    "<break strength='huge'/>",
    "<break length='1s'/>",
    "<break length='1s'>",
    "<break time='1s' strength=''/>",
    "<break time='1s' / >",
]
PIECES = [
    "Hello",
    "world.",
    " ",
    "\n",
    "[",
    "<",
    "]",
    ">",
    "/",
    "[pau",
    "se:",
    "5",
    "ms",
    "s",
    "<brea",
    "k",
    ' time="1s"',
]
MARKED_UP = st.lists(st.sampled_from([*PIECES, "[pause:1s]", "[pause:20ms]", "<break/>", "<break time='2s' />"])).map(
    "".join
)


def seconds(text: str) -> list:
    return [float(part.seconds) if isinstance(part, Pause) else part for part in parts(text)]


# ---------------------------------------------------------------- what is a pause


@pytest.mark.parametrize(
    ("markup", "length"),
    [
        ("[pause:500ms]", 0.5),
        ("[pause:1.5s]", 1.5),
        ("[pause:2]", 2),
        ("[pause:.5]", 0.5),
        ("[pause:2.]", 2),
        ("[pause: 250 ms ]", 0.25),
        ("[PAUSE:1S]", 1),
        ("[pause:0]", 0),
        ("[pause:600s]", 600),
        ('<break time="500ms"/>', 0.5),
        ("<break time='1.5s' />", 1.5),
        ("<break\n  time = '1.5s'\n/>", 1.5),
        ("<BREAK time='1s'/>", 1),
        ("<break/>", 0.75),
        ("<break />", 0.75),
        ('<break strength="none"/>', 0),
        ('<break strength="x-weak"/>', 0.25),
        ('<break strength="weak"/>', 0.5),
        ('<break strength="medium"/>', 0.75),
        ('<break strength="strong"/>', 1),
        ('<break strength="x-strong"/>', 1.25),
        ('<break strength="strong" time="3s"/>', 3),
        ("[pause]", 0.75),
        ("[pause 1s]", 1),
        ("[pause 1.5]", 1.5),
        ("[pause=2]", 2),
        ("[pause:1,5s]", 1.5),
        ("[pause:5 sec.]", 5),
        ("[pause: 200 milliseconds]", 0.2),
        ("[pause:1 minute]", 60),
        ('<BREAK TIME="1S"/>', 1),
        ("<break time=5s/>", 5),
        ('<break time="2s">', 2),
        ('<break time="2s"></break>', 2),
        ("<break time='2s' > \n</BREAK >", 2),
        ("<break></break>", 0.75),
        ('<break time="3s" strength="strong"/>', 3),
    ],
)
def test_pauses_have_the_length_that_is_written(markup, length):
    assert seconds(markup) == [length]
    assert seconds(f"One{markup}two") == ["One", length, "two"]
    assert seconds(f" {markup} One.\n{markup}\n") == [length, "One.", length]


@pytest.mark.parametrize("markup", UNREADABLE)
def test_a_pause_whose_length_cannot_be_read_is_medium_and_the_right_form_is_shown(markup, caplog):
    assert seconds(f"One {markup} two.") == ["One", 0.75, "two."]
    message = caplog.messages[0]
    assert message.startswith(f"{markup!r} is taken as a pause of 0.75 s: write [pause:500ms], ")
    assert '<break time="500ms"/>' in message


def test_a_pause_is_bounded():
    with pytest.raises(ValueError, match=r"The pause \[pause:601s\] is too long; wanted at most 600 seconds"):
        parts("One [pause:601s] two.")
    an_hour = "[pause:600s]" * 6
    assert len(parts(an_hour)) == 6
    with pytest.raises(ValueError, match=r"last 3600\.001 seconds in all; wanted at most 3600.* in several parts"):
        parts(an_hour + "[pause:1ms]")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "...",
        "A [pauses] for breath, [pause for thought], [pause 2 of 3], [ pause:1s] and pause:1s].",
        "<speak>1 < 2</speak> <breakfast/> <breaking news> <br/> <break",
        "Use the HTML tag <break> to stop, or </break>, or <break here>.",
        "[pause:5s and no end",
        "[pause:5\ns]",
        "[pause:" + "1" * 101 + "]",
        "<break" + " " * 102 + "/>",
        "<break time='5s'",
        "<Break",
        "[pause",
        "a[",
        "<",
    ],
)
def test_other_text_stays_as_it_is(text):
    assert parts(text) == [text]


@given(st.text())
def test_a_text_without_markup_is_one_prompt(text):
    if not re.search(r"\[pause|<break", text, re.IGNORECASE):
        assert parts(text) == [text]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Wait [pause:1s], no. Yes", ["Wait", 1, "no. Yes"]),
        ("Wait [pause:1s].", ["Wait", 1]),
        ("Wait [pause:1s]. Go", ["Wait", 1, "Go"]),
        ("Wait [pause:1s] .5 or ...5", ["Wait", 1, ".5 or ...5"]),
        ("“[pause:1s]” [pause:2s] —", [1, 2]),
    ],
)
def test_marks_that_a_pause_parts_from_their_words_are_not_spoken(text, want):
    assert seconds(text) == want


@given(MARKED_UP, st.lists(st.integers(0, 60)))
@example("[pause:5" + "x" * 95, [60])
@example("<break time='5s'", [3])
@example("<break time='5s'></break>", [17])
@example("<break time='5s'> </strong>", [20])
@example("<break></break>", [8])
def test_the_cutting_into_pieces_does_not_matter(text, cuts):
    def events(pieces):
        markup, found = Markup(), []
        try:
            for piece, last in pieces:
                found += markup.feed(piece, last)
        except ValueError as error:
            return type(error)
        runs = itertools.groupby(found, key=lambda part: isinstance(part, str))
        return [part for is_text, run in runs for part in (["".join(run)] if is_text else run)]

    bounds = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [(text[a:b], False) for a, b in itertools.pairwise(bounds)]
    assert events([*pieces, ("", True)]) == events([(text, True)])


@pytest.mark.parametrize("text", ["[pause:5\n", "[pause:[", "[pause:" + "1" * 111, "<break <", "<break" + " " * 301])
def test_what_turns_out_to_be_no_pause_is_given_as_soon_as_it_is_clear(text):
    markup = Markup()
    given = "".join(part for character in text for part in markup.feed(character) if isinstance(part, str))
    assert len(given) >= len(text) - 6
    assert given + "".join(markup.feed("", last=True)) == text


# ---------------------------------------------------------------- how they sound


def performance(model, voice, script, noise):
    """Each text alone, from the same draws; before a pause its last 5 ms fade out."""
    rng, sound = np.random.default_rng(noise), []
    for part, following in itertools.zip_longest(script, script[1:]):
        if isinstance(part, str):
            speech = model.generate_audio(voice, part, noise=rng)
            if following is not None and not isinstance(following, str):
                speech[-FADE_SAMPLES:] *= np.linspace(1, 0, FADE_SAMPLES, dtype=np.float32)
            sound.append(speech)
        else:
            sound.append(np.zeros(part, np.float32))
    return np.concatenate(sound)


@settings(max_examples=12)
@given(
    st.lists(
        st.sampled_from(["Hello.", SENTENCE, "Was it red or blue?"])
        | st.integers(0, 5_000).filter(lambda n: n != 1920),
        min_size=1,
        max_size=4,
    ).filter(lambda script: not any(isinstance(a, str) and isinstance(b, str) for a, b in itertools.pairwise(script))),
    st.sampled_from([1, 2]),
)
def test_silences_are_exact_to_the_sample(voice, script, threads):
    """Milliseconds have 24 samples, so a length in samples is written as so many twenty-fourths of one."""
    model = quick(threads)
    text = " ".join(part if isinstance(part, str) else f"[pause:{part / RATE_HZ * 1000:.6f}ms]" for part in script)
    if any(not isinstance(part, str) for part in script):
        assert np.array_equal(model.generate_audio(voice, text, noise=4), performance(model, voice, script, 4))


def test_adjacent_pauses_add_up(voice):
    model = quick()
    want = performance(model, voice, ["Hello.", 5 * 2400, "Hello."], 1)
    got = model.generate_audio(voice, "Hello. [pause:100ms] <break time='0.3s'/>[pause:.1]\nHello.", noise=1)
    assert np.array_equal(got, want)


@pytest.mark.parametrize("text", ["[pause:21.00005s]Hello.[pause:0]", f"{TWO_SENTENCES} [pause:.1][pause:25] Hello."])
def test_in_turns_a_script_sounds_as_the_whole(voice, text):
    model = quick()
    script, rng = model.script(text, max_tokens=20), np.random.default_rng(4)
    turns = list(script.in_turns())
    assert all(len(turn.chunks) <= 1 and turn.parts[0].seconds <= 10 for turn in turns if not turn.chunks)
    got = np.concatenate([model.generate_audio(voice, turn, noise=rng) for turn in turns])
    assert np.array_equal(got, model.generate_audio(voice, script, noise=4))


@pytest.mark.parametrize("text", ["[pause:1.25s]", " [pause:1s]\n<break strength='x-weak'/> ", "… [pause:1.25] !"])
def test_pauses_alone_are_that_silence(voice, text):
    assert np.array_equal(quick().generate_audio(voice, text), np.zeros(30_000, np.float32))


def test_a_pause_is_rounded_to_the_nearest_sample():
    assert [Pause(Fraction(n, 10)).n_samples(24) for n in range(5)] == [0, 2, 5, 7, 10]


@pytest.mark.parametrize("text", [SENTENCE, TWO_SENTENCES, "Is 1 < 2? <b>Yes</b> [pause for breath]. " + SENTENCE])
def test_speech_without_pauses_is_that_of_its_chunks(voice, text):
    model = quick()
    chunks = split_into_chunks(model.tokenizer, text, 20, model.config)
    got = model.generate_audio(voice, text, max_tokens=20, noise=9)
    rng = np.random.default_rng(9)
    assert np.array_equal(got, np.concatenate([model.generate_audio(voice, chunk.text, noise=rng) for chunk in chunks]))


def test_chunk_limits_hold_between_pauses(voice):
    model = quick()
    first, second = (chunk.text for chunk in split_into_chunks(model.tokenizer, TWO_SENTENCES, 20, model.config))
    got = model.generate_audio(voice, f"{TWO_SENTENCES} [pause:1s] Hello.", max_tokens=20, noise=9)
    assert np.array_equal(got, performance(model, voice, [first, second, RATE_HZ, "Hello."], 9))


def test_speech_may_go_on_in_the_voice_itself(voice):
    one, two = voice.copy(), voice.copy()
    model = quick()
    model.generate_audio(one, "Hello. [pause:1s] Hello.", copy_state=False, noise=1)
    rng = np.random.default_rng(1)
    for _ in range(2):
        model.generate_audio(two, "Hello.", copy_state=False, noise=rng)
    assert one.position == two.position
    assert np.array_equal(one.rows(), two.rows())


def test_text_that_the_model_cannot_read_is_left_out_beside_a_pause(voice, caplog):
    model = quick()
    model = dataclasses.replace(model, config=dataclasses.replace(model.config, replace_characters=(("x", ""),)))
    got = model.generate_audio(voice, "xx [pause:1s] Hello.", noise=1)
    assert np.array_equal(got, performance(model, voice, [RATE_HZ, "Hello."], 1))
    assert [record.getMessage() for record in caplog.records] == [
        "Left out, as the model can read no character of it: xx"
    ]
    with pytest.raises(NothingToSpeakError, match="There is nothing to speak"):
        model.generate_audio(voice, "xx")


def test_a_pause_that_is_too_long_is_refused_before_the_first_chunk(voice):
    with pytest.raises(ValueError, match="is too long"):
        quick().generate_audio_stream(voice, "Hello. [pause:601s] Hello.")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_silence_comes_frame_by_frame_and_stops(voice, threads):
    stop = threading.Event()
    stream = quick(threads).generate_audio_stream(voice, "[pause:600s] Hello.", stop=stop)
    for _ in range(3):
        assert np.array_equal(next(stream), np.zeros(FRAME_SAMPLES, np.float32))
    stop.set()
    assert list(stream) == []
    assert n_threads_at_work() == 0


def test_the_rest_of_a_silence_is_a_short_frame():
    frames = list(generation.silence(50, 20, threading.Event()))
    assert [len(frame) for frame in frames] == [20, 20, 10]
    assert list(generation.silence(0, 20, threading.Event())) == []


@given(st.lists(st.integers(0, 30)), st.integers(1, 20))
def test_speech_fades_out_however_it_is_cut(lengths, n_samples):
    want = np.random.default_rng(0).standard_normal(sum(lengths)).astype(np.float32)
    bounds = list(itertools.accumulate(lengths, initial=0))
    pieces = (want[a:b].copy() for a, b in itertools.pairwise(bounds))
    got = np.concatenate([np.zeros(0, np.float32), *generation.fade_out(pieces, n_samples)])
    n_faded = min(n_samples, len(want))
    want[len(want) - n_faded :] *= np.linspace(1, 0, n_faded, dtype=np.float32)
    assert np.array_equal(got, want)


def test_closing_a_fade_closes_its_source():
    closed = []

    def source():
        try:
            yield np.ones(100, np.float32)
        finally:
            closed.append(True)

    pieces = source()
    fading = generation.fade_out(pieces, 10)
    next(fading)
    fading.close()
    assert closed == [True]


def test_strengths_are_a_table_that_grows():
    lengths = list(pauses.STRENGTH_MS.values())
    assert lengths == sorted(lengths)
