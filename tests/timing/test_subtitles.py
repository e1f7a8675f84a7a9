"""Subtitles: what a cue may hold, the three formats, the file, and the option of the command."""

import itertools
import json
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts_np import TTSModel, __main__
from pockettts_np.audio.recording import read_audio
from pockettts_np.commands.terminal import options
from pockettts_np.timing import subtitles
from pockettts_np.timing.letters import Word
from pockettts_np.timing.subtitles import cues, require_format, srt, vtt, word_list, write_subtitles
from tests.support.helpers import files
from tests.support.speech import quick, timed_model

SPOKEN = string.ascii_letters + string.digits + ".,;:!?…—'\"&<>»é日"
GAPS_S = st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.4, 1.5])


@st.composite
def speeches(draw, shortest_s: float = 0.0) -> list[Word]:
    """Words of all lengths, also of no duration, close together or with pauses between them."""
    words, now_s = [], 0.0
    for text in draw(st.lists(st.text(SPOKEN, min_size=1, max_size=14), max_size=40)):
        start_s = now_s + draw(GAPS_S)
        now_s = start_s + draw(st.floats(shortest_s, 0.8))
        words.append(Word(text, start_s, now_s))
    return words


def spoken(text: str, word_s: float = 0.3) -> list[Word]:
    """The words of a text, one after the other."""
    return [Word(word, i * word_s, (i + 1) * word_s) for i, word in enumerate(text.split())]


def clock(text: str) -> int:
    hours, minutes, seconds, ms = map(int, re.fullmatch(r"(\d\d):(\d\d):(\d\d)[.,](\d\d\d)", text).groups())
    assert minutes < 60
    assert seconds < 60
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def read_back(text: str, comma: bool) -> list[tuple[int, int, list[str]]]:
    """The cues of a SubRip or WebVTT file."""
    found = []
    for block in text.split("\n\n") if text else []:
        lines = block.strip("\n").split("\n")
        if lines == ["WEBVTT"]:
            continue
        if comma:
            assert lines.pop(0) == str(len(found) + 1)
        start, arrow, end = lines.pop(0).split(" ")
        assert arrow == "-->"
        assert ("," in start) == ("," in end) == comma
        found.append((clock(start), clock(end), lines))
    return found


# ---------------------------------------------------------------- cues


@given(speeches())
def test_cues_hold_all_words_within_their_limits(words):
    found = cues(words)
    assert " ".join(line for cue in found for line in cue.lines).split() == [word.text for word in words]
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert all(1 <= len(line) <= 42 for line in cue.lines)
        assert 0 < cue.end_ms - cue.start_ms <= 7000
    for cue, following in itertools.pairwise(found):
        assert cue.end_ms <= following.start_ms


@given(speeches(shortest_s=0.003))
def test_cues_have_the_times_of_their_words(words):
    first = 0
    for cue in cues(words):
        n = len(" ".join(cue.lines).split())
        assert cue.start_ms == round(1000 * words[first].start_s)
        assert cue.end_ms == round(1000 * words[first + n - 1].end_s)
        for word, following in itertools.pairwise(words[first : first + n]):
            assert following.start_s - word.end_s < 1
        first += n


def test_a_cue_ends_at_a_sentence_or_else_at_a_clause():
    wanted = [
        "The old man walked slowly down the street.",
        "Nobody knew where he was going that day,",
        "and he did not say a single word to anybody in the town.",
    ]
    assert [" ".join(cue.lines) for cue in cues(spoken(" ".join(wanted)))] == wanted


def test_a_cue_is_not_cut_short_for_a_mark():
    text = "No. " + "word " * 30
    assert cues(spoken(text))[0].lines[0].startswith("No. word word")
    assert len(" ".join(cues(spoken(text))[0].lines)) > 70


def test_short_sentences_share_a_cue():
    assert [cue.lines for cue in cues(spoken("I am here. Are you there?"))] == [("I am here. Are you there?",)]


def test_lines_are_even_or_end_at_a_mark():
    (cue,) = cues(spoken("one two three four five six seven eight nine ten"))
    assert cue.lines == ("one two three four five", "six seven eight nine ten")
    (cue,) = cues(spoken("one two three four, five six seven eight nine ten"))
    assert cue.lines == ("one two three four,", "five six seven eight nine ten")
    (cue,) = cues(spoken("he said “come with us tonight,” and nobody answered"))
    assert cue.lines[0].endswith(",”")


def test_a_word_too_long_stands_alone():
    long = "x" * 50
    assert [cue.lines for cue in cues(spoken(f"a {long} b"))] == [("a",), (long,), ("b",)]
    (cue,) = cues([Word("slow", 1.0, 9.0)])
    assert (cue.start_ms, cue.end_ms) == (1000, 8000)


def test_a_cue_ends_before_a_long_pause():
    words = [Word("Well.", 0.0, 0.5), Word("No.", 1.5, 2.0), Word("Yes.", 2.9, 3.0)]
    assert [cue.lines for cue in cues(words)] == [("Well.",), ("No. Yes.",)]


# ---------------------------------------------------------------- formats


