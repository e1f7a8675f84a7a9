"""Voices of the server's folder and of its callers that cannot be used, or cost too much."""

import os
import shutil
import threading
from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save

from pockettts_np import TTSModel
from pockettts_np.loading.voice import voice_tensors
from pockettts_np.loading.voice_making import TRUNCATE_SECONDS
from pockettts_np.server import voices
from pockettts_np.server.limits import Refusal
from pockettts_np.server.turns import Turn, Turns
from tests.support.live_server import get, make_service, post, served, tone

SPEECH = {"model": "tts-1", "input": "Hello world.", "voice": "default", "response_format": "pcm"}
LONGEST_ROWS = 1 + round(12.5 * TRUNCATE_SECONDS)


def speak(url, voice):
    return post(f"{url}/v1/audio/speech", json=SPEECH | {"voice": voice})


def names(url):
    answer = get(f"{url}/v1/audio/voices")
    assert answer.status_code == 200
    return [voice["id"] for voice in answer.json()["voices"]]


def uploaded(url, content):
    return post(f"{url}/tts", data={"text": "Hello."}, files={"voice_wav": ("v.safetensors", content)})


@pytest.fixture
def turn():
    return Turn(Turns(1), threading.Event())


@pytest.fixture
def saved(model):
    return save(voice_tensors(model.get_state_for_audio_prompt(tone())))


# The server's own


def test_a_file_whose_name_is_no_text_is_left_out_and_told_of_once(model, saved, tmp_path, caplog):
    for name in (b"anna.safetensors", b"h\xe9l\xe8ne.safetensors"):
        (tmp_path / os.fsdecode(name)).write_bytes(saved)
    with served(make_service(model, folder=tmp_path)) as url:
        assert names(url) == names(url) == ["default", "anna"]
        assert speak(url, "anna").status_code == 200
        assert "default, anna." in speak(url, "nobody").json()["error"]["message"]
    assert caplog.text.count(r"Left out, as its name is not UTF-8: b'") == 1


def test_a_folder_that_is_gone_holds_no_voices(model, saved, tmp_path, caplog):
    folder = tmp_path / "voices"
    folder.mkdir()
    (folder / "anna.safetensors").write_bytes(saved)
    with served(make_service(model, folder=folder)) as url:
        assert names(url) == ["default", "anna"]
        shutil.rmtree(folder)
        assert names(url) == ["default"]
        assert speak(url, "anna").status_code == 400
        assert speak(url, "default").status_code == 200
    assert f"The folder of voices cannot be read: {folder}: No such file or directory." in caplog.text


def test_what_is_wrong_with_a_file_is_for_the_log(model, tmp_path, caplog):
    (tmp_path / "anna.safetensors").write_bytes(b"no voice at all")
    (tmp_path / "bert.wav").write_bytes(b"RIFF")
    with served(make_service(model, folder=tmp_path)) as url:
        for name in ("anna", "bert"):
            answer = speak(url, name)
            assert answer.status_code == 503
            error = answer.json()["error"]
            assert error["message"] == f"The voice '{name}' cannot be used at present; the log of the server says why."
    assert f"{tmp_path}/anna.safetensors is not a safetensors file" in caplog.text
    assert f"{tmp_path}/bert.wav" in caplog.text


def test_a_file_that_goes_when_it_is_asked_for_is_no_fault_of_the_program(model, saved, tmp_path, turn):
    (tmp_path / "anna.safetensors").write_bytes(saved)
    found = make_service(model, folder=tmp_path).voices
    source = found.named("anna")
    (tmp_path / "anna.safetensors").unlink()
    with pytest.raises(Refusal, match="'anna' cannot be used"):
        found.state(source, turn)
    assert voices._version(tmp_path / "anna.safetensors") == f"{tmp_path}/anna.safetensors"


# Those of callers


def test_a_saved_voice_is_as_long_as_a_recording_may_be(server, model):
    width = model.flow_lm.input_linear.n_out
    for n_rows, status in [(LONGEST_ROWS, 200), (LONGEST_ROWS + 1, 400), (1_000_000, 400)]:
        answer = uploaded(server, save({"audio_prompt": np.zeros((1, n_rows, width), np.int8)}))
        assert answer.status_code == status, answer.text
    assert f"1000000 rows, one for 80 ms; wanted at most {LONGEST_ROWS}" in answer.json()["detail"]


def test_a_voice_of_absurd_numbers_is_a_damaged_voice(server, saved):
    tensors = {name: np.full_like(t, 1e30) if name.endswith("cache") else t for name, t in load(saved).items()}
    answer = uploaded(server, save(tensors))
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("The uploaded voice is damaged: the filled rows of layer 0 hold numbers")


def test_a_voice_that_nobody_waits_for_is_not_made_nor_kept(model, saved, turn):
    found = make_service(model).voices
    source = found.uploaded(save({"audio_prompt": np.zeros((1, 9, 16), np.float32)}), "v.safetensors")
    turn.stop.set()
    with pytest.raises(CancelledError):
        found.state(source, turn)
    turn.stop.clear()
    assert found.state(source, turn).n_rows >= 9


def test_a_voice_that_is_fetched_holds_no_worker(model, monkeypatch):
    turns = Turns(1)
    turn = Turn(turns, threading.Event())
    n_working = []

    def fetch(address, max_bytes, max_seconds, stop):
        n_working.append(turns.n_held)
        stop.set()  # as the caller leaves meanwhile
        return b""

    monkeypatch.setattr(voices, "fetch", fetch)
    found = make_service(model, allow_urls=True).voices
    turn.line_up()
    turn.begin()
    with pytest.raises(CancelledError):
        found.state(found.linked("https://x.org/a.wav"), turn)
    assert (n_working, turns.n_held) == ([0], 1)


def released(model, name="english"):
    return replace(model, config=replace(model.config, released=True, name=name))


def test_openais_voices_have_speakers_of_the_catalogue(model, monkeypatch, turn):
    """One each; alloy, which programs name when nobody chooses, is the server's own."""
    asked = []

    def load(self, name):
        asked.append(name)
        return self.get_initial_state()

    monkeypatch.setattr(TTSModel, "get_state_for_audio_prompt", load)
    found = make_service(released(model)).voices
    assert found.named("alloy") is found.default
    for name in voices.OPENAI_VOICES:
        found.state(found.named(name), turn)
    speakers = [speaker for name, speaker in voices.OPENAI_VOICES.items() if name != "alloy"]
    assert asked == speakers
    assert len(set(speakers)) == len(speakers) == 12
    found.state(found.named("nova"), turn)
    found.state(found.named(voices.OPENAI_VOICES["nova"]), turn)
    assert asked == speakers  # which are in memory once
    for other in (model, released(model, "german_24l")):
        found = make_service(other).voices
        assert found.named("nova") is found.default


def test_a_speaker_that_cannot_be_fetched_is_stood_in_for_until_it_can(model, monkeypatch, turn, caplog):
    def fail(self, name):
        raise ConnectionError("The hub cannot be reached.")

    found = make_service(released(model)).voices
    default = found.state(found.default, turn)
    with monkeypatch.context() as broken:
        broken.setattr(TTSModel, "get_state_for_audio_prompt", fail)
        assert found.state(found.named("nova"), turn) is default
        assert "The default voice speaks for vera, which cannot be had" in caplog.text
    fetched = model.get_initial_state()
    monkeypatch.setattr(TTSModel, "get_state_for_audio_prompt", lambda self, name: fetched)
    assert found.state(found.named("nova"), turn) is fetched
