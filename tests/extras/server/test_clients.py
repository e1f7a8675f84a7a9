"""What programs really send, and how they read what comes: recorded requests, and FFmpeg behind a slow network."""

import base64
import io
import json

import httpx
import numpy as np
import pytest
import soundfile

from pockettts_np.server.http.guard.access import access
from tests.support.live_server import get, make_service, post, served, timed
from tests.support.players import decoded

LONG = "It was a bright cold day in April, and the clocks were striking thirteen. " * 2
SPEECH = {"model": "tts-1", "input": LONG, "voice": "alloy"}


@pytest.fixture(scope="module")
def url(model):
    with served(make_service(timed(model))) as url:
        yield url


@pytest.fixture(scope="module")
def wanted(url):
    """The samples of the long text."""
    content = post(f"{url}/v1/audio/speech", json=SPEECH | {"response_format": "pcm"}).content
    return np.frombuffer(content, "<i2").astype(np.float32) / 32768


# FFmpeg, to which a stream comes in pieces of a kilobyte


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav"])
def test_ffmpeg_plays_every_format_as_it_comes(url, wanted, form, stream):
    got = post(f"{url}/v1/audio/speech", json=SPEECH | {"response_format": form, "stream": stream})
    samples, rate_hz = decoded(got.content)
    assert rate_hz == (48_000 if form == "opus" else 24_000)
    samples = samples[:: rate_hz // 24_000]
    assert len(wanted) <= len(samples) <= len(wanted) + 3500  # what codecs add at the ends
    if form in ("wav", "flac"):
        assert np.abs(samples[: len(wanted)] - wanted).max() <= 3 / 32768


def test_ffmpeg_plays_the_growing_wav_of_the_form(url, wanted):
    samples, _ = decoded(post(f"{url}/tts", data={"text": LONG}).content)
    assert len(samples) == len(wanted)


# LiveKit: events, by the content type; wyoming_openai: the header of a growing WAV


def test_livekit_reads_events(url, wanted):
    fields = {
        "model": "gpt-4o-mini-tts",
        "voice": "ash",
        "input": LONG,
        "response_format": "mp3",
        "speed": 1.0,
        "instructions": "Speak calmly.",
        "stream_format": "sse",
    }
    assert get(f"{url}/v1/").status_code == 200  # by which it opens its connection
    sound = b""
    with httpx.stream("POST", f"{url}/v1/audio/speech", json=fields, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                assert event["type"] in ("speech.audio.delta", "speech.audio.done")
                sound += base64.b64decode(event.get("audio", ""))
    samples, _ = decoded(sound, "mp3")
    assert len(samples) >= len(wanted)


# Open WebUI: what it sends as it stands in its routers/audio.py


def test_open_webui_finds_models_and_voices_without_the_key(model):
    with served(make_service(model), access=access("secret", open_lists=True)) as url:
        base = f"{url}/v1"
        assert "tts-1" in [each["id"] for each in get(f"{base}/audio/models").json().get("models", [])]
        voices = {voice["id"]: voice["name"] for voice in get(f"{base}/audio/voices").json()["voices"]}
        assert voices == {"default": "default"}
        headers = {"Content-Type": "application/json", "Authorization": "Bearer secret"}
        payload = {"input": "Hello from the page.", "voice": "alloy", "model": "tts-1"}
        got = post(f"{base}/audio/speech", content=json.dumps(payload).encode(), headers=headers)
        assert got.status_code == 200
        assert soundfile.info(io.BytesIO(got.content)).format == "MP3"  # as it saves whatever comes
        refused = post(f"{base}/audio/speech", json=payload | {"voice": "nobody"}, headers=headers)
        assert "There is no voice" in refused.json()["error"]["message"]  # which it shows


# SillyTavern: its openai-compatible provider, whose default is this server's address


@pytest.mark.parametrize("speed", [1, 0.25, 4])
def test_sillytavern_speaks(url, speed):
    payload = {"model": "tts-1", "input": "Hello.", "voice": "default", "response_format": "mp3", "speed": speed}
    got = post(f"{url}/v1/audio/speech", json=payload)
    assert got.status_code == 200
    assert got.headers["content-type"] == "audio/mpeg"


# Home Assistant's openai_tts: an extra payload of anything, a WAV whose length is true


def test_home_assistant_sends_more_than_openai_knows(url):
    extra = {"seed": 7, "temperature": 0.5, "language": "en", "stream": False, "repetition_penalty": 1.2, "chunk": {}}
    payload = {"model": "tts-1", "input": LONG, "voice": "nova", "response_format": "wav", "instructions": "", **extra}
    got = post(f"{url}/v1/audio/speech", json=payload)
    assert got.status_code == 200
    assert int.from_bytes(got.content[4:8], "little") + 8 == len(got.content)


# Kokoro-FastAPI's clients


def test_a_client_of_kokoros_gets_captions(url):
    payload = {
        "model": "kokoro",
        "input": "Hello world. And hello again.",
        "voice": "alloy",
        "speed": 1.0,
        "response_format": "mp3",
        "stream": False,
        "return_timestamps": True,
        "lang_code": "a",
        "normalization_options": {"normalize": True},
    }
    got = post(f"{url}/dev/captioned_speech", json=payload).json()
    assert got["audio_format"] == "audio/mpeg"
    assert [word["word"] for word in got["timestamps"]] == payload["input"].split()
    samples, _ = decoded(base64.b64decode(got["audio"]), "mp3")
    assert got["timestamps"][-1]["end_time"] <= len(samples) / 24_000


# OpenAI's client, with what only this server knows


def test_openais_client_asks_for_more_and_hears_words(url):
    import openai

    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        got = client.audio.speech.create(
            model="tts-1", voice="alloy", input="Hello.", response_format="wav", extra_body={"seed": 1, "stream": False}
        )
        assert got.response.headers["content-length"] == str(len(got.content))
        with client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts-2025-12-15",
            voice="ash",
            input="Hello world.",
            response_format="pcm",
            stream_format="sse",
            extra_body={"return_timing": True},
        ) as answer:
            lines = [line for line in answer.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [word["word"] for event in events[:-1] for word in event["words"]] == ["Hello", "world."]
