"""How callers want a text spoken: seed, temperature, language, whole or streamed, with the times of words."""

import base64
import contextlib
import io
import json
import struct
from dataclasses import replace

import httpx
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pockettts_np.server.delivery import Delivery, WordsTold
from pockettts_np.server.http.requests.fields import Fields, QueryFields
from pockettts_np.server.languages import is_language_of, language_code, language_name
from pockettts_np.server.limits import Limits, Refusal
from pockettts_np.timing.letters import Word
from pockettts_np.timing.timestamps import TimedAudio
from tests.support import live_server
from tests.support.live_server import FRAME, PATIENCE_SECONDS, make_service, served, timed, until
from tests.support.random_models import small_model

TEXT = "Hello world."
LONG = "It was a bright cold day in April, and the clocks were striking thirteen. " * 2
SPEECH = {"model": "tts-1", "input": TEXT, "voice": "default", "response_format": "pcm"}


@pytest.fixture(scope="module")
def lively():
    """A server whose speech is drawn anew each time, with the times of words."""
    with served(make_service(timed(small_model()), Limits(n_workers=1))) as url:
        yield url


def speak(url, path="/v1/audio/speech", **fields):
    return live_server.post(url + path, json=SPEECH | fields)


# Seed and temperature


def near(one, other):
    """But for the last of 16 bits: how many frames are decoded at once is chance."""
    one, other = (np.frombuffer(content, "<i2").astype(int) for content in (one, other))
    return one.shape == other.shape and np.abs(one - other).max() <= 2


def test_a_seed_makes_the_same_speech_again(lively):
    first, again, other = (speak(lively, input=LONG, seed=seed).content for seed in (7, 7, 8))
    assert near(first, again)
    assert not near(first, other)
    assert not near(speak(lively).content, speak(lively).content)


def test_a_seed_draws_on_from_chunk_to_chunk(lively):
    """Otherwise the same sentence twice would sound exactly alike."""
    samples = np.frombuffer(speak(lively, input="Hello world.\n\nHello world." + LONG, seed=3).content, "<i2")
    assert len(samples) > 2 * 24_000


def test_without_heat_nothing_is_drawn(lively):
    assert near(speak(lively, temperature=0).content, speak(lively, temperature=0).content)
    assert not near(speak(lively, seed=1, temperature=0.1).content, speak(lively, seed=1, temperature=1.5).content)


def test_the_model_of_a_delivery_shares_the_weights(model):
    hot = Delivery(temperature=1.25).model(model)
    assert hot.sampling.temperature == 1.25
    assert hot.flow_lm is model.flow_lm
    assert Delivery().model(model) is model


# Language


@pytest.mark.parametrize(
    ("asked", "model", "is_spoken"),
    [
        ("en", "english", True),
        ("en-GB", "english_2026-09", True),
        ("EN_us", "builtin", True),
        ("English", "english", True),
        ("auto", "german_24l", True),
        ("de", "german_24l", True),
        ("de", "english", False),
        ("klingon", "english", False),
        ("fr", "mine", True),  # which does not say
    ],
)
def test_a_model_speaks_its_language(asked, model, is_spoken):
    assert is_language_of(asked, model) == is_spoken


def test_languages_have_codes_and_names():
    assert language_code("portuguese_24l") == "pt"
    assert language_code("mine") is None
    assert language_name("german_24l") == "German (de)"


def test_another_language_is_refused(model):
    german = replace(model, config=replace(model.config, name="german_24l"))
    with served(make_service(german)) as url:
        assert speak(url, lang="de-AT").status_code == 200
        for field in ("lang", "language"):
            got = speak(url, **{field: "fr"})
            assert (got.status_code, got.json()["error"]["code"]) == (400, "language_not_loaded")
            assert "speaks German (de)" in got.json()["error"]["message"]


# Whole or as it is made


def announced(content):
    """What the header of a WAV says: bytes of the file behind it, and of the sound."""
    return struct.unpack_from("<I", content, 4)[0], struct.unpack_from("<I", content, 40)[0]


def test_a_short_wav_says_how_long_it_is(lively):
    got = speak(lively, response_format="wav")
    assert int(got.headers["content-length"]) == len(got.content)
    assert announced(got.content) == (len(got.content) - 8, len(got.content) - 44)


def test_a_long_wav_grows_unless_it_is_wanted_whole(lively):
    got = speak(lively, response_format="wav", input=LONG)
    assert "content-length" not in got.headers
    assert announced(got.content)[1] >= 2_000_000_000
    got = speak(lively, response_format="wav", input=LONG, stream=False)
    assert announced(got.content) == (len(got.content) - 8, len(got.content) - 44)


def test_a_short_wav_grows_if_it_is_wanted_so(lively):
    assert announced(speak(lively, response_format="wav", stream=True).content)[1] >= 2_000_000_000


@pytest.mark.parametrize("form", ["mp3", "opus", "flac", "pcm"])
def test_every_format_can_be_whole(lively, form):
    got = speak(lively, response_format=form, stream=False)
    assert int(got.headers["content-length"]) == len(got.content) > 1000
    if form == "flac":  # which soundfile reads if its header knows the length
        assert soundfile.info(io.BytesIO(got.content)).frames > 10_000


