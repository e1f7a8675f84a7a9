"""Text that is still being written: its sentences, and their speech in one thread, in two and through a pipe."""

import dataclasses
import gc
import io
import itertools
import os
import re
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pockettts_np import __main__
from pockettts_np.commands.terminal import options, standard_input
from pockettts_np.conditioners import text as rules
from pockettts_np.language.pauses import Pause, parts
from pockettts_np.language.sentences import Sentences
from pockettts_np.synthesis import live_text
from pockettts_np.synthesis.live_text import Prompter, Speaker, SpeechStream, prompts, speak_pieces
from tests.support.speech import SENTENCE, n_threads_at_work, quick
from tests.support.texts import NUMBERS, WORDS, prose

SECONDS = 20  # nobody waits so long unless something is broken
MARKUP = ["[pause:1s]", "[pause:20ms]", "<break/>", "<break time='2s' />", "[pause]", "<b>"]
PIECES = [*"aAbzÉ.!?…,;:'\"”) \n\t-3", "Mr.", " e.g. ", "3.14", "Hello", " world", "\n\n", *MARKUP]
WRITTEN = st.lists(st.sampled_from(PIECES)).map("".join) | prose(WORDS + NUMBERS, ". , ! ? ... ; : .” \n\n")


def n_words(text: str) -> int:
    return len(text.split())


def said(pieces, max_tokens=1000, count=n_words) -> list:
    """Sentences, and the seconds of pauses."""
    sentences = Sentences(count, max_tokens)
    items = [item for piece in pieces for item in sentences.feed(piece)]
    items += sentences.feed("", complete=True)
    return [float(item.seconds) if isinstance(item, Pause) else item for item in items]


def cut(text: str, cuts: list[int]) -> list[str]:
    bounds = sorted({0, len(text), *(i for i in cuts if i < len(text))})
    return [text[a:b] for a, b in itertools.pairwise(bounds)]


def words_of(text: str) -> str:
    return "".join(filter(str.isalnum, text))


