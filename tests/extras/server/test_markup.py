"""SSML and tags over HTTP: by its beginning, or by the caller's word; fields of silence and loudness."""

import json
from dataclasses import replace

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts_np import export_model_state
from pockettts_np.audio.effects import CLOSING_SILENCE_SECONDS, processed
from pockettts_np.audio.samples import to_int16
from pockettts_np.language.prompts import Gaps
from pockettts_np.server.delivery import Delivery
from pockettts_np.server.http.requests.fields import Fields
from pockettts_np.server.http.requests.spoken import delivery_of
from pockettts_np.server.limits import Limits, Refusal
from tests.support.live_server import PATIENCE_SECONDS, calm, make_service, served

DOCUMENT = '<speak>Hello<break time="50ms"/> <prosody rate="2">world.</prosody></speak>'


@pytest.fixture(scope="module")
def model(tiny_model):
    return calm(tiny_model)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    state = model.get_initial_state()
    model.flow_lm.prompt(np.ones((4, model.flow_lm.input_linear.n_out), np.float32), state)
    export_model_state(state, folder / "bob.safetensors")
    return folder


@pytest.fixture(scope="module")
def service(model, folder):
    return make_service(model, Limits(n_workers=2, n_waiting=20, text_characters=1000), folder)


@pytest.fixture(scope="module")
def address(service):
    with served(service) as address:
        yield address


def want(model, script) -> np.ndarray:
    """The 16-bit samples that a server should send."""
    silence = np.zeros(int(CLOSING_SILENCE_SECONDS * 24_000), np.float32)
    samples = model.generate_audio(model.get_initial_state(), script)
    return to_int16(np.concatenate(list(processed([samples, silence], 24_000))))


def assert_same(content: bytes, samples: np.ndarray) -> None:
    """But for the last of 16 bits: how many frames are decoded at once is chance."""
    got = np.frombuffer(content, "<i2")
    assert got.shape == samples.shape
    assert np.abs(got.astype(int) - samples).max() <= 2


def post(address, text, **fields):
    body = {"model": "tts-1", "voice": "default", "input": text, "response_format": "pcm", **fields}
    return httpx.post(f"{address}/v1/audio/speech", json=body, timeout=PATIENCE_SECONDS)


# ---- HTTP ----


@pytest.mark.parametrize(
    ("text", "fields", "ssml"),
    [
        (DOCUMENT, {}, True),
        (f"\n{DOCUMENT}", {"text_format": "ssml"}, True),
        (DOCUMENT, {"text_format": "text"}, False),
        ("Hello [pause:20ms] world.", {}, False),
        ("Say <speak>.", {"text_format": None}, False),
    ],
)
def test_a_document_is_read_as_one(address, model, text, fields, ssml):
    answer = post(address, text, **fields)
    assert answer.status_code == 200
    assert_same(answer.content, want(model, model.script(text, ssml=ssml)))


@pytest.mark.parametrize(
    ("text", "fields", "says"),
    [
        ("<speak>Hello.", {}, "The SSML cannot be read: no element found (line 1, column 14)."),
        ("Hello.", {"text_format": "ssml"}, "The SSML cannot be read: syntax error (line 1, column 1)."),
        ("<speak>" + "<p>" * 300, {}, "nested more than 100 deep"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><speak>&b;</speak>", {"text_format": "ssml"}, "document type"),
        ("Hello. [voice:nobody] Hello.", {}, "There is no voice 'nobody'. Wanted one of: default, bob."),
        ("<speak><voice name='../bob'>Hello.</voice></speak>", {}, "There is no voice '../bob'."),
        ("<speak>" + "a" * 700 + "</speak>", {}, "tokens of the SSML have no punctuation to cut at"),
        ("Hello.", {"text_format": "xml"}, "text_format is 'xml'; wanted text, ssml."),
        ("Hello.", {"text_format": 7}, "text_format is 7; wanted text, ssml."),
        ("Hello.", {"sentence_pause": -1}, "sentence_pause"),
        ("Hello.", {"paragraph_pause": 61}, "paragraph_pause"),
        ("Hello.", {"sentence_pause": "long"}, "sentence_pause"),
        ("Hello.", {"sentence_pause": [1]}, "sentence_pause"),
        ("Hello.", {"loudness": 0}, "loudness"),
        ("Hello.", {"loudness": {"lufs": -20}}, "loudness"),
        ("Hello.", {"loudness": 1e400}, "loudness"),
    ],
)
def test_what_cannot_be_is_refused_before_any_sound(address, text, fields, says):
    body = {"model": "tts-1", "voice": "default", "input": text, "response_format": "pcm", **fields}
    answer = httpx.post(f"{address}/v1/audio/speech", content=json.dumps(body), timeout=PATIENCE_SECONDS)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


def test_a_text_calls_the_servers_voices_by_name(address, model, folder):
    text = "Hello. [voice:bob] Hello. [voice:default] Hello."
    named = replace(model, voices={"bob": folder / "bob.safetensors"})
    assert_same(post(address, text).content, want(named, named.script(text)))


def test_silence_and_loudness_are_the_callers(address, model):
    text = "Hello.\n\nWorld. Hello."
    spaced = replace(model, gaps=Gaps(0.1, 0.2))
    answer = post(address, text, sentence_pause=0.1, paragraph_pause=0.2)
    assert_same(answer.content, want(spaced, spaced.script(text)))
    soft = replace(model, loudness=-40.0)
    assert_same(post(address, text, loudness=-40).content, want(soft, soft.script(text)))


def test_one_silence_alone_leaves_the_other_as_the_server_has_it(service):
    own = make_service(replace(service.model, gaps=Gaps(0.5, 1.5)))
    assert delivery_of(Fields({"sentence_pause": 0.1}), own).gaps == Gaps(0.1, 1.5)
    assert delivery_of(Fields({"paragraph_pause": 0.1}), own).gaps == Gaps(0.5, 0.1)
    assert delivery_of(Fields({}), own).gaps is None


def outcome(fields: dict, service) -> tuple[Delivery | None, Refusal | None]:
    """What fields ask for, or why they are refused."""
    try:
        return delivery_of(Fields(fields), service), None
    except Refusal as refusal:
        return None, refusal


FIELDS = st.sampled_from(["text_format", "sentence_pause", "paragraph_pause", "loudness"])
VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers())


@given(st.dictionaries(FIELDS, VALUES))
def test_any_field_is_taken_or_refused(service, fields):
    delivery, refusal = outcome(fields, service)
    assert (refusal.status, refusal.param in fields) == (400, True) if refusal else delivery is not None