def test_a_whole_answer_to_nobody_is_given_up(lively, held):
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{lively}/v1/audio/speech", json=SPEECH | {"stream": False}, timeout=0.5)
    until(lambda: held.n_stopped == 1)


def test_too_long_to_be_held(model):
    with served(make_service(model, Limits(whole_characters=20))) as url:
        got = speak(url, input=LONG, stream=False)
        assert (got.status_code, got.json()["error"]["param"]) == (400, "stream")
        assert "at most 20" in got.json()["error"]["message"]


# The times of words


def events(got):
    assert got.headers["content-type"].startswith("text/event-stream")
    assert got.headers["x-accel-buffering"] == "no"
    return [json.loads(part.removeprefix("data: ")) for part in got.text.split("\n\n") if part]


def words_of(url, **fields):
    told = events(speak(url, stream_format="sse", return_timing=True, **fields))
    return [word for event in told[:-1] for word in event["words"]]


def test_events_tell_the_words_as_they_were_written(lively):
    text = "Hello “world”, twice. And on it goes, for another sentence or two."
    told = events(speak(lively, input=text, stream_format="sse", return_timing=True))
    words = [word for event in told[:-1] for word in event["words"]]
    assert [word["word"] for word in words] == text.split()
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    n_samples = sum(len(base64.b64decode(event["audio"])) for event in told[:-1]) // 2
    assert 0 <= times[0] <= times[-1] <= n_samples / 24_000
    assert "words" not in events(speak(lively, stream_format="sse"))[0]


def test_words_come_with_the_sound_that_says_them(lively):
    """No word is told much before it is sent, nor kept to the end."""
    told = events(speak(lively, input=LONG * 3, stream_format="sse", return_timing=True))[:-1]
    with_words = [i for i, event in enumerate(told) if event["words"]]
    assert len(with_words) > 5
    sent_s = np.cumsum([len(base64.b64decode(event["audio"])) / 48_000 for event in told])
    for i in with_words:
        assert told[i]["words"][0]["start"] <= sent_s[i]


def test_words_keep_to_the_pace(lively):
    plain, fast = (words_of(lively, seed=1, speed=speed) for speed in (1, 2))
    assert plain[-1]["end"] == pytest.approx(2 * fast[-1]["end"], abs=0.01)


def test_a_pause_moves_the_words_behind_it(lively):
    plain, paused = (
        words_of(lively, input=text, temperature=0) for text in ("Hello. World.", "[pause:2s] Hello. World.")
    )
    assert [word["word"] for word in plain] == [word["word"] for word in paused]
    assert paused[0]["start"] - plain[0]["start"] == pytest.approx(2, abs=0.1)


def test_words_need_events(lively):
    got = speak(lively, return_timing=True)
    assert (got.status_code, got.json()["error"]["param"]) == (400, "return_timing")


def test_a_model_without_times_says_so(server):
    for path, fields in (
        ("/v1/audio/speech", {"stream_format": "sse", "return_timing": True}),
        ("/dev/captioned_speech", {}),
    ):
        got = speak(server, path, **fields)
        assert (got.status_code, got.json()["error"]["code"]) == (400, "no_timestamps")


def test_captions_have_the_shape_of_kokoros(lively):
    whole = speak(lively, "/dev/captioned_speech", stream=False).json()
    assert whole["audio_format"] == "audio/pcm; rate=24000"
    assert [word["word"] for word in whole["timestamps"]] == TEXT.split()
    assert set(whole["timestamps"][0]) == {"word", "start_time", "end_time"}
    lines = speak(lively, "/dev/captioned_speech", input=LONG).text.splitlines()
    assert len(lines) > 3
    assert [word["word"] for line in lines for word in json.loads(line)["timestamps"]] == LONG.split()
    assert (
        json.loads(speak(lively, "/dev/captioned_speech", return_timestamps=False).text.splitlines()[0])["timestamps"]
        is None
    )


def test_words_are_counted_from_the_first_sample_of_all():
    told = WordsTold(rate_hz=1000, speed=2.0)
    silence = np.zeros(500, np.float32)
    told.begin_script()
    assert sum(map(len, told.samples_of([silence, TimedAudio(silence, (Word("a", 0.5, 1.0),))]))) == 1000
    told.begin_script()
    list(told.samples_of([TimedAudio(silence, (Word("b", 0.0, 0.5),))]))
    assert told.taken() == (Word("a", 0.25, 0.5), Word("b", 0.5, 0.75))
    assert told.taken() == ()


# The same fields by the reference's form


def test_the_form_takes_them_as_texts(lively):
    fields = {"text": TEXT, "seed": "5", "speed": "2.0", "response_format": "flac", "stream": "false"}
    first, again = (live_server.post(f"{lively}/tts", data=fields) for _ in range(2))
    assert first.headers["content-type"] == "audio/flac"
    assert first.headers["content-disposition"].endswith("generated_speech.flac")
    assert first.headers["content-length"]
    assert near(*(soundfile.read(io.BytesIO(got.content), dtype="int16")[0].tobytes() for got in (first, again)))
    told = live_server.post(f"{lively}/tts", data={"text": TEXT, "stream_format": "sse", "return_timing": "true"})
    assert events(told)[-1] == {"type": "speech.audio.done"}