# ---------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("“Really?!” he said. (Yes.) No.", ["“Really?!”", "he said.", "(Yes.)", "No."]),
        ("It is 3.14, e.g. for Mr. J. Smith, Ph.D. vs. U.S. law.", None),
        ("See p. 3. Then go.", None),
        ("So it's. And it isn’t. Why", ["So it's.", "And it isn’t.", "Why"]),
        ("1. One thing.\n2. Another.", ["1. One thing.", "2. Another."]),
        ("It was 1984. Then came 1985.", ["It was 1984.", "Then came 1985."]),
        ("Well... maybe… yes. No", ["Well... maybe… yes.", "No"]),
        ("Am 3. Oktober kam Dr. Müller. Er ging.", ["Am 3. Oktober kam Dr. Müller.", "Er ging."]),
        ("Hello.How are you?I am.", ["Hello.", "How are you?I am."]),
        ("fine!Éclair", ["fine!", "Éclair"]),
        ("github.com or ASP.NET or a.B", None),
        ("A title\n\nA text\n \r\n\tMore\nof it", ["A title", "A text", "More\nof it"]),
        ("Many   spaces\t here. \n So", ["Many spaces here.", "So"]),
        ("... ?! --- Hello. * * *\n\n", ["--- Hello."]),
        ("Wait [pause:1s], no. <break/>", ["Wait", 1.0, "no.", 0.75]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_where_a_sentence_ends(text, sentences):
    want = [text] if sentences is None else sentences
    assert said([text]) == want
    assert said(text) == want  # character by character


@given(WRITTEN, st.lists(st.integers(0, 300)), st.integers(1, 12))
@example("word \n\nword.", [5, 6, 7], 1)
@example("a" * 199 + ". " + "b" * 199 + ".c", [200, 401], 50)
@example("a" * 450 + ". " + "b" * 300, [200, 201, 452], 3)
@example("Hello.How", [6, 7], 9)
def test_the_cutting_into_pieces_does_not_matter(text, cuts, max_tokens):
    def count(text):
        return len(text) // 5

    want = said([text], max_tokens, count)
    assert said(cut(text, cuts), max_tokens, count) == want
    assert said(text, max_tokens, count) == want


@given(WRITTEN, st.integers(1, 12))
def test_nothing_is_lost_and_nothing_repeated(text, max_tokens):
    got = said([text], max_tokens)
    want = [float(part.seconds) if isinstance(part, Pause) else words_of(part) for part in parts(text)]
    runs = itertools.groupby(got, key=lambda item: isinstance(item, str))
    assert [x for is_text, run in runs for x in ([words_of("".join(run))] if is_text else run)] == [
        part for part in want if part != ""
    ]


@given(prose(WORDS + NUMBERS, ". , ! ? ... ;"))
def test_sentences_end_only_where_those_of_a_whole_text_do(get, text):
    assume(not re.search(r"\d[.] \d", text))  # which a whole text takes for one number, as the reference does
    tokenizer = get("bytes")
    segments = rules._sentences(tokenizer, tokenizer.encode(text))
    ends = list(itertools.accumulate(len(words_of(segment)) for _, segment in segments))
    assert set(itertools.accumulate(len(words_of(sentence)) for sentence in said([text]))) <= {
        *ends,
        len(words_of(text)),
    }


@given(prose(WORDS, ". ,"), st.integers(1, 8))
def test_what_is_too_long_is_cut_at_a_clause_then_between_words(text, max_tokens):
    got = said([text], max_tokens)
    assert " ".join(got).split() == text.split()
    assert all(n_words(sentence) <= 2 * max_tokens for sentence in got)
    for sentence, following in itertools.pairwise(got):
        n_clauses = sum(word.endswith((",", ".")) for word in sentence.split())
        if n_words(sentence) > max_tokens:
            assert n_clauses <= 1
        if not sentence.endswith((".", ",")):
            assert n_words(sentence) == 2 * max_tokens
            assert following


def test_a_word_without_end_is_cut():
    got = said(["x" * 10_000], 10, lambda text: len(text) // 4)
    assert "".join(got) == "x" * 10_000
    assert max(map(len, got)) <= 200
    sentences = Sentences(lambda text: 0, 10)  # whatever the model can read of it
    assert [len(sentence) for sentence in sentences.feed("x" * 1_000)] == [400, 400]


@pytest.mark.parametrize("flood", [" ", "\n", "[", "<", ".", "\t ", "<break"])
def test_a_flood_takes_no_memory(flood):
    sentences = Sentences(lambda text: len(text) // 4, 50)
    for piece in ["Hello", *[flood * 100] * 100]:
        list(sentences.feed(piece))
        assert len(sentences._text) + len(sentences._markup._held) < 2_000


def test_a_pause_that_is_too_long_is_refused_when_it_comes():
    sentences = Sentences(n_words, 50)
    assert list(sentences.feed("Hello. [pau")) == ["Hello."]
    assert list(sentences.feed("se:60")) == []
    with pytest.raises(ValueError, match=r"The pause \[pause:601s\] is too long"):
        list(sentences.feed("1s]"))


def test_a_piece_is_text():
    with pytest.raises(TypeError, match="A piece of the text is a NoneType; wanted a str"):
        list(Sentences(n_words, 50).feed(None))


# ---------------------------------------------------------------- one thread


class Recorder(Speaker):
    """Speaks each prompt as two samples, its number, and remembers it."""

    def __init__(self, max_tokens=4, speak=None):
        super().__init__(n_words, max_tokens, speak or self._say)
        object.__setattr__(self, "heard", [])

    def _say(self, part, stop):
        self.heard.append(part if isinstance(part, str) else float(part.seconds))
        for _ in range(2):
            if not stop.is_set():
                yield np.full(1, len(self.heard))


def test_a_piece_is_taken_once_all_before_it_is_spoken():
    speaker, taken = Recorder(), []
    pieces = (taken.append(piece) or piece for piece in ["One. Tw", "o. ", "Three. Four. Fi", "ve"])
    speech = speak_pieces(speaker, pieces, threading.Event())
    for want_taken, want_heard in [(1, ["One."]), (2, ["Two."]), (3, ["Three. Four."]), (4, ["Five"])]:
        next(speech), next(speech)
        assert len(taken) == want_taken
        assert speaker.heard[-1:] == want_heard
    assert list(speech) == []


@given(WRITTEN, st.lists(st.integers(0, 300)), st.integers(1, 12))
def test_sentences_are_spoken_once_and_in_order(text, cuts, max_tokens):
    """Those that are complete together share a prompt where they fit, and only then."""
    speaker = Recorder(max_tokens)
    list(speak_pieces(speaker, cut(text, cuts), threading.Event()))
    alone = said([text], max_tokens)
    for prompt in speaker.heard:
        if not isinstance(prompt, str):
            assert alone.pop(0) == prompt
            continue
        joined = alone.pop(0)
        while joined != prompt:
            joined = f"{joined} {alone.pop(0)}"
            assert prompt.startswith(joined)
            assert n_words(joined) <= max_tokens
    assert alone == []


def test_a_long_text_is_cut_as_it_is_spoken():
    counted = []
    prompter = Prompter(lambda text: counted.append(text) or n_words(text), 4)
    found = prompts(prompter, ["One two three. " * 1000])
    assert [next(found), next(found)] == ["One two three."] * 2
    assert len(counted) < 20


def test_the_scripts_of_a_text_are_what_is_spoken_of_it(voice):
    model, rng = quick(), np.random.default_rng(3)
    pieces = ["Hel", "lo. Was it", " red? [pause:1s] " + SENTENCE]
    got = [model.generate_audio(voice, script, noise=rng) for script in model.scripts(pieces, max_tokens=20)]
    want = model.generate_from(voice, pieces, max_tokens=20, noise=3)
    assert np.array_equal(np.concatenate(got), np.concatenate(list(want)))
    with pytest.raises(ValueError, match="max_tokens is 0"):
        model.scripts([], max_tokens=0)


def test_stop_ends_the_speech_between_pieces():
    stop, speaker = threading.Event(), Recorder()
    speech = speak_pieces(speaker, itertools.repeat("One. Two three four five. "), stop)
    next(speech)
    stop.set()
    assert list(speech) == []
    assert len(speaker.heard) == 1


@settings(max_examples=8)
@given(st.lists(st.sampled_from(["Hello. ", SENTENCE + " ", "[pause:0.1s]", "[pau", "se:1ms]"]), max_size=4))
def test_a_model_speaks_each_sentence_as_it_does_alone(voice, pieces):
    """But for 5 ms of fading out, as before a pause: what follows is not known yet."""
    model, rng = quick(), np.random.default_rng(3)
    sentences = Sentences(n_words, 1000)
    try:
        items = [item for piece in [*pieces, "\n\n"] for item in sentences.feed(piece)]
    except ValueError:
        return
    alone = [f"{item}[pause:0]" if isinstance(item, str) else f"[pause:{float(item.seconds)}s]" for item in items]
    want = [model.generate_audio(voice, text, max_tokens=1000, noise=rng) for text in alone]
    got = list(model.generate_from(voice, iter(pieces), noise=3, max_tokens=1000))
    assert np.array_equal(np.concatenate([[], *got]), np.concatenate([[], *want]))


def test_a_whole_text_is_one_piece(voice):
    model = quick()
    got, want = (np.concatenate(list(model.generate_from(voice, text, noise=3))) for text in (SENTENCE, [SENTENCE]))
    assert np.array_equal(got, want)


def test_what_the_model_cannot_read_does_not_end_the_speech(voice, caplog):
    model = quick()
    config = dataclasses.replace(model.config, replace_characters=(("x", ""),))
    model = dataclasses.replace(model, config=config)
    spoken = list(model.generate_from(voice, ["xx. ", "xx\n\n", "Hello."], noise=3))
    assert len(spoken) > 0
    assert [record.getMessage() for record in caplog.records] == [
        "Left out, as the model can read no character of it: xx"
    ]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"frames_after_eos": -1}, "frames_after_eos is -1"),
        ({"noise": -1}, "seed"),
    ],
)
def test_options_out_of_range_are_refused_at_once(voice, options, error):
    for speak in (lambda **o: quick().generate_from(voice, [], **o), lambda **o: quick().stream(voice, **o)):
        with pytest.raises(ValueError, match=error):
            speak(**options)
    with pytest.raises(TypeError, match="The voice is a str"):
        quick().stream("alba")


