"""The HTTP server: OpenAI's client and the reference's form against it, voices, and what it refuses.

Real connections on this machine; tiny random models.
"""

import base64
import io
import json
import os
import threading
from dataclasses import replace

import httpx
import numpy as np
import openai
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pockettts_np import TTSModel, export_model_state
from pockettts_np.audio.effects import CLOSING_SILENCE_SECONDS, processed
from pockettts_np.audio.samples import to_int16
from pockettts_np.server.limits import Limits
from pockettts_np.server.voices import VoiceSource
from tests.support import live_server
from tests.support.helpers import GOLDEN
from tests.support.live_server import (
    FRAME,
    PATIENCE_SECONDS,
    calm,
    get,
    make_service,
    raw_connection,
    recording,
    served,
    stream,
    tone,
    until,
)
from tests.support.random_models import small_model

TEXT = "Hello world."
CLOSING_SAMPLES = int(24_000 * CLOSING_SILENCE_SECONDS)
SPEECH = {"model": "tts-1", "input": TEXT, "voice": "default", "response_format": "pcm"}


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        yield client


SPOKEN = {}  # what was made once, by model, voice and text


def spoken(model, voice=None, text=TEXT):
    """What the server should send for a text, as 16-bit samples."""
    key = id(model), id(voice), text
    if key not in SPOKEN:
        samples = model.generate_audio(voice or model.get_initial_state(), text)
        blocks = processed([samples, np.zeros(CLOSING_SAMPLES, np.float32)], 24_000)
        SPOKEN[key] = to_int16(np.concatenate(list(blocks))), model, voice  # which keeps their ids
    return SPOKEN[key][0]


def assert_speech(content, want):
    """The bytes are these samples, but for the last of 16 bits: how many frames are decoded at once is chance."""
    got = np.frombuffer(content, "<i2")
    assert got.shape == want.shape
    assert np.abs(got.astype(int) - want).max() <= 2


def post(url, path="/v1/audio/speech", **options):
    return live_server.post(url + path, **options)


# OpenAI's client


def test_openai_speaks_what_the_model_says(client, model):
    got = client.audio.speech.create(**SPEECH)
    assert got.response.headers["content-type"] == "audio/pcm; rate=24000"
    assert_speech(got.content, spoken(model))


@pytest.mark.parametrize("form", ["wav", "opus", "mp3"])
def test_openai_gets_every_format(client, model, form):
    got = client.audio.speech.create(**SPEECH | {"response_format": form})
    n_wanted = len(spoken(model))
    with soundfile.SoundFile(io.BytesIO(got.content)) as sound:
        assert sound.samplerate == 24_000
        assert n_wanted <= len(sound.read(10 * n_wanted)) <= n_wanted + 3000  # what codecs add at the ends
    assert got.response.headers["content-type"].startswith("audio/")


def test_openai_gets_flac_without_loss(client, model):
    content = bytearray(client.audio.speech.create(**SPEECH | {"response_format": "flac"}).content)
    want = spoken(model)
    assert content[21] & 15 == 0  # a stream does not know its length, which soundfile needs: bits 108 to 143 of the
    assert content[22:26] == bytes(4)  # first block (RFC 9639, section 8.2)
    content[22:26] = len(want).to_bytes(4, "big")
    samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
    assert rate_hz == 24_000
    assert_speech(samples.tobytes(), want)


def test_the_default_format_is_mp3(server):
    fields = {key: value for key, value in SPEECH.items() if key != "response_format"}
    assert post(server, json=fields).headers["content-type"] == "audio/mpeg"


def test_openai_hears_the_first_sound_before_the_rest_is_made(client, held):
    with client.audio.speech.with_streaming_response.create(**SPEECH) as answer:
        pieces = answer.iter_bytes()
        first = next(pieces)
        assert held.n_ended == 0
        held.gate.set()
        whole = first + b"".join(pieces)
    assert whole == to_int16(np.concatenate([FRAME] * 3 + [np.zeros(CLOSING_SAMPLES)])).tobytes()


