"""Damaged, foreign and unreasonable files through the command line, with a tiny random model.

The law for each: one sentence on standard error, exit status 1, and no file but those that were there.
"""

import errno
import functools
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file, save_file

import pockettts_np
from pockettts_np import __main__
from pockettts_np.audio.recording import read_audio
from pockettts_np.files import writing

TESTS = Path(__file__).parents[1]
REF_WAV = TESTS.parent / "ref.wav"
RATE_HZ = 24_000


@pytest.fixture
def folder(tmp_path, monkeypatch, golden):
    """The working folder: a model of its own, model.toml, whose files tests may spoil, and a voice."""
    shutil.copy(golden / "lsd.toml", tmp_path / "model.toml")
    for name in ("lsd.safetensors", "tokenizer.model", "voice_saved.safetensors"):
        shutil.copy(golden / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder, capfd):
    """Run a command with that model: status and standard error."""

    def run(command, *argv):
        status = __main__.main([command, "--config", "model.toml", *map(str, argv)])
        return status, capfd.readouterr().err

    return run


@pytest.fixture
def speak(run):
    def speak(voice="voice_saved.safetensors", output="out.wav", text="Hi."):
        return run("generate", "--voice", voice, "--text", text, "--output-path", output, "--seed", 1)

    return speak


@pytest.fixture
def refused(folder):
    """Check the law for a run that is to fail."""

    def contents():
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def refused(attempt, *says):
        before = contents()
        status, err = attempt()
        assert status == 1, err
        assert err.startswith("pockettts-np: error: ")
        assert err.endswith((".\n", "?\n"))
        assert err.count("\n") == 1
        for words in says:
            assert words in err
        assert contents() == before

    return refused


def speech(seconds=0.2):
    samples, rate_hz = read_audio(REF_WAV)
    return samples[rate_hz : rate_hz + int(seconds * rate_hz)]


# Recordings


def cut(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])


def hour_of_wav(path):
    soundfile.write(path, speech(), RATE_HZ)
    n_bytes = 3600 * RATE_HZ * 2
    with path.open("r+b") as file:
        for at, value in ((4, 36 + n_bytes), (40, n_bytes)):
            file.seek(at)
            file.write(struct.pack("<I", value))
        file.truncate(44 + n_bytes)  # sparse


HOSTILE_RECORDINGS = {
    "absent": (lambda path: None, "There is no voice"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a pipe": (os.mkfifo, "is a pipe or a device"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (lambda path: path.write_text("Not audio at all.\n" * 100), "cannot be read"),
    "noise": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "cannot be read"),
    "a header alone": (lambda path: soundfile.write(path, np.zeros(0), RATE_HZ), "holds no samples"),
    "silent": (lambda path: soundfile.write(path, np.zeros(RATE_HZ), RATE_HZ), "is silent"),
    "NaN": (
        lambda path: soundfile.write(path, np.full(1000, np.nan), RATE_HZ, subtype="FLOAT"),
        "NaN or infinite",
    ),
    "an hour": (hour_of_wav, "lasts 3600 seconds"),
}


@pytest.mark.parametrize("kind", HOSTILE_RECORDINGS)
def test_a_recording_that_is_none_is_refused(folder, run, speak, refused, kind):
    make, says = HOSTILE_RECORDINGS[kind]
    make(folder / "voice.wav")
    if kind == "a pipe":  # the law's look at the folder skips it
        assert speak("voice.wav")[0] == 1
    refused(lambda: speak("voice.wav"), says, "voice.wav")
    if kind not in ("an hour", "a folder"):
        refused(lambda: run("export-voice", "voice.wav", "me.safetensors"), says, "voice.wav")


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_a_recording_cut_short_is_refused(folder, speak, refused, kind):
    path = folder / f"voice.{kind}"
    soundfile.write(path, speech(1), RATE_HZ)
    cut(path, 0.6)
    refused(lambda: speak(path), "cut short", path.name)