# ---------------------------------------------------------------- two threads


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool
    assert n_threads_at_work() == 0


def listen(speech) -> list[float]:
    return [float(samples[0]) for samples in speech]


@given(WRITTEN, st.lists(st.integers(0, 300)))
@settings(max_examples=40)
def test_what_one_thread_writes_another_hears(text, cuts):
    speaker = Recorder(1)
    speech = SpeechStream(speaker)
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(listen, speech)
        with speech:
            for piece in cut(text, cuts):
                speech.write(piece)
        heard.result(SECONDS)
    assert speaker.heard == said([text], 1)


def test_the_first_sentence_is_heard_while_the_second_is_written(pool):
    speech = SpeechStream(Recorder())
    samples = iter(speech)
    first = pool.submit(next, samples)
    speech.write("Hel")
    speech.write("lo. How are")
    assert first.result(SECONDS) == 1
    assert next(samples) == 1
    second = pool.submit(next, samples)
    assert not second.done()
    speech.write(" you? ")
    assert second.result(SECONDS) == 2
    speech.close()
    assert listen(samples) == [2]


def test_sentences_written_during_speech_share_a_prompt():
    speaker = Recorder(max_tokens=4)
    speech = SpeechStream(speaker)
    samples = iter(speech)
    speech.write("One. ")
    next(samples)
    speech.write("Two. Three four. Five six. [pause:1s] Seven. ")
    speech.close()
    list(samples)
    assert speaker.heard == ["One.", "Two. Three four.", "Five six.", 1.0, "Seven."]