def test_events_hold_the_same_bytes(server, model):
    got = post(server, json=SPEECH | {"stream_format": "sse"})
    assert got.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in got.text.split("\n\n") if line]
    assert events[-1] == {"type": "speech.audio.done"}
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert_speech(b"".join(base64.b64decode(event["audio"]) for event in events[:-1]), spoken(model))


def test_speed_changes_the_length(client):
    plain = client.audio.speech.create(**SPEECH).content
    fast = client.audio.speech.create(**SPEECH, speed=2.0).content
    assert 0.4 < len(fast) / len(plain) < 0.6


def test_openai_lists_the_model(client, service):
    name = service.model.config.name
    assert [model.id for model in client.models.list()] == [name, "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert client.models.retrieve(name).id == name
    assert client.models.retrieve("tts-1").id == name
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt'"):
        client.models.retrieve("gpt")


@pytest.mark.parametrize("voice", ["alloy", "default", {"id": "shimmer"}])
def test_openais_voices_are_the_default_one(client, model, voice):
    assert_speech(client.audio.speech.create(**SPEECH | {"voice": voice}).content, spoken(model))


OPENAI_REFUSALS = {
    "no input": ({"input": None}, 400, "input", "missing_required_parameter", "input is missing"),
    "empty input": ({"input": " \n"}, 400, "input", "empty_text", "nothing to say"),
    "long input": ({"input": "a" * 10_001}, 400, "input", "string_above_max_length", "10001 characters"),
    "input of another type": ({"input": ["hello"]}, 400, "input", "invalid_type", "is a list"),
    "half a character": ({"input": "\ud83d"}, 400, "input", "bad_text", "surrogate"),
    "too long silences": (
        {"input": "Go on. " * 70, "sentence_pause": 60},
        400,
        None,
        "invalid_value",
        "seconds in all; wanted at most 3600",
    ),
    "too long pauses": ({"input": "[pause:600s]" * 7}, 400, None, "invalid_value", "last 4200.0 seconds"),
    "no voice": ({"voice": None}, 400, "voice", "missing_required_parameter", "voice is missing"),
    "unknown voice": ({"voice": "nobody"}, 400, "voice", "voice_not_found", "Wanted one of: default"),
    "voice of another type": ({"voice": 7}, 400, "voice", "invalid_type", "neither a name"),
    "no model": ({"model": None}, 400, "model", "missing_required_parameter", "model is missing"),
    "unknown model": ({"model": "gpt"}, 404, "model", "model_not_found", "no model 'gpt'"),
    "model of another type": ({"model": []}, 404, "model", "model_not_found", "no model"),
    "no format": (
        {"response_format": "mp4"},
        400,
        "response_format",
        "invalid_value",
        "mp3, opus, aac, flac, wav, pcm",
    ),
    "format of another type": ({"response_format": {}}, 400, "response_format", "invalid_value", "wanted mp3"),
    "stream format": ({"stream_format": "udp"}, 400, "stream_format", "invalid_value", "wanted audio, sse"),
    "too fast": ({"speed": 4.1}, 400, "speed", "invalid_value", "0.25 to 4"),
    "speed of another type": ({"speed": "fast"}, 400, "speed", "invalid_type", "wanted a number"),
    "speed true": ({"speed": True}, 400, "speed", "invalid_type", "wanted a number"),
}


@pytest.mark.parametrize("case", OPENAI_REFUSALS)
def test_openai_is_refused_in_its_own_form(server, case):
    fields, status, param, code, words = OPENAI_REFUSALS[case]
    got = post(server, content=json.dumps(SPEECH | fields))
    assert got.status_code == status
    error = got.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert words in error["message"]


def test_openais_client_knows_the_refusal(client):
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.speech.create(**SPEECH | {"voice": "nobody"})
    assert refused.value.param == "voice"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'"text"', b'{"speed": ' + b"9" * 5000])