@given(speeches())
def test_subrip_and_webvtt_say_the_cues(words):
    wanted = [(cue.start_ms, cue.end_ms, list(cue.lines)) for cue in cues(words)]
    assert read_back(srt(words), comma=True) == wanted
    plain = vtt(words).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert read_back(plain, comma=False) == wanted
    assert vtt(words).startswith("WEBVTT\n")
    assert not re.search(r"<|&(?!amp;|lt;|gt;)", vtt(words))
    assert vtt(words).count(">") == len(wanted)  # the arrows


@given(speeches())
def test_json_lists_the_words(words):
    listed = json.loads(word_list(words))["words"]
    assert [word["text"] for word in listed] == [word.text for word in words]
    for got, want in zip(listed, words, strict=True):
        assert (got["start_s"], got["end_s"]) == pytest.approx((want.start_s, want.end_s), abs=0.0005)


def test_hours_are_counted():
    assert srt([Word("late", 3 * 3600 + 59 * 60 + 58.5, 3 * 3600 + 59 * 60 + 59.9996)]) == (
        "1\n03:59:58,500 --> 04:00:00,000\nlate\n"
    )


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize(("name", "make"), [("a.srt", srt), ("a.VTT", vtt), ("a.json", word_list)])
def test_the_ending_says_the_format(name, make, tmp_path):
    words = spoken("Ça va — très bien, merci.")
    write_subtitles(tmp_path / name, words)
    assert (tmp_path / name).read_text(encoding="utf-8") == make(words)
    write_subtitles(tmp_path / name, words, speed=2.0)
    assert (tmp_path / name).read_text(encoding="utf-8") == make(spoken("Ça va — très bien, merci.", 0.15))
    assert files(tmp_path) == [name]


def test_other_endings_are_refused(tmp_path):
    for name in ("a.txt", "srt", "a.srt.gz"):
        with pytest.raises(ValueError, match=f"{name} must end in .srt, .vtt, .json"):
            write_subtitles(tmp_path / name, [])
        with pytest.raises(ValueError, match="must end in"):
            require_format(name)
    assert files(tmp_path) == []


def test_a_file_that_cannot_be_finished_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.srt"
    path.write_text("before")

    class Broken(str):
        def encode(self):
            raise OSError("no")

    monkeypatch.setitem(subtitles._FORMATS, ".srt", lambda words: Broken())
    with pytest.raises(OSError, match="no"):
        write_subtitles(path, [])
    assert path.read_text() == "before"
    assert files(tmp_path) == ["a.srt"]


# ---------------------------------------------------------------- the command

SPEAK = ("generate", "-q", "--max-tokens", 10, "--seed", 0, "--text", "The cat sat. [pause:2s] Was it red?")


@pytest.fixture
def model(monkeypatch):
    """What the command loads instead of a real model."""
    monkeypatch.setattr(options, "load_tts_model", lambda args: timed_model())
    monkeypatch.setattr(TTSModel, "get_default_voice", TTSModel.get_initial_state)


def test_the_command_writes_sound_and_words(run, model):
    assert run(*SPEAK, "--subtitles", "out.json")[0] == 0
    words = json.loads(Path("out.json").read_text())["words"]
    assert [word["text"] for word in words] == ["The", "cat", "sat.", "Was", "it", "red?"]
    assert words[3]["start_s"] >= words[2]["end_s"] + 2
    samples, rate_hz = read_audio("tts_output.wav")
    assert words[-1]["end_s"] <= len(samples) / rate_hz
    timed = Path("tts_output.wav").read_bytes()
    assert run(*SPEAK)[0] == 0
    assert Path("tts_output.wav").read_bytes() == timed


def test_words_of_fast_speech_come_sooner(run, model):
    assert run(*SPEAK, "--subtitles", "out.json")[0] == 0
    assert run(*SPEAK, "--subtitles", "fast.json", "--speed", 2)[0] == 0
    slow, fast = (json.loads(Path(name).read_text())["words"] for name in ("out.json", "fast.json"))
    for before, after in zip(slow, fast, strict=True):
        assert after["start_s"] == pytest.approx(before["start_s"] / 2, abs=0.001)


@pytest.mark.parametrize(
    ("options_given", "sentence"),
    [
        (("--subtitles", "out.txt"), "out.txt must end in .srt, .vtt, .json"),
        (("--subtitles", "missing/out.srt"), "there is no folder missing"),
        (("--subtitles", "out.srt", "--language", "english_18m_2026-10"), "are not known for english_18m_2026-10"),
    ],
)
def test_what_cannot_work_is_refused_before_the_model_is_loaded(run, options_given, sentence, monkeypatch):
    monkeypatch.setattr(options, "load_tts_model", lambda args: pytest.fail("the model was loaded"))
    status, _, err = run("generate", "--text", "Hi", *options_given)
    assert status == 1
    assert sentence in err
    assert files() == []


def test_a_model_without_heads_writes_nothing(run, model, monkeypatch):
    monkeypatch.setattr(options, "load_tts_model", lambda args: quick())
    status, _, err = run(*SPEAK, "--subtitles", "out.srt")
    assert status == 1
    assert "The times of words are not known for lsd" in err
    assert files() == []


def test_the_parser_knows_the_option():
    assert __main__.build_parser().parse_args(["generate", "--subtitles", "a.srt"]).subtitles == "a.srt"
