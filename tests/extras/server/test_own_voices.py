"""Voices that a server's model brings by name, as its callers find and ask for them."""

from dataclasses import replace

import numpy as np
import pytest

from pockettts_np.server.voices import OPENAI_VOICES
from pockettts_np.server.wyoming.events import info_of
from tests.support.live_server import get, make_service, post, served, tone

SPEECH = {"model": "tts-1", "input": "Hello world.", "response_format": "pcm"}


@pytest.fixture(scope="module")
def with_voices(model):
    """The model with two voices, which the text calls low and high."""
    high = model.get_state_for_audio_prompt(tone())
    low = model.get_state_for_audio_prompt(np.sign(tone(0.4)) / 3)
    return replace(model, config=replace(model.config, name="builtin"), own_voices={"low": low, "high": high})


def spoken(url, voice, **more):
    answer = post(f"{url}/v1/audio/speech", json=SPEECH | {"voice": voice} | more)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_they_are_listed_after_the_default_with_their_language_for_programs_and_the_page(with_voices):
    with served(make_service(with_voices)) as url:
        for path in ("v1/audio/voices", "v1/audio/speech/voices"):
            voices = get(f"{url}/{path}").json()["voices"]
            assert [voice["id"] for voice in voices] == ["default", "low", "high"]
            assert [voice.get("language") for voice in voices] == [None, "english", "english"]


def test_they_speak_by_name_and_a_text_changes_between_them(with_voices):
    with served(make_service(with_voices)) as url:
        low, high = spoken(url, "low"), spoken(url, "high")
        assert low != high
        assert spoken(url, "low", input="[voice:high]Hello world.") == high
        assert post(f"{url}/tts", data={"text": "Hello.", "voice_url": "low"}).status_code == 200
        refused = post(f"{url}/v1/audio/speech", json=SPEECH | {"voice": "mid"})
        assert refused.status_code == 400
        assert "Wanted one of: default, low, high." in refused.json()["error"]["message"]


def test_a_file_of_the_server_s_folder_comes_first_but_callers_may_not_take_the_name(with_voices, tmp_path):
    from pockettts_np import export_model_state

    export_model_state(with_voices.own_voices["high"], tmp_path / "low.safetensors")
    found = make_service(with_voices, folder=tmp_path).voices
    assert found.names() == ["default", "low", "high"]
    assert found.named("low").key != "own low"
    assert found.named("high").key == "own high"
    assert {"low", "high"} <= found.reserved()


def test_one_that_is_called_as_openais_is_not_stood_in_for(with_voices):
    model = replace(with_voices, own_voices={"nova": with_voices.own_voices["low"]})
    voices = make_service(model).voices
    assert voices.named("nova").key == "own nova"
    assert all(voices.named(name) is voices.default for name in OPENAI_VOICES if name != "nova")


def test_wyoming_describes_them(with_voices):
    (program,) = info_of(make_service(with_voices)).tts
    assert [(voice.name, voice.languages) for voice in program.voices] == [
        (name, ["en"]) for name in ("default", "low", "high")
    ]