def test_what_is_no_json_object_is_refused(server, body):
    got = post(server, content=body)
    assert (got.status_code, got.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("speed", ["NaN", "Infinity", "-1e400", "9" * 400, "-" + "9" * 4000])
def test_a_speed_that_is_no_number_or_far_from_all_is_refused(server, speed):
    got = post(server, content=json.dumps(SPEECH)[:-1] + f', "speed": {speed}}}')
    assert got.json()["error"]["code"] == ("invalid_value" if speed[-1] == "9" else "invalid_type")
    assert len(got.json()["error"]["message"]) < 200


@pytest.fixture(scope="module")
def connected(server):
    with httpx.Client(base_url=server, timeout=PATIENCE_SECONDS) as client:
        yield client


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
DEEP = json.loads("[" * 700 + "]" * 700)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*SPEECH, "speed", "stream_format", "instructions"]), ANY_JSON | st.just(DEEP))
def test_no_field_is_a_fault_of_the_server(held, connected, field, value):
    held.gate.set()
    got = connected.post("/v1/audio/speech", content=json.dumps(SPEECH | {field: value}).encode())
    assert got.status_code < 500
    if got.status_code != 200:
        assert got.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "status", "code"), [("/v1/nothing", 404, "not_found"), ("/v1/audio/speech", 405, "method_not_allowed")]
)
def test_other_paths_and_methods_are_refused_in_openais_form(server, path, status, code):
    got = get(server + path)
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)
    assert got.json()["error"]["message"]


def test_a_text_of_a_megabyte_is_refused_and_the_connection_goes_on(server):
    with httpx.Client(base_url=server, timeout=PATIENCE_SECONDS) as client:
        for _ in range(2):
            got = client.post("/v1/audio/speech", json=SPEECH | {"input": "a" * 1_000_000})
            assert (got.status_code, got.json()["error"]["code"]) == (413, "request_too_large")
        assert client.get("/health").status_code == 200


def test_a_body_of_unknown_length_is_cut_at_the_limit(server):
    def endless():
        for _ in range(100):
            yield b" " * 10_000

    got = post(server, content=endless())
    assert (got.status_code, got.json()["error"]["code"]) == (413, "request_too_large")


def test_a_text_without_punctuation_is_cut_between_words(server, held):
    """Spoken in one go, from one cache, a thousand words would take gigabytes in a large model."""
    held.gate.set()
    held.n_frames = 1
    long = "word " * 400
    assert post(server, json=SPEECH | {"input": f"[pause:20ms] {long}"}).content
    pause, *parts = held.texts
    assert pause == ""
    assert " ".join(parts).lower().replace(".", "").split() == long.split()
    assert all(len(part.split()) <= 100 for part in parts)


# The reference's form


def wav_samples(content):
    assert content[:4] == b"RIFF"
    assert content[36:40] == b"data"
    return content[44:]


def test_tts_streams_a_wav(server, model):
    got = post(server, "/tts", data={"text": TEXT})
    assert got.status_code == 200
    assert got.headers["content-type"] == "audio/wav"
    assert got.headers["content-disposition"] == "attachment; filename=generated_speech.wav"
    assert_speech(wav_samples(got.content), spoken(model))


def test_tts_takes_a_multipart_form(server, model):
    got = post(server, "/tts", files={"text": (None, TEXT), "voice_url": (None, "default")})
    assert_speech(wav_samples(got.content), spoken(model))


def test_tts_clones_an_upload_and_remembers_it(server, model, monkeypatch, tmp_path):
    (tmp_path / "me.wav").write_bytes(recording())
    voice = model.get_state_for_audio_prompt(tmp_path / "me.wav")
    upload = {"files": {"voice_wav": ("me.wav", recording())}, "data": {"text": TEXT}}
    assert_speech(wav_samples(post(server, "/tts", **upload).content), spoken(model, voice))
    monkeypatch.setattr(TTSModel, "_clone", None)  # as from here on nothing may be cloned
    assert_speech(wav_samples(post(server, "/tts", **upload).content), spoken(model, voice))


