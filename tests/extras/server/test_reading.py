"""How servers read: by default, as a caller asks, and with the caller's own pronunciations."""

import json
import sys
from contextlib import suppress
from dataclasses import replace

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts_np.language.reading import Reading, _rules_of
from pockettts_np.model import TTSModel
from pockettts_np.server.http.requests.fields import Fields, QueryFields
from pockettts_np.server.http.requests.reading import reading_of
from pockettts_np.server.limits import Refusal
from tests.support.live_server import make_service, served

TEXT = "**Nginx** is 5."


@pytest.fixture
def spoken(monkeypatch):
    """The chunks that are spoken, in place of any speech."""
    chunks = []

    def speak(self, voice, script, *_, **__):
        chunks.extend(chunk.text for chunk in script.chunks)
        yield np.zeros(1920, np.float32)

    monkeypatch.setattr(TTSModel, "generate_audio_stream", speak)
    return chunks


@pytest.fixture
def service(tiny_model):
    return make_service(replace(tiny_model, reading=Reading(normalize=True)))


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({}, "Nginx is five."),
        ({"normalize": False}, "**Nginx** is 5."),
        ({"normalize": None, "lexicon": None}, "Nginx is five."),
        ({"lexicon": {"nginx": "engine x"}}, "Engine x is five."),
        ({"lexicon": "# names\nnginx = engine x"}, "Engine x is five."),
        ({"lexicon": {"nginx": "engine x"}, "normalize": False}, "**engine x** is 5."),
    ],
)
def test_each_way_reads_as_the_caller_asks(service, spoken, fields, read):
    strings = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
        if value is not None
    }
    with served(service) as address:
        body = {"model": "tts-1", "voice": "default", "input": TEXT, "response_format": "wav", **fields}
        assert httpx.post(f"{address}/v1/audio/speech", json=body).status_code == 200
        assert httpx.post(f"{address}/tts", data={"text": TEXT, **strings}).status_code == 200
        assert httpx.get(f"{address}/tts", params={"text": TEXT, **strings}).status_code == 200
    assert spoken == [read] * 3


@pytest.mark.parametrize(
    ("fields", "message", "param"),
    [
        ({"normalize": "perhaps"}, "normalize is 'perhaps'; wanted true or false", "normalize"),
        ({"lexicon": 5}, "lexicon is 5; wanted an object", "lexicon"),
        ({"lexicon": ["a"]}, "wanted an object", "lexicon"),
        ({"lexicon": {"a": 5}}, "wanted an object", "lexicon"),
        ({"lexicon": {" ": "x"}}, "no word", "lexicon"),
        ({"lexicon": {"a": "x" * 201}}, "wanted 200 characters at most", "lexicon"),
        ({"lexicon": {str(n): "x" for n in range(201)}}, "lexicon has 201 words; wanted 200 at most", "lexicon"),
        ({"lexicon": "nonsense"}, "lexicon, line 1 is 'nonsense'", "lexicon"),
        ({"lexicon": "/(a+)+b/ = x"}, "callers may send words alone", "lexicon"),
    ],
)
def test_what_cannot_be_followed_is_refused(service, fields, message, param):
    with pytest.raises(Refusal, match=message.replace("(", r"\(")) as caught:
        reading_of(Fields(fields), service)
    assert (caught.value.status, caught.value.param) == (400, param)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_field_is_followed_or_refused(tiny_model, value):
    service = make_service(tiny_model)
    for fields in (
        Fields({"lexicon": value}),
        Fields({"normalize": value}),
        QueryFields({"lexicon": str(value), "normalize": str(value)}),
    ):
        with suppress(Refusal):
            reading = reading_of(fields, service)
            assert reading is None or isinstance(reading.whole("a 5"), str)


def test_a_slash_in_a_word_is_no_regular_expression(service):
    reading = reading_of(Fields({"lexicon": {"/(a+)+b/": "x", "w/": "with"}}), service)
    assert reading.whole("w/ aab /(a+)+b/") == "with aab x"


def test_a_server_without_num2words_says_so(tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "num2words", None)
    _rules_of.cache_clear()
    german = make_service(replace(tiny_model, config=replace(tiny_model.config, name="german_tiny")))
    assert reading_of(Fields({}), german) is None
    with pytest.raises(Refusal, match="cannot spell out numbers in its language"):
        reading_of(Fields({"normalize": True}), german)
