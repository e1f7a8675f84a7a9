"""Voices that callers with the key add and remove: whole files by harmless names, and nothing beside them."""

import threading
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts_np import export_model_state
from pockettts_np.server import voice_folder
from pockettts_np.server.http.guard.access import access
from pockettts_np.server.limits import Limits, Refusal
from pockettts_np.server.voice_folder import VoiceFolder, require_name
from tests.support.live_server import get, make_service, post, recording, served, tone

KEY = {"Authorization": "Bearer secret"}
SPEECH = {"model": "tts-1", "input": "Hello world.", "voice": "betty", "response_format": "pcm"}


@pytest.fixture
def folder(tmp_path):
    """With one voice of the owner's in it, and a secret beside it."""
    inside = tmp_path / "voices"
    inside.mkdir()
    (inside / "owner.wav").write_bytes(recording())
    (tmp_path / "secret.wav").write_bytes(recording())
    return inside


@pytest.fixture
def url(model, folder):
    service = make_service(model, Limits(upload_bytes=100_000, text_characters=100), folder)
    with served(service, access=access("secret"), edits_voices=True) as url:
        yield url


def add(url, name="betty", content=None, file_name="me.wav", field="file", **options):
    files = {field: (file_name, recording() if content is None else content)}
    return post(f"{url}/v1/audio/voices", data={"name": name}, files=files, headers=options.pop("headers", KEY))


def remove(url, name):
    return httpx.delete(f"{url}/v1/audio/voices/{name}", headers=KEY)


def inside(folder):
    return sorted(path.name for path in folder.iterdir())


def names(url):
    return [voice["id"] for voice in get(f"{url}/v1/audio/voices", headers=KEY).json()["voices"]]


def test_a_voice_is_added_spoken_with_and_removed(url, folder):
    got = add(url)
    assert (got.status_code, got.json()) == (201, {"id": "betty", "name": "betty", "object": "voice"})
    assert (folder / "betty.wav").read_bytes() == recording()
    assert names(url) == ["default", "betty", "owner"]
    assert post(f"{url}/v1/audio/speech", json=SPEECH, headers=KEY).status_code == 200
    assert remove(url, "betty").json() == {"id": "betty", "object": "voice", "deleted": True}
    assert names(url) == ["default", "owner"]
    assert inside(folder) == ["owner.wav"]
    assert post(f"{url}/v1/audio/speech", json=SPEECH, headers=KEY).status_code == 400


def test_a_saved_voice_and_other_names_of_the_field(url, folder, model, tmp_path):
    export_model_state(model.get_state_for_audio_prompt(tone()), tmp_path / "saved.safetensors")
    content = (tmp_path / "saved.safetensors").read_bytes()
    assert add(url, "Jürgen 2.0", content, "x.safetensors", "audio_sample").status_code == 201
    assert add(url, "clara", field="voice_wav").status_code == 201
    assert inside(folder) == ["Jürgen 2.0.safetensors", "clara.wav", "owner.wav"]
    assert remove(url, "Jürgen%202.0").status_code == 200