# Models


def test_openais_dated_names_are_known_and_others_are_not(server):
    for name in ("tts-1-1106", "tts-1-hd-1106", "gpt-4o-mini-tts-2025-12-15", "tts-1"):
        assert speak(server, model=name).status_code == 200, name
    for name in ("tts-2", "tts-1-11066", "kokoro", "gpt-4o-mini-tts-", "tts-1\n"):
        assert speak(server, model=name).status_code == 404, name


def test_any_name_will_do_where_the_owner_says_so(model):
    with served(make_service(model), any_model=True) as url:
        for name in ("kokoro", None, 7, ["x"]):
            assert speak(url, model=name).status_code == 200
        assert live_server.get(f"{url}/v1/audio/voices?model=x").status_code == 200
        assert live_server.get(f"{url}/v1/models/some/path").status_code == 200


def test_lists_for_open_webui_llama_swap_and_speaches(server, service):
    name = service.model.config.name
    listed = live_server.get(f"{server}/v1/audio/models").json()["models"]
    assert [model["id"] for model in listed] == [name, "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    for path in (
        "/v1/audio/voices",
        f"/v1/audio/voices?model={name}",
        "/v1/audio/speech/voices?model_id=tts-1",
        "/v1/audio/voices/",
    ):
        assert live_server.get(server + path).json()["voices"][0] == {
            "id": "default",
            "name": "default",
            "object": "voice",
        }
    assert live_server.get(f"{server}/v1/audio/voices?model=nobody").status_code == 404
    assert live_server.get(f"{server}/v1/").status_code == 200


# Bad input


WRONG = {
    "seed": [-1, 2**64, 1.5, "7", True, [], 10**400],
    "temperature": [-0.1, 2.1, "hot", True, {}],
    "stream": ["yes", 1, []],
    "return_timing": ["true", 0],
    "lang": [7, ["en"], "xx" * 5000],
    "speed": [0, 100, "fast", {}],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_wrong_field_is_named(lively, field, value):
    got = live_server.post(f"{lively}/v1/audio/speech", content=json.dumps(SPEECH | {field: value}).encode())
    if field == "lang" and isinstance(value, str):  # of a model whose name does not say what it speaks
        assert got.status_code == 200
        return
    assert got.status_code == 400
    assert got.json()["error"]["param"] == field
    assert len(got.json()["error"]["message"]) < 250


@pytest.fixture(scope="module")
def connected(lively):
    with httpx.Client(base_url=lively, timeout=PATIENCE_SECONDS) as client:
        yield client


DEEP = json.loads("[" * 900 + "]" * 900)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just(10**400)
    | st.just("x" * 9000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = [*SPEECH, *WRONG, "language", "stream_format", "return_timestamps", "unknown", "normalize", "lang_code"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["/v1/audio/speech", "/dev/captioned_speech"]),
    st.dictionaries(st.sampled_from(NAMES), ANY | st.just("deep"), max_size=3),
)
def test_no_fields_are_a_fault_of_the_server(held, connected, path, fields):
    held.gate.set()
    nested = {name: DEEP if value == "deep" else value for name, value in fields.items()}
    got = connected.post(path, content=json.dumps(SPEECH | nested).encode())
    assert got.status_code < 500, got.text
    if got.status_code != 200:
        assert got.json()["error"]["message"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*NAMES, "format", "text", "api_key"]), st.text(max_size=30), max_size=4))
def test_no_query_is_a_fault_of_the_server(held, connected, fields):
    held.gate.set()
    got = connected.get("/tts", params={"text": TEXT} | fields)
    assert got.status_code < 500, got.text


@given(st.text(max_size=30))
def test_what_stands_in_a_query_is_what_it_means(text):
    fields = QueryFields({"x": text})
    for read in (lambda: fields.number("x", 0, 9), lambda: fields.whole("x", 9), lambda: fields.switch("x")):
        with contextlib.suppress(Refusal):
            value = read()
            assert value is None or 0 <= value <= 9


def test_the_same_words_and_numbers_in_a_query():
    fields = QueryFields({"yes": "True", "no": "0", "half": "0.5", "seven": "7", "whole": "7.0"})
    assert fields.switch("yes") is True
    assert fields.switch("no") is False
    assert fields.switch("nothing") is None
    assert (fields.number("half", 0, 1), fields.whole("seven", 9), fields.whole("whole", 9)) == (0.5, 7, 7)
    with pytest.raises(Refusal, match="x is 'maybe'; wanted true or false"):
        QueryFields({"x": "maybe"}).switch("x")
    assert Fields({"x": 2.0}).whole("x", 9) == 2


def test_a_request_in_pieces_of_one_byte(lively):
    body = json.dumps(SPEECH | {"seed": 1, "stream": False}).encode()
    got = live_server.post(f"{lively}/v1/audio/speech", content=(bytes([byte]) for byte in body))
    assert got.status_code == 200
    assert len(got.content) > len(FRAME)