def test_flush_says_that_a_sentence_is_complete(pool):
    speaker = Recorder()
    speech = SpeechStream(speaker)
    samples = iter(speech)
    first = pool.submit(next, samples)
    speech.write("Let me see")
    speech.flush()
    assert first.result(SECONDS) == 1
    speech.write("it. ")
    speech.close()
    speech.close()
    list(samples)
    assert speaker.heard == ["Let me see", "it."]
    with pytest.raises(ValueError, match="The text of this speech is closed"):
        speech.write("More.")
    with pytest.raises(ValueError, match="The text of this speech is closed"):
        speech.flush()


def test_an_error_of_the_writer_comes_after_what_is_complete():
    speaker = Recorder()
    speech = SpeechStream(speaker)
    with pytest.raises(KeyError), speech:  # noqa: PT012
        speech.write("One. Two and")
        raise KeyError("lost")
    with pytest.raises(KeyError, match="lost"):
        list(speech)
    assert speaker.heard == ["One."]


def test_a_pause_that_is_too_long_ends_the_text_in_both_threads():
    speech = SpeechStream(Recorder())
    with pytest.raises(ValueError, match="is too long"):
        speech.write("One. [pause:601s] Two.")
    with pytest.raises(ValueError, match="is closed"):
        speech.write("Three.")
    samples = iter(speech)
    assert [next(samples), next(samples)] == [1, 1]
    with pytest.raises(ValueError, match="is too long"):
        next(samples)


def test_an_error_of_the_speech_reaches_the_writer(pool):
    def fail(part, stop):
        yield np.zeros(1)
        raise FloatingPointError("damaged")

    speech = SpeechStream(Recorder(speak=fail))
    heard = pool.submit(listen, speech)
    speech.write("One. ")
    with pytest.raises(FloatingPointError, match="damaged"):
        heard.result(SECONDS)
    with pytest.raises(FloatingPointError, match="damaged"), speech:
        speech.write("Two.")