REFUSALS = {
    "no key": ({"headers": {}}, 401, "missing_api_key"),
    "the wrong key": ({"headers": {"Authorization": "Bearer wrong"}}, 401, "invalid_api_key"),
    "a path": ({"name": "../betty"}, 400, "invalid_value"),
    "an absolute path": ({"name": "/tmp/betty"}, 400, "invalid_value"),
    "a hidden file": ({"name": ".betty"}, 400, "invalid_value"),
    "a device": ({"name": "CON"}, 400, "invalid_value"),
    "a long name": ({"name": "a" * 65}, 400, "invalid_value"),
    "no name": ({"name": ""}, 400, "invalid_value"),
    "a line break": ({"name": "a\nb"}, 400, "invalid_value"),
    "the default": ({"name": "Default"}, 400, "invalid_value"),
    "one of OpenAI's": ({"name": "alloy"}, 400, "invalid_value"),
    "one of the catalogue": ({"name": "alba"}, 400, "invalid_value"),
    "one that is there": ({"name": "owner"}, 409, "voice_exists"),
    "the same in other letters": ({"name": "OWNER"}, 409, "voice_exists"),
    "no sound": ({"content": b"RIFFnothing"}, 400, "invalid_voice"),
    "nothing": ({"content": b""}, 400, "invalid_voice"),
    "a program": ({"file_name": "me.exe"}, 400, "invalid_value"),
    "no ending": ({"file_name": "me"}, 400, "invalid_value"),
    "a false ending": ({"file_name": "me.safetensors"}, 400, "invalid_voice"),
    "too large": ({"content": bytes(100_001)}, 413, "request_too_large"),
    "another field": ({"field": "recording"}, 400, "missing_required_parameter"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_refused_leaves_nothing(url, folder, case):
    options, status, code = REFUSALS[case]
    got = add(url, **options)
    assert (got.status_code, got.json()["error"]["code"]) == (status, code), got.text
    assert str(folder) not in got.text
    assert inside(folder) == ["owner.wav"]
    assert (folder / "owner.wav").read_bytes() == recording()


@pytest.mark.parametrize(
    "name", ["nobody", "default", "alba", "../secret", "..%2Fsecret", "%2e%2e/secret", "owner.wav", "%00"]
)
def test_only_what_is_in_the_folder_is_removed(url, folder, name):
    assert remove(url, name).status_code in (404, 405)
    assert inside(folder) == ["owner.wav"]
    assert (folder.parent / "secret.wav").exists()


def test_without_the_owners_leave_nothing_changes(model, folder):
    with served(make_service(model, folder=folder), access=access("secret")) as url:
        assert add(url).json()["error"]["code"] == "voice_editing_off"
        assert remove(url, "owner").status_code == 403
    with served(make_service(model), access=access("secret"), edits_voices=True) as url:
        assert add(url).json()["error"]["code"] == "voice_editing_off"
    assert inside(folder) == ["owner.wav"]


def test_a_folder_that_takes_nothing_is_no_fault_of_the_caller(url, folder, monkeypatch, caplog):
    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(voice_folder, "replacing_file", fail)
    got = add(url)
    assert (got.status_code, got.json()["error"]["code"]) == (503, "unavailable")
    assert str(folder) not in got.text
    assert "cannot be kept" in caplog.text


def test_no_more_than_so_many(folder, monkeypatch):
    monkeypatch.setattr(voice_folder, "MOST_FILES", 2)
    kept = VoiceFolder(folder, with_recordings=True)
    kept.add("a", "a.wav", b"x")
    with pytest.raises(Refusal, match="keeps 2 voices and no more"):
        kept.add("b", "b.wav", b"x")


def test_of_two_that_add_one_name_at_once_one_is_refused(folder):
    kept, outcomes, codes = VoiceFolder(folder, with_recordings=True), [], []

    def work(i):
        try:
            kept.add("betty", "a.wav", bytes([i]) * 1000)
            outcomes.append(i)
        except Refusal as refusal:
            codes.append(refusal.code)

    threads = [threading.Thread(target=work, args=[i]) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = outcomes
    assert codes == 7 * ["voice_exists"]
    assert (folder / "betty.wav").read_bytes() == bytes([winner]) * 1000


@given(st.text(max_size=80))
def test_no_name_leads_elsewhere(name):
    try:
        require_name(name, ())
    except Refusal:
        return
    assert Path(name).name == name
    assert not name.startswith(".")
    assert name.isprintable()
    assert len(f"{name}.safetensors".encode()) <= 255


def test_a_removed_voice_that_a_text_calls_is_heard_no_more(url):
    assert add(url).status_code == 201
    listen = {"params": {"text": "[voice:betty] Hi."}, "headers": KEY}
    assert get(f"{url}/tts", **listen).status_code == 200
    assert remove(url, "betty").status_code == 200
    assert get(f"{url}/tts", **listen).status_code == 400