@pytest.mark.parametrize("kind", ["8-bit", "5.1", "an hour"])
def test_an_unusual_recording_is_a_voice(folder, run, monkeypatch, kind):
    if kind == "8-bit":
        soundfile.write("voice.wav", speech(), RATE_HZ, subtype="PCM_U8")
    elif kind == "5.1":
        soundfile.write("voice.wav", np.tile(speech()[:, None], 6), 48_000)
    else:
        hour_of_wav(folder / "voice.wav")
        monkeypatch.setattr("pockettts_np.loading.voice_making.TRUNCATE_SECONDS", 0.2)
    status, err = run("export-voice", "voice.wav", "me.safetensors")
    assert (status, err) == (0, "INFO: me.safetensors written\n")


# Models


def rewritten(change):
    """Apply `change` to the tensors of the checkpoint."""

    def spoil(path):
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return spoil


EMBEDDING = "flow_lm.conditioner.embed.weight"
HOSTILE_CHECKPOINTS = {
    "absent": (Path.unlink, ["lsd.safetensors"]),
    "empty": (lambda path: path.write_bytes(b""), ["not a safetensors file"]),
    "text": (lambda path: path.write_text("weights\n" * 100), ["not a safetensors file"]),
    "cut in the header": (lambda path: cut(path, 0.01), ["cut short"]),
    "cut in the data": (lambda path: cut(path, 0.9), ["cut short", "Fetch it again"]),
    "a tensor missing": (rewritten(lambda t: t.pop(EMBEDDING)), [EMBEDDING]),
    "a tensor too many": (rewritten(lambda t: t.update(surplus=np.zeros(3, np.float32))), ["surplus"]),
    "a wrong shape": (
        rewritten(lambda t: t.update({EMBEDDING: t[EMBEDDING][:-1]})),
        [EMBEDDING, "[340, 16]", "[341, 16]"],
    ),
    "a wrong type": (rewritten(lambda t: t.update({EMBEDDING: t[EMBEDDING] > 0})), [EMBEDDING]),
    "NaN": (rewritten(lambda t: t[EMBEDDING].fill(np.nan)), ["NaN", EMBEDDING]),
}


@pytest.mark.parametrize("kind", HOSTILE_CHECKPOINTS)
def test_a_damaged_checkpoint_is_refused(folder, speak, refused, kind):
    spoil, says = HOSTILE_CHECKPOINTS[kind]
    spoil(folder / "lsd.safetensors")
    refused(speak, *says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "model.toml"),
        (b"weights_path = ", "model.toml"),
        (b"\xff\xfe", "model.toml"),
        (b'weights_path = "lsd.safetensors"\nsurplus = 1\n', "model.toml"),
    ],
)
def test_a_damaged_configuration_is_refused(folder, speak, refused, content, says):
    (folder / "model.toml").write_bytes(content)
    refused(speak, says)


def test_a_damaged_tokenizer_is_refused(folder, speak, refused):
    (folder / "tokenizer.model").write_bytes(b"not a tokenizer" * 20)
    refused(speak, "tokenizer.model")


# Saved voices


CACHE = "transformer.layers.0.self_attn/cache"
HOSTILE_VOICES = {
    "empty": (lambda path: path.write_bytes(b""), ["not a safetensors file"]),
    "a recording": (lambda path: shutil.copy(REF_WAV, path), ["not a safetensors file"]),
    "a model": (lambda path: shutil.copy("lsd.safetensors", path), ["not a voice"]),
    "cut short": (lambda path: cut(path, 0.9), ["cut short"]),
    "a layer missing": (rewritten(lambda t: t.pop(CACHE)), ["another model"]),
    "no offset": (rewritten(lambda t: t.pop(CACHE.replace("cache", "offset"))), ["offset"]),
    "another width": (
        rewritten(lambda t: t.update({CACHE: np.ascontiguousarray(t[CACHE][..., :2])})),
        ["another model"],
    ),
    "NaN": (rewritten(lambda t: t[CACHE].fill(np.nan)), ["NaN"]),
}