@pytest.mark.parametrize("leave", ["close", "forget", "cancel"])
def test_a_listener_who_leaves_ends_the_block_of_the_writer(leave):
    speech = SpeechStream(Recorder())
    samples = iter(speech)
    speech.write("One. ")
    next(samples)
    if leave == "close":
        samples.close()
    elif leave == "cancel":
        speech.cancel()
    del samples
    gc.collect()
    wrote = []
    with speech:
        speech.write("Two. ")
        wrote.append("Two")
    assert wrote == []
    with pytest.raises(CancelledError, match="Nobody listens to this speech any more"):
        speech.write("Three. ")
    speech.close()  # which is allowed


def test_ctrl_c_in_the_block_cancels():
    speech = SpeechStream(Recorder())
    with pytest.raises(KeyboardInterrupt), speech:  # noqa: PT012
        speech.write("One. Two. ")
        raise KeyboardInterrupt
    assert list(speech) == []


def test_cancel_wakes_who_waits_and_drops_what_waits(pool):
    speaker = Recorder()
    speech = SpeechStream(speaker)
    heard = pool.submit(listen, speech)
    time.sleep(0.05)
    speech.cancel()
    assert heard.result(SECONDS) == []
    speech = SpeechStream(speaker)
    speech.write("One. Two three four five. Six. ")
    samples = iter(speech)
    next(samples)
    speech.cancel()
    assert list(samples) == []
    assert speaker.heard == ["One."]


def test_cancel_ends_speech_within_a_frame(voice, pool):
    model = quick(threads=2, eos_threshold=np.inf)
    speech = model.stream(voice)
    speech.write(SENTENCE + " [pause:600s] ")
    samples = iter(speech)
    next(samples)
    speech.cancel()
    assert list(samples) == []


def test_a_writer_waits_for_a_listener_who_is_far_behind(pool, monkeypatch):
    monkeypatch.setattr(live_text, "MAX_WAITING", 5)
    speaker = Recorder(max_tokens=1)
    speech = SpeechStream(speaker)
    samples = iter(speech)
    speech.write("Hi. ")
    next(samples)
    writer = pool.submit(lambda: [speech.write("Go. ") for _ in range(20)] and speech.close())
    time.sleep(0.1)
    assert not writer.done()
    assert len(speech._waiting) == 5
    assert len(list(samples)) == 41
    writer.result(SECONDS)
    assert speaker.heard == ["Hi.", *["Go."] * 20]


def test_a_writer_who_waits_learns_that_the_listener_left(pool, monkeypatch):
    monkeypatch.setattr(live_text, "MAX_WAITING", 5)
    speech = SpeechStream(Recorder(max_tokens=1))
    samples = iter(speech)
    speech.write("Hi. ")
    next(samples)
    writer = pool.submit(speech.write, "Go. " * 20)
    time.sleep(0.05)
    samples.close()
    with pytest.raises(CancelledError):
        writer.result(SECONDS)
    with pytest.raises(CancelledError):
        speech.write("And more.")


def test_a_writer_without_a_listener_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(live_text, "MAX_WAITING", 5)
    speech = SpeechStream(Recorder(max_tokens=1))
    with pytest.raises(
        RuntimeError, match=r"5 sentences are written and nobody listens: iterate .* or use generate_from"
    ):
        speech.write("Go. " * 6)


def test_a_speech_is_heard_once():
    speech = SpeechStream(Recorder())
    speech.write("One.")
    speech.close()
    assert listen(speech) == [1, 1]
    with pytest.raises(RuntimeError, match="listened to already"):
        next(iter(speech))


def test_who_waits_takes_no_processor_time(pool):
    speech = SpeechStream(Recorder())

    def listen():
        start = time.thread_time()
        return len(list(speech)), time.thread_time() - start

    heard = pool.submit(listen)
    time.sleep(0.3)
    speech.close()
    n, seconds = heard.result(SECONDS)
    assert n == 0
    assert seconds < 0.1


def test_many_speeches_share_a_model(voice, pool):
    model = quick(threads=2)
    want = [model.generate_audio(voice, SENTENCE + "[pause:0]", noise=i) for i in range(4)]

    def speak(i):
        speech = model.stream(voice, noise=i)
        with speech:
            for piece in SENTENCE:
                speech.write(piece)
        return np.concatenate(list(speech))

    for got, wanted in zip(pool.map(speak, range(4)), want, strict=True):
        assert np.array_equal(got, wanted)


