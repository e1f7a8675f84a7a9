"""batch: a manifest in, files and a report out; what is finished is not made again."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pockettts_np import __main__, batch
from pockettts_np.audio.effects import CLOSING_SILENCE_SECONDS
from pockettts_np.batch import Item, Report, Settings
from pockettts_np.commands.terminal import progress
from pockettts_np.files import writing
from tests.support.helpers import GOLDEN

CONFIG = GOLDEN / "lsd.toml"
REF_WAV = GOLDEN.parent.parent / "ref.wav"


@pytest.fixture(scope="module")
def voice(tmp_path_factory, golden_model):
    from pockettts_np import export_model_state

    path = tmp_path_factory.mktemp("voice") / "me.safetensors"
    one_second = soundfile.read(REF_WAV, dtype="float32")[0][:24_000]
    export_model_state(golden_model("lsd").get_state_for_audio_prompt(one_second), path)
    return path


@pytest.fixture
def lines(tmp_path, voice):
    """Writes a manifest: each line a dictionary or text."""

    def write(*lines):
        path = tmp_path / "manifest.jsonl"
        filled = [{"voice": str(voice), **line} if isinstance(line, dict) else line for line in lines]
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in filled))
        return path

    return write


@pytest.fixture
def run(tmp_path, capsys):
    def run(manifest, *options):
        status = __main__.main(["batch", str(manifest), str(tmp_path / "out"), "--config", str(CONFIG), *options])
        return status, capsys.readouterr().err

    return run


def report(tmp_path):
    return [json.loads(line) for line in (tmp_path / "out" / "report.jsonl").read_text().splitlines()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".jsonl"}


def test_every_text_becomes_the_file_that_generate_writes(lines, run, tmp_path, voice):
    manifest = lines({"text": "Hi.", "seed": 1}, "", {"text": "No.", "seed": 2, "file": "deep/no.flac"})
    assert run(manifest)[0] == 0
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["000001.wav", "deep", "report.jsonl"]
    single = ["generate", "--config", str(CONFIG), "--voice", str(voice)]
    assert __main__.main([*single, "--text", "Hi.", "--seed", "1", "--output-path", str(tmp_path / "a.wav")]) == 0
    got, want = (soundfile.read(path, dtype="int16")[0] for path in (out / "000001.wav", tmp_path / "a.wav"))
    assert got.shape == want.shape
    assert np.abs(got.astype(int) - want).max() <= 1  # one thread here, two there: the decoder's batches differ
    assert soundfile.info(out / "deep" / "no.flac").format == "FLAC"
    assert [sorted(entry) for entry in report(tmp_path)] == [["file", "key", "seconds"]] * 2


def test_the_number_of_workers_changes_nothing(lines, run, tmp_path):
    manifest = lines(*({"text": f"Text {i}.", "seed": i} for i in range(5)))
    results = []
    for jobs in "1", "3":
        assert run(manifest, "--jobs", jobs)[0] == 0
        results.append(contents(tmp_path / "out"))
        (tmp_path / "out").rename(tmp_path / f"out{jobs}")
    assert results[0] == results[1]
    assert len(results[0]) == 5


def test_what_is_finished_is_kept_and_what_changed_is_made_again(lines, run, tmp_path):
    first, second = {"text": "Hi.", "seed": 1, "file": "a.wav"}, {"text": "No.", "seed": 1, "file": "b.wav"}
    assert run(lines(first, second))[0] == 0
    before = contents(tmp_path / "out")
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.wav")}
    status, err = run(lines(first, second | {"seed": 2}))
    assert (status, "1 files written, 1 kept, 0 failed" in err) == (0, True)
    after = contents(tmp_path / "out")
    assert after["a.wav"] == before["a.wav"]
    assert (tmp_path / "out" / "a.wav").stat().st_mtime_ns == times["a.wav"]
    assert after["b.wav"] != before["b.wav"]
    assert "2 files written" in run(lines(first, second | {"seed": 2}), "--speed", "1.5")[1]
    (tmp_path / "out" / "a.wav").unlink()
    assert "1 files written, 1 kept" in run(lines(first, second | {"seed": 2}), "--speed", "1.5")[1]


def test_a_text_that_fails_stops_no_other(lines, run, tmp_path):
    status, err = run(lines({"text": "Hi.", "voice": "absent.safetensors"}, {"text": "Hi.", "seed": 0}))
    assert status == 1
    assert "ERROR: 000001.wav: " in err
    assert "1 of 2 texts failed" in err
    assert [path.name for path in (tmp_path / "out").glob("*.wav")] == ["000002.wav"]
    assert {entry["file"]: set(entry) for entry in report(tmp_path)}["000001.wav"] == {"file", "error"}


def damaged(path, voice, change):
    """A copy of the voice with the values of its first cache changed."""
    tensors = load_file(voice)
    name = next(name for name in sorted(tensors) if name.endswith("/cache"))
    tensors[name] = np.full_like(tensors[name], change)
    save_file(tensors, path)
    return str(path)


BAD_FILES = {
    "x\0.wav": r"No file can be named 'x\x00.wav'.",
    "\ud800.wav": r"No file can be named '\ud800.wav'.",
    "n" * 300 + ".wav": "File name too long.",
    "a.wav/b.wav": "Not a directory.",
    "out/b.wav": "The file out/b.wav leads out of the folder ",
    "link.wav": "The file link.wav leads out of the folder ",
    "folder.wav": "is a folder; name a file to write.",
}


@pytest.mark.parametrize("name", BAD_FILES, ids=ascii)
def test_a_name_that_no_file_can_have_stops_no_other(lines, run, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.wav").write_bytes(b"kept")
    (tmp_path / "out" / "folder.wav").mkdir(parents=True)
    (tmp_path / "out" / "out").symlink_to(outside)
    (tmp_path / "out" / "link.wav").symlink_to(outside / "b.wav")
    first, last = {"text": "Hi.", "file": "a.wav"}, {"text": "Hi.", "file": "z.wav"}
    status, err = run(lines(first, {"text": "Hi.", "file": name}, last), "--jobs", "1")
    assert status == 1
    assert "2 files written, 0 kept, 1 failed" in err
    entries = {entry["file"]: entry for entry in report(tmp_path)}
    assert BAD_FILES[name] in entries[name]["error"]
    assert {"a.wav", "z.wav"} <= {path.name for path in (tmp_path / "out").glob("*.wav")}
    assert (outside / "b.wav").read_bytes() == b"kept"
    assert len(list(outside.iterdir())) == 1
    assert "2 kept, 1 failed" in run(lines(first, {"text": "Hi.", "file": name}, last), "--jobs", "1")[1]


@pytest.mark.parametrize("change", [3e38, np.nan, np.inf])
def test_a_damaged_voice_stops_no_other(lines, run, tmp_path, voice, change):
    bad = damaged(tmp_path / "bad.safetensors", voice, change)
    status, err = run(lines({"text": "Hi.", "voice": bad, "file": "a.wav"}, {"text": "Hi.", "file": "b.wav"}))
    assert (status, "1 files written, 0 kept, 1 failed" in err) == (1, True)
    assert "fault of the program" not in err
    assert [path.name for path in (tmp_path / "out").glob("*.wav")] == ["b.wav"]


def test_names_that_the_disk_takes_for_one_are_not_written_over(lines, run, tmp_path, monkeypatch):
    """As A.wav and a.wav, or one letter with its accent and two, on macOS and Windows."""
    (tmp_path / "out").mkdir()
    identity = batch.inode
    monkeypatch.setattr(batch, "inode", lambda path: identity(path.with_name(path.name.lower())))
    monkeypatch.setattr(batch.Path, "exists", lambda path: path.with_name(path.name.lower()).is_file())
    status, err = run(lines({"text": "Hi.", "file": "a.wav"}, {"text": "Hi.", "file": "A.wav"}), "--jobs", "1")
    assert status == 1
    assert "The files A.wav and a.wav are one on this disk; give them different names." in err
    assert [path.name for path in (tmp_path / "out").glob("*.wav")] == ["a.wav"]


def test_a_folder_that_takes_no_files_is_refused_before_a_model_is_loaded(lines, run, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(writing, "_create", refuse)
    status, err = run(lines({"text": "Hi."}))
    assert (status, err) == (1, f"pockettts-np: error: {tmp_path}/out/report.jsonl: Permission denied.\n")


def test_a_manifest_that_is_not_utf8_is_named(run, tmp_path):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes('{"text": "Grüße."}'.encode("latin-1"))
    assert run(path)[1] == f"pockettts-np: error: {path} is not UTF-8 text (byte 0xfc); convert it first.\n"


def test_a_report_with_bytes_that_are_no_text_is_read_all_the_same(tmp_path):
    (tmp_path / "report.jsonl").write_bytes(b'\xff\n{"file": "a.wav", "key": "1"}\n')
    assert Report.of(tmp_path).keys == {"a.wav": "1"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "line 2 is not a JSON object"),
        ("[" * 100_000, "line 2 is not a JSON object"),
        ('["text"]', "line 2 is not a JSON object"),
        ('{"text": " "}', "line 2 has no text"),
        ('{"file": "a.wav"}', "line 2 has no text"),
        ('{"text": "a", "vioce": "alba"}', "'vioce'; known keys: text, voice, file, seed"),
        ('{"text": 3}', "text is 3; wanted a string"),
        ('{"text": "a", "seed": -1}', "seed is -1; wanted a whole number"),
        ('{"text": "a", "seed": true}', "seed is True; wanted a whole number"),
        ('{"text": "a", "file": "../a.wav"}', "not a name inside"),
        ('{"text": "a", "file": "/a.wav"}', "not a name inside"),
        ('{"text": "a", "file": "a\\\\..\\\\..\\\\b.wav"}', "not a name inside"),
        ('{"text": "a", "file": ""}', "not a name inside"),
        ('{"text": "a", "file": "report.jsonl"}', "does not end in one of .wav"),
        ('{"text": "a", "file": "000001.wav"}', "named by an earlier line"),
        ('{"text": "a", "file": "./000001.wav"}', "named by an earlier line"),
        ('{"text": "a", "file": ".//000001.wav"}', "named by an earlier line"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_made(lines, run, tmp_path, line, says):
    status, err = run(lines({"text": "Hi."}, line))
    assert status == 1
    assert says in err
    assert not (tmp_path / "out").exists()


def test_an_empty_manifest_is_refused(lines, run):
    assert "holds no lines" in run(lines("", " "))[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--speed", "9"], "speed is 9"), (["--format", "opus", "--rate", "22050"], "opus cannot hold")],
)
def test_impossible_sound_is_refused_before_the_model_is_loaded(lines, run, options, says):
    assert says in run(lines({"text": "Hi."}), *options)[1]


def test_the_format_speed_and_rate_are_those_asked_for(lines, run, tmp_path):
    item = {"text": "A longer text.", "seed": 3}
    assert run(lines(item))[0] == 0
    natural = soundfile.info(tmp_path / "out" / "000001.wav").duration - CLOSING_SILENCE_SECONDS
    assert run(lines(item), "--format", "flac", "--rate", "16000", "--speed", "2")[0] == 0
    info = soundfile.info(tmp_path / "out" / "000001.flac")
    assert (info.format, info.samplerate) == ("FLAC", 16_000)
    assert info.duration - CLOSING_SILENCE_SECONDS == pytest.approx(natural / 2, abs=0.06)


def test_a_bar_grows_on_a_terminal(lines, run, monkeypatch):
    shown = []
    monkeypatch.setattr(progress.StatusLine, "show", lambda self, text: shown.append(text))
    assert run(lines({"text": "Hi.", "seed": 1}, {"text": "Hi.", "seed": 2}))[0] == 0
    half, full = "#" * 12, "#" * 24
    texts = [f"[{half}{'.' * 12}] 1 of 2 texts", f"[{full}] 2 of 2 texts"]
    assert [text.partition(",")[0] for text in shown if text] == texts
    assert shown[-1] == ""


def test_a_full_disk_ends_the_run(lines, run, tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(batch, "replacing_file", full)
    status, err = run(lines({"text": "Hi."}))
    assert status == 1
    assert "the disk is full" in err
    assert not list((tmp_path / "out").glob("*.wav"))


def test_sigterm_leaves_whole_files_only_and_the_next_run_goes_on(lines, tmp_path):
    manifest = lines(*({"text": "A text that takes a while.", "seed": i} for i in range(8)))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "pockettts_np", "batch", manifest, out, "--config", CONFIG, "--jobs", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    while not list(out.glob("*.wav")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    made = contents(out)
    assert made
    assert all(name.endswith(".wav") for name in made)
    if len(made) < 8:  # else it was done before the signal came
        assert process.returncode == 143
    kept = len(Report.of(out).keys)
    assert len(made) - 1 <= kept <= len(made)  # the signal may come between a file and its line
    done = subprocess.run(command, stderr=subprocess.PIPE, env=environment, text=True, check=True)
    assert f"{8 - kept} files written, {kept} kept" in done.stderr
    assert contents(out).items() >= made.items()
    assert len(contents(out)) == 8


def test_a_torn_report_is_read_as_far_as_it_goes(tmp_path):
    kept = Report.of(tmp_path)
    kept.add(file="a.wav", key="1")
    with (tmp_path / "report.jsonl").open("a") as file:
        file.write('[]\n{"key": "3"}\n{"file": "b.wa')
    Report.of(tmp_path).add(file="c.wav", key="2")
    assert Report.of(tmp_path).keys == {"a.wav": "1", "c.wav": "2"}


@given(st.text(min_size=1), st.text(min_size=1), st.integers(0, 3), st.integers(0, 3))
def test_only_the_same_line_and_settings_have_the_same_key(a, b, m, n):
    same = (a, m) == (b, n)
    assert (Settings().key(Item(a, "a.wav", seed=m)) == Settings().key(Item(b, "a.wav", seed=n))) == same
    assert Settings().key(Item(a, "a.wav")) != Settings(speed=1.5).key(Item(a, "a.wav"))


def test_few_items_wait_at_a_time(tmp_path, monkeypatch):
    submitted = []
    monkeypatch.setattr(batch, "speak", lambda settings, item: submitted.append(item) or (b"x", 1.0))
    items = [Item("Hi.", f"{i}.wav") for i in range(50)]
    with ThreadPoolExecutor(2) as executor:
        results = batch.run(items, tmp_path, Settings(), executor, 2, None)
        next(results)
        assert len(submitted) <= 5
        assert len(list(results)) == 49


@pytest.mark.parametrize(
    ("model", "voice", "want"),
    [
        ((), None, {"language": "builtin"}),
        ((), "alba", {"language": "english"}),
        ((("quantize", True),), "alba", {"quantize": True, "language": "english"}),
        ((("language", "german"),), "alba", {"language": "german"}),
        ((("config", "my.toml"),), None, {"config": "my.toml"}),
    ],
)
def test_all_items_are_spoken_by_one_model_whichever_comes_first(tmp_path, monkeypatch, model, voice, want):
    asked = []
    monkeypatch.setattr(batch, "speak", lambda settings, item: asked.append(dict(settings.model)) or (b"", 0.0))
    with ThreadPoolExecutor(1) as executor:
        items = [Item("One.", "a.wav"), Item("Two.", "b.wav", voice=voice)]
        assert len(list(batch.run(items, tmp_path, Settings(model), executor, 1, None))) == 2
    assert asked == [want, want]


def test_without_dask_a_cluster_is_refused_with_what_to_install(lines, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert 'pip install "pockettts-np[cluster]"' in run(lines({"text": "Hi."}), "--cluster", "tcp://localhost:1")[1]


def test_speech_has_the_seconds_that_it_is_said_to_have(voice):
    data, seconds = batch.speak(Settings((("config", str(CONFIG)),)), Item("Hi.", "a.raw", "s16le", str(voice), 1))
    assert len(data) == 2 * int((seconds + CLOSING_SILENCE_SECONDS) * 24_000)
    assert np.frombuffer(data, np.int16).any()