def test_tts_takes_a_saved_voice(server, model, tmp_path):
    voice = model.get_state_for_audio_prompt(tone())
    export_model_state(voice, tmp_path / "saved.safetensors")
    content = (tmp_path / "saved.safetensors").read_bytes()
    got = post(server, "/tts", data={"text": TEXT}, files={"voice_wav": ("saved.safetensors", content)})
    assert_speech(wav_samples(got.content), spoken(model, voice))


def file_of(content, name="voice.wav"):
    return {"files": {"voice_wav": (name, content)}}


TTS_REFUSALS = {
    "empty text": ({"data": {"text": " "}}, 400, "nothing to say"),
    "long text": ({"data": {"text": "a" * 10_001}}, 400, "10001 characters"),
    "text as a file": ({"files": {"text": ("a.txt", b"hello")}}, 400, "text is a file; wanted a text"),
    "no form": ({"content": b"hello"}, 400, "wanted multipart/form-data"),
    "json": ({"json": {"text": "hello"}}, 400, "'application/json'; wanted multipart/form-data"),
    "no boundary": ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "Missing boundary"),
    "broken form": (
        {"content": b"nothing like it", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        400,
        "The form cannot be read",
    ),
    "cut form": (
        {
            "content": b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello\r\n--x\r\nContent-Dis',
            "headers": {"content-type": "multipart/form-data; boundary=x"},
        },
        400,
        "cut short",
    ),
    "many files": ({"files": [("voice_wav", ("a", b"a")), ("voice_wav", ("b", b"b"))]}, 400, "Too many files"),
    "many fields": ({"files": [(f"f{i}", (None, "x")) for i in range(21)]}, 400, "Too many fields"),
    "unknown voice": ({"data": {"text": TEXT, "voice_url": "nobody"}}, 400, "no voice 'nobody'"),
    "address": ({"data": {"text": TEXT, "voice_url": "https://x.org/a.wav"}}, 403, "--allow-voice-urls"),
    "file address": ({"data": {"text": TEXT, "voice_url": "file:///etc/passwd"}}, 400, "must start with http://"),
    "voice as text": ({"files": {"text": (None, TEXT), "voice_wav": (None, "x")}}, 400, "wanted a file"),
    "voice name as a file": ({"data": {"text": TEXT}, "files": {"voice_url": ("a", b"a")}}, 400, "wanted a name"),
    "two voices": ({"data": {"text": TEXT, "voice_url": "default"}, **file_of(b"x")}, 400, "choose one"),
    "empty upload": ({"data": {"text": TEXT}, **file_of(b"")}, 400, "empty: 0 bytes"),
    "broken upload": ({"data": {"text": TEXT}, **file_of(b"RIFFnothing")}, 400, "The uploaded voice cannot be read"),
    "broken voice": ({"data": {"text": TEXT}, **file_of(b"{}", "a.safetensors")}, 400, "The uploaded voice"),
    "no sound": ({"data": {"text": TEXT}, **file_of(bytes(5000), "a.mp3")}, 400, "The uploaded voice"),
    "no tensors": (
        {"data": {"text": TEXT}, **file_of(b"x" * 500, "a.safetensors")},
        400,
        "The uploaded voice is not a safetensors file",
    ),
}


@pytest.mark.parametrize("case", TTS_REFUSALS)
def test_tts_refuses_in_the_references_form(server, case):
    request, status, words = TTS_REFUSALS[case]
    got = post(server, "/tts", **request)
    assert got.status_code == status, got.text
    assert words in got.json()["detail"]


