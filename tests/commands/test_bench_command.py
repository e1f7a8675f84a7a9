"""pockettts-np bench: what a machine does with a model."""

import json
import re

import pytest

from pockettts_np.commands.inspection import bench, measure
from pockettts_np.commands.inspection.measure import Speed
from tests.support.helpers import GOLDEN


def test_people_read_a_table_and_a_line_to_quote(run):
    status, out, err = run("bench", "builtin", "--seconds", 0, "--threads", 2)
    assert (status, err) == (0, "")
    header, one, two, blank, line = out.decode().splitlines()
    assert header.split() == ["THREADS", "REAL", "TIME", "FIRST", "SOUND"]
    assert (one.split()[0], two.split()[0], blank) == ("1", "2", "")
    assert re.fullmatch(
        r"pockettts_np [\d.]+, builtin int8: real time [\d.]+ × with 1, [\d.]+ × with 2 threads; "
        r"first sound [\d.]+ ms; load [\d.]+ s; peak \d+ MB; .+, \d+ cores, "
        r"(prebuilt|numba|numpy) \([^/]+\); .+, Python 3[\d.]+",
        line,
    )


def test_programs_read_every_figure(run):
    status, out, _ = run("bench", GOLDEN / "lsd.toml", "--json", "--seconds", 0, "--threads", 1)
    assert status == 0
    found = json.loads(out)
    assert found["int8"] is False
    assert found["frames"] == measure.N_FRAMES
    assert [s["threads"] for s in found["threads"]] == [1]
    assert min(found["load_s"], found["peak_bytes"], *found["threads"][0].values()) > 0


def test_the_numbers_of_threads_take_turns_and_medians_count(monkeypatch, tiny_model):
    asked = []

    def measured(model, voice, threads):
        asked.append(threads)
        return Speed(len(asked), 10 * len(asked))

    monkeypatch.setattr(bench, "measured", measured)
    found = bench._speeds(tiny_model, 2, 0, bench.StatusLine(shown=False))
    assert asked == [1, 2] * (1 + bench._MIN_ROUNDS)  # once to warm up
    assert found == {1: Speed(5, 50), 2: Speed(6, 60)}


def test_every_speech_has_as_many_frames_whenever_the_model_would_end(tiny_model, monkeypatch):
    model, ticks = tiny_model, iter(range(10**6))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: next(ticks))
    ended_at_once = measure.measured(model, model.get_initial_state(), 1)
    seconds = measure.N_FRAMES * model.config.mimi.frame_samples / model.sample_rate
    n_pieces = seconds / ended_at_once.times_real_time  # a tick a piece
    assert n_pieces == pytest.approx(round(n_pieces))
    assert 1 < n_pieces <= measure.N_FRAMES


def test_a_model_whose_chunks_are_too_short_is_told(tiny_model, monkeypatch):
    monkeypatch.setattr(measure, "N_FRAMES", 10_000)
    with pytest.raises(ValueError, match=r"samples of the text to measure with; wanted \d+\.$"):
        measure.measured(tiny_model, tiny_model.get_initial_state(), 1)


def test_a_model_that_is_not_there_is_a_sentence(run):
    status, out, err = run("bench", "nowhere.toml")
    assert (status, out) == (1, b"")
    assert "nowhere.toml" in err


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor : 0\nmodel name\t: Cortex of one\n", "Cortex of one"),
        ("processor\t: 0\nBogoMIPS\t: 108\n\nModel\t\t: Raspberry Pi 5 Model B\n", "Raspberry Pi 5 Model B"),
    ],
)
def test_the_processor_says_its_name(tmp_path, monkeypatch, text, name):
    monkeypatch.setattr(measure, "_PROCESSORS", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(text)
    assert measure.processor_name() == name


def test_a_system_that_does_not_tell_is_asked_in_another_way(tmp_path, monkeypatch):
    own = measure.peak_bytes()
    monkeypatch.setattr(measure, "_PROCESSORS", tmp_path / "cpuinfo")
    monkeypatch.setattr(measure, "_STATUS", tmp_path / "status")
    assert measure.processor_name()
    assert measure.peak_bytes() == pytest.approx(own, rel=0.1)