@pytest.mark.parametrize("kind", HOSTILE_VOICES)
def test_a_damaged_or_foreign_voice_is_refused(folder, speak, refused, kind):
    spoil, says = HOSTILE_VOICES[kind]
    spoil(folder / "voice_saved.safetensors")
    refused(speak, "voice_saved.safetensors", *says)


def test_the_voice_of_another_model_is_refused(folder, golden, speak, refused):
    shutil.copy(golden / "grouped.toml", "model.toml")
    shutil.copy(golden / "grouped.safetensors", folder)
    refused(speak, "voice_saved.safetensors", "another model")


# Outputs


@pytest.mark.parametrize(
    ("output", "says"), [("absent/out.wav", "no folder"), (".", "is a folder"), ("model.toml/out.wav", "no folder")]
)
def test_an_output_that_cannot_be_written_is_refused(speak, refused, output, says):
    refused(lambda: speak(output=output), says, output)


class FullDisk(io.FileIO):
    """A file on a disk that takes `room` bytes more."""

    room = 0

    def write(self, data):
        if len(data) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(data)
        return super().write(data)


@pytest.fixture
def full_disk(monkeypatch):
    def fill(room):
        def create(path):
            file = FullDisk(path, "x")
            file.room = room
            return io.BufferedWriter(file)

        monkeypatch.setattr(writing, "_create", create)

    return fill


@pytest.mark.parametrize("room", [0, 44, 5_000, 30_000])
@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_leaves_no_half_written_speech(folder, speak, refused, full_disk, room, existing):
    if existing:
        (folder / "out.wav").write_bytes(b"old")
    full_disk(room)
    refused(speak, "out.wav: the disk is full")


def test_a_full_disk_leaves_no_half_written_voice(folder, run, refused, full_disk):
    soundfile.write("voice.wav", speech(), RATE_HZ)
    full_disk(100)
    refused(lambda: run("export-voice", "voice.wav", "me.safetensors"), "me.safetensors: the disk is full")


# Whole programs


def start(folder, *options, text="Hi.", **streams):
    env = dict(os.environ, PYTHONPATH=str(Path(pockettts_np.__file__).parent.parent))
    program = [sys.executable, "-m", "pockettts_np", "generate", "--config", "model.toml", "--text", text]
    command = [*program, "--voice", "voice_saved.safetensors", *options]
    listen = functools.partial(
        signal.signal, signal.SIGINT, signal.default_int_handler
    )  # a job in the background ignores it
    return subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.PIPE, preexec_fn=listen, **streams)


def wait_for_speech(program, folder):
    """Wait until some speech lies in the temporary file."""
    while not any(part.stat().st_size > 5_000 for part in folder.glob(".*.part")):
        assert program.poll() is None, program.stderr.read()
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [(signal.SIGINT, 130, b"pockettts-np: interrupted\n"), (signal.SIGTERM, 143, b"")],
)
def test_a_signal_leaves_no_half_written_file(folder, number, status, says):
    before = sorted(folder.iterdir())
    with start(folder, "--output-path", "out.wav", text="Hello world. " * 2000) as program:
        wait_for_speech(program, folder)
        program.send_signal(number)
        _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (status, says)
    assert sorted(folder.iterdir()) == before


def test_a_reader_that_leaves_ends_the_program_quietly(folder):
    with start(folder, "--output-path", "-", text="Hello world. " * 8000, stdout=subprocess.PIPE) as program:
        assert program.stdout.read(4) == b"RIFF"
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait(timeout=60) == 141


def test_a_full_device_behind_standard_output_is_one_sentence(folder):
    with Path("/dev/full").open("wb") as full, start(folder, "--output-path", "-", stdout=full) as program:
        _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (1, b"pockettts-np: error: standard output: the disk is full.\n")