def test_tts_without_text_is_refused_as_by_fastapi(server):
    got = post(server, "/tts", data={"voice_url": "default"})
    assert got.status_code == 422
    assert got.json()["detail"] == [
        {"type": "missing", "loc": ["body", "text"], "msg": "Field required", "input": None}
    ]


def test_no_error_tells_where_the_server_keeps_its_files(server, tmp_path):
    got = post(server, "/tts", data={"text": TEXT}, **file_of(b"RIFFnothing"))
    assert "/" not in got.json()["detail"]


def test_an_upload_longer_than_thirty_seconds_is_cut(server, model, monkeypatch):
    """As by the reference; an hour of silence packed into a small flac costs no more."""
    lengths = []

    def clone(self, samples, stop):
        lengths.append(len(samples))
        return self.get_initial_state()

    monkeypatch.setattr(TTSModel, "_clone", clone)
    assert post(server, "/tts", data={"text": TEXT}, **file_of(recording(40, "FLAC"))).status_code == 200
    assert lengths == [30 * 24_000]


def test_an_upload_over_the_limit_is_refused(model):
    limits = Limits(upload_bytes=50_000, text_characters=100)
    with served(make_service(model, limits)) as url:
        for size in (50_001, 500_000):  # in the form, and before it is read
            got = post(url, "/tts", data={"text": TEXT}, **file_of(bytes(size)))
            assert got.status_code == 413
            assert "bytes" in got.json()["detail"]


def test_only_so_many_uploads_at_once(model):
    head = "POST /tts HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\nContent-Type: multipart/form-data; boundary=x"
    service = make_service(model, Limits(n_uploads=1))
    with served(service) as url, raw_connection(url, f"{head}\r\n\r\n--x".encode()) as first:

        def is_busy():
            return post(url, "/tts", data={"text": TEXT}, **file_of(bytes(200_000))).status_code == 429

        until(is_busy)
        assert post(url, "/tts", data={"text": TEXT}).status_code == 200  # a text needs no such place
        first.close()
        until(lambda: not is_busy())


# Voices


def test_voices_in_the_folder_are_offered_by_name(model, tmp_path):
    voice = model.get_state_for_audio_prompt(tone(0.3))
    with served(make_service(model, folder=tmp_path)) as url:
        listed = lambda: [voice["id"] for voice in get(f"{url}/v1/audio/voices").json()["voices"]]  # noqa: E731
        assert listed() == ["default"]
        export_model_state(voice, tmp_path / "anna.safetensors")
        (tmp_path / "berta.wav").write_bytes(recording())
        (tmp_path / "notes.txt").write_text("no voice")
        (tmp_path / "folder.wav").mkdir()
        assert listed() == ["default", "berta", "anna"]
        assert_speech(post(url, json=SPEECH | {"voice": "anna"}).content, spoken(model, voice))
        cloned = model.get_state_for_audio_prompt(tmp_path / "berta.wav")
        assert_speech(post(url, json=SPEECH | {"voice": "berta"}).content, spoken(model, cloned))
        assert "notes" in post(url, json=SPEECH | {"voice": "notes"}).json()["error"]["message"]


def test_a_voice_that_was_replaced_is_read_again(model, tmp_path):
    with served(make_service(model, folder=tmp_path)) as url:
        answers = []
        for seconds in (1, 2):
            export_model_state(model.get_state_for_audio_prompt(tone(seconds / 5)), tmp_path / "anna.safetensors")
            os.utime(tmp_path / "anna.safetensors", (seconds, seconds))
            answers.append(post(url, json=SPEECH | {"voice": "anna"}).content)
    assert answers[0] != answers[1]