# ---------------------------------------------------------------- the command


class Trickle(io.BytesIO):
    """Standard input of which each read gives `n` bytes."""

    def __init__(self, data: bytes, n: int) -> None:
        super().__init__(data)
        self.n, self.buffer = n, self

    def read1(self, size):
        return super().read1(min(self.n, size))


@given(st.text(), st.integers(1, 7), st.booleans())
def test_standard_input_is_read_in_pieces_of_any_size(text, n, marked):
    stdin = Trickle(text.encode("utf-8-sig" if marked else "utf-8"), n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", stdin)
        assert "".join(standard_input.read_pieces()) == (text if marked else text.removeprefix("\ufeff"))


@pytest.mark.parametrize("n", [1, 3, 100])
@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"good \xff bad", "0xff at position 5"),
        ("é".encode() * 9 + b"\xc3", "0xc3 at position 18"),
        (b"\xe2\x82 ", "0xe2 at position 0"),
    ],
)
def test_bytes_that_are_not_utf8_are_named(monkeypatch, data, where, n):
    monkeypatch.setattr(sys, "stdin", Trickle(data, n))
    with pytest.raises(ValueError, match=f"Standard input is not UTF-8 text: byte {where}; convert it first"):
        list(standard_input.read_pieces())


def command(golden: Path, *options: object) -> list[str]:
    model = ["--config", golden / "lsd.toml", "--voice", golden / "voice_saved.safetensors"]
    return [str(option) for option in ["generate", *model, "--quiet", *options]]


def test_the_first_sound_comes_while_the_pipe_is_open(golden, tmp_path, monkeypatch, pool):
    """Through real pipes, into which a character comes in two parts; the same as the whole text with a pause after."""
    monkeypatch.setattr(options, "load_tts_model", lambda args: quick())
    to_write, to_hear = os.pipe(), os.pipe()
    stdin, stdout = os.fdopen(to_write[0], "r", encoding="utf-8"), os.fdopen(to_hear[1], "w", encoding="utf-8")
    with stdin, os.fdopen(to_write[1], "wb", 0) as text, os.fdopen(to_hear[0], "rb") as sound, stdout:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        status = pool.submit(
            __main__.main, command(golden, "--seed", 1, "--text", "-", "--follow", "--output-path", "-")
        )
        text.write("Hi. [pause:1s] Wo bist dü".encode()[:-1])
        heard = sound.read(44 + 2 * 24_000)  # and the pipe is still open
        text.write("ü?".encode()[1:])
        text.close()
        rest = pool.submit(sound.read)
        assert status.result(SECONDS) == 0
        stdout.close()
        heard += rest.result(SECONDS)
    whole = ["--text", "Hi. [pause:1s] Wo bist dü? [pause:0]", "--output-path", tmp_path / "a.wav"]
    assert __main__.main(command(golden, "--seed", 1, *whole)) == 0
    assert heard[44:] == (tmp_path / "a.wav").read_bytes()[44:]


@pytest.mark.parametrize(
    ("arguments", "stdin", "error"),
    [
        (["--follow", "--text", "Hello."], b"", "--follow reads standard input, so it takes no text but --text -"),
        (["--follow"], b" \n", "There is nothing to say: the text is empty or all white space."),
        (["--follow", "--text", "-"], b"Hello. \xff", "not UTF-8 text: byte 0xff at position 7; convert it first."),
        (["--follow"], b"Hello. [pause:601s]", "The pause [pause:601s] is too long"),
        (["--text", "Hello. [pause:601s]"], b"", "The pause [pause:601s] is too long"),
    ],
)
def test_errors_are_sentences_and_leave_no_file(golden, tmp_path, monkeypatch, capsys, arguments, stdin, error):
    monkeypatch.setattr(options, "load_tts_model", lambda args: quick())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    monkeypatch.chdir(tmp_path)
    assert __main__.main(command(golden, *arguments)) == 1
    assert error in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
