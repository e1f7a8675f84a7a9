"""A model's file that somebody changes while it is in use: replaced, nothing happens; written into, a sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pockettts_np import TTSModel
from pockettts_np.files.memory import read_into_memory
from pockettts_np.model import quantize_model
from pockettts_np.weights.safetensors_file import SafetensorsFile
from tests.support.helpers import GOLDEN

RECORDING = np.sin(np.arange(12_000, dtype=np.float32) * 0.05)
LATER_NS = 2_000_000_000_000_000_000
SENTENCE = "was written to while it was in use.*Load it again; to replace a file that is in use, write another beside"


@pytest.fixture(scope="module")
def whole_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "whole.safetensors"
    quantize_model(path, config=GOLDEN / "lsd.toml")
    return path


@pytest.fixture
def model_file(whole_model, tmp_path):
    return shutil.copy(whole_model, tmp_path / "model.safetensors")


def overwrite(path):
    """With other numbers, in place, as `cp` does."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\x55" * 4096)
    os.utime(path, ns=(LATER_NS, LATER_NS))


def truncate(path):
    os.truncate(path, 5000)


def replace(path):
    other = path.with_name("other")
    other.write_bytes(b"another file")
    other.replace(path)


def speech(model):
    return model.generate_audio(model.get_initial_state(), "Hi.", noise=0)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_read_into_memory_by_its_path(model_file, kind):
    assert read_into_memory(kind(model_file)).read_bytes() == Path(model_file).read_bytes()


@pytest.mark.parametrize("change", [overwrite, truncate])
def test_a_file_that_was_written_into_is_noticed_before_the_next_utterance(model_file, change):
    model = TTSModel.load_model(config=model_file)
    voice = model.get_initial_state()
    change(model_file)
    with pytest.raises(OSError, match=SENTENCE):
        model.generate_audio(voice, "Hi.", noise=0)
    with pytest.raises(OSError, match=SENTENCE):
        list(model.generate_from(voice, ["Hi."], noise=0))
    with pytest.raises(OSError, match=SENTENCE):  # the encoder is read when a voice is first cloned
        model.get_state_for_audio_prompt(RECORDING)


@pytest.mark.parametrize("change", [replace, os.remove])
def test_a_file_that_was_replaced_or_removed_is_used_on(model_file, change):
    model = TTSModel.load_model(config=model_file)
    before = speech(model)
    change(model_file)
    assert np.array_equal(speech(model), before)
    model.get_state_for_audio_prompt(RECORDING)


@pytest.mark.parametrize("change", [overwrite, truncate, replace, os.remove])
def test_a_model_that_was_read_into_memory_is_held_whatever_becomes_of_its_file(model_file, change):
    before = speech(TTSModel.load_model(config=model_file))
    model = TTSModel.load_model(config=read_into_memory(model_file))
    change(model_file)
    assert np.array_equal(speech(model), before)
    model.get_state_for_audio_prompt(RECORDING)


def test_a_file_in_memory_is_what_the_file_was(tmp_path):
    for content in (b"", b"1", b"x" * 10_000):
        (tmp_path / "a").write_bytes(content)
        held = read_into_memory(tmp_path / "a")
        (tmp_path / "a").unlink()
        assert held.read_bytes()[: len(content)] == content
        assert str(held) == str(tmp_path / "a")


def test_using_a_file_does_not_count_as_writing_into_it(model_file):
    file = SafetensorsFile(model_file)
    os.utime(model_file, ns=(LATER_NS, model_file.stat().st_mtime_ns))  # the time of use alone
    file.require_unchanged()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes with a place in the file system")
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    command = [sys.executable, "-m", "pockettts_np", "info", tmp_path / "pipe.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "is a pipe, of which no part can be read alone. Save it as a file first." in done.stderr