def test_no_name_leads_out_of_the_folder(model, tmp_path):
    inside = tmp_path / "voices"
    inside.mkdir()
    secret = tmp_path / "secret.safetensors"
    export_model_state(model.get_initial_state(), secret)
    with served(make_service(model, folder=inside)) as url:
        for name in (
            str(secret),
            "../secret",
            "../secret.safetensors",
            "secret",
            str(GOLDEN / "lsd.toml"),
            ".",
            "",
            "\0",
            "a" * 9000,
        ):
            got = post(url, json=SPEECH | {"voice": name})
            assert got.status_code == 400, name
            assert post(url, "/tts", data={"text": TEXT, "voice_url": name}).status_code == 400, name


def test_a_released_model_offers_the_catalogue(model, monkeypatch):
    released = replace(model, config=replace(model.config, released=True))
    asked = []

    def load(self, name):
        asked.append(name)
        return self.get_initial_state()

    monkeypatch.setattr(TTSModel, "get_state_for_audio_prompt", load)
    with served(make_service(released)) as url:
        assert "alba" in get(f"{url}/v1/audio/voices").text
        assert post(url, json=SPEECH | {"voice": "alba"}).status_code == 200
        assert post(url, "/tts", data={"text": TEXT, "voice_url": "alba"}).status_code == 200
    assert asked == ["alba"]


def test_a_voice_that_cannot_be_fetched_is_no_fault_of_the_client(model, monkeypatch):
    def fail(self, name):
        raise ConnectionError("The hub cannot be reached. Check the network.")

    monkeypatch.setattr(TTSModel, "get_state_for_audio_prompt", fail)
    with served(make_service(replace(model, config=replace(model.config, released=True)))) as url:
        got = post(url, json=SPEECH | {"voice": "alba"})
    assert got.status_code == 503
    assert got.json()["error"] == {
        "message": "The hub cannot be reached. Check the network.",
        "type": "server_error",
        "param": None,
        "code": "unavailable",
    }


def test_the_memory_for_voices_is_bounded(model):
    voice = model.get_state_for_audio_prompt(tone())
    n_bytes = voice.keys.nbytes + voice.values.nbytes
    voices = make_service(model, Limits(cached_voice_bytes=2 * n_bytes + 100)).voices
    n_loaded = 0

    def load(stop):
        nonlocal n_loaded
        n_loaded += 1
        return voice

    for key in "abcabbb":
        voices.state(VoiceSource(key, load), threading.Event())
    assert n_loaded == 5  # of the last two, nothing


# Health


def test_health_tells_how_busy_the_server_is(server, held):
    before = get(f"{server}/health").json()
    assert before["status"] == "healthy"
    assert (before["running"], before["waiting"]) == (0, 0)
    with stream("POST", f"{server}/v1/audio/speech", json=SPEECH) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        assert get(f"{server}/health").json()["running"] == 1
        held.gate.set()
        assert list(pieces)
    until(lambda: get(f"{server}/health").json()["running"] == 0)


def test_a_model_that_cannot_clone_says_so(model):
    with served(make_service(replace(model, encoder=None))) as url:
        assert get(f"{url}/v1/audio/voices").json()["cloning"] is False
        got = post(url, "/tts", data={"text": TEXT}, **file_of(recording()))
        assert got.status_code == 400
        assert got.json()["detail"].startswith("This server's model cannot clone recordings; send a saved voice")
        assert got.json()["detail"].endswith("name one of: default.")


def test_one_model_serves_many_threads_alike(model):
    """Alone, a request has both threads of the model; beside others, one. The speech is the same."""
    wanted = spoken(model)
    answers = []

    def ask(url):
        answers.append(post(url, json=SPEECH).content)

    with served(make_service(model, Limits(n_workers=4))) as url:
        threads = [threading.Thread(target=ask, args=[url]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 8
    for answer in answers:
        assert_speech(answer, wanted)


def test_long_speech_is_made_of_the_models_own(model):
    """The calm model of other tests is not a constant: another seed says something else."""
    other = spoken(calm(small_model(seed=1)))
    assert np.abs(other.astype(int) - spoken(model)).max() > 1000
