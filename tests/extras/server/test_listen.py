"""GET /tts: a sound at an address, whole or in the parts that a player asks for; and HEAD and slashes everywhere."""

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts_np.server.http.answers.ranges import whole_answer
from pockettts_np.server.http.routes.listen import Recent
from tests.support.live_server import get, make_service, served, until
from tests.support.random_models import small_model

TEXT = "Hello world."
LONG = "It was a bright cold day in April, and the clocks were striking thirteen. " * 2


@pytest.fixture(scope="module")
def lively():
    """A server whose speech is drawn anew each time."""
    with served(make_service(small_model())) as url:
        yield url


def test_an_address_is_a_sound_and_always_the_same(lively):
    first, again = (get(f"{lively}/tts", params={"text": TEXT, "voice": "alloy"}) for _ in range(2))
    assert first.headers["content-type"] == "audio/wav"
    assert first.content[:4] == b"RIFF"
    assert first.content == again.content
    assert get(f"{lively}/tts", params={"text": TEXT, "seed": 1}).content != first.content
    assert get(f"{lively}/tts", params={"text": TEXT, "format": "mp3"}).headers["content-type"] == "audio/mpeg"
    fast = get(f"{lively}/tts", params={"text": TEXT, "speed": "2"})
    assert 0.4 < len(fast.content) / len(first.content) < 0.7


def test_a_player_that_asks_for_parts_gets_parts_of_one_sound(lively, monkeypatch):
    """As Safari: two bytes, then the rest, in pieces; the speech is made once."""
    begin = get(f"{lively}/tts", params={"text": LONG}, headers={"Range": "bytes=0-1"})
    assert (begin.status_code, begin.content) == (206, b"RI")
    n_bytes = int(begin.headers["content-range"].rpartition("/")[2])
    monkeypatch.setattr("pockettts_np.model.TTSModel.generate_audio_stream", None)  # as nothing may be made any more
    parts = []
    while sum(map(len, parts)) < n_bytes:
        at = sum(map(len, parts))
        part = get(f"{lively}/tts", params={"text": LONG}, headers={"Range": f"bytes={at}-{at + 65_535}"})
        assert part.status_code == 206
        parts.append(part.content)
    whole = b"".join(parts)
    assert len(whole) == n_bytes
    assert int.from_bytes(whole[40:44], "little") == n_bytes - 44


def test_a_long_text_that_is_not_asked_for_in_parts_grows(lively):
    got = get(f"{lively}/tts", params={"text": LONG + "More."})
    assert "content-length" not in got.headers
    assert np.frombuffer(got.content[44:], "<i2").any()


def test_a_head_makes_no_speech(lively, held):
    got = httpx.head(f"{lively}/tts", params={"text": TEXT})
    assert "content-length" not in got.headers  # it would be that of the sound
    assert got.headers["accept-ranges"] == "bytes"
    assert (got.status_code, got.headers["content-type"], held.texts) == (200, "audio/wav", [])
    assert httpx.head(f"{lively}/tts").status_code == 400


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/v1/audio/voices", "/metrics", "/v1/models/tts-1"])
def test_heads_have_what_the_answers_have(lively, path):
    head, answer = httpx.head(lively + path), get(lively + path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/health/", "/v1/models/", "/v1/audio/voices//", "/tts/?text=Hi."])
def test_a_slash_at_the_end_is_nothing(lively, path):
    assert get(lively + path).status_code == 200


REFUSALS = {
    "no text": ({}, "text is missing"),
    "an empty text": ({"text": " "}, "nothing to say"),
    "a long text": ({"text": "a" * 10_001}, "10001 characters"),
    "nobody": ({"text": "a", "voice": "nobody"}, "no voice 'nobody'"),
    "a path": ({"text": "a", "voice": "../../etc/passwd"}, "There is no voice"),
    "a format": ({"text": "a", "format": "mp4"}, "wanted mp3"),
    "a speed": ({"text": "a", "speed": "fast"}, "wanted a number"),
    "a seed": ({"text": "a", "seed": "-1"}, "wanted 0 to"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_wrong_is_said(lively, case):
    params, words = REFUSALS[case]
    got = get(f"{lively}/tts", params=params)
    assert got.status_code == 400
    assert words in got.json()["detail"]


def test_a_player_that_leaves_stops_the_speech(lively, held):
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{lively}/tts", params={"text": "Which was never made before."}, timeout=0.5)
    until(lambda: held.n_stopped == 1)


# Ranges


def answer(content, header, method="GET"):
    scope = {"type": "http", "method": method, "headers": [(b"range", header.encode())] if header else []}
    return whole_answer(scope, content, "audio/wav", {})


@given(st.binary(min_size=1, max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_a_slice(content, first, last):
    got = answer(content, f"bytes={first}-{last}")
    if last < first:
        assert (got.status_code, got.body) == (200, content)
    elif first >= len(content):
        assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(content)}")
    else:
        assert (got.status_code, got.body) == (206, content[first : last + 1])
        assert got.headers["content-range"] == f"bytes {first}-{min(last, len(content) - 1)}/{len(content)}"


@given(st.text(st.characters(codec="ascii"), max_size=20) | st.from_regex(r"bytes=[0-9,\- ]*", fullmatch=True))
def test_any_other_range_is_all_or_an_end(header):
    got = answer(b"0123456789", header)
    assert got.status_code in (200, 206, 416)
    assert got.body in b"0123456789"


def test_the_end_and_all_behind():
    assert answer(b"0123456789", "bytes=-3").body == b"789"
    assert answer(b"0123456789", "bytes=-30").body == b"0123456789"
    assert answer(b"0123456789", "bytes=7-").body == b"789"
    assert answer(b"0123456789", "bytes=-0").status_code == 416
    assert answer(b"0123456789", "bytes=0-1,3-4").status_code == 200
    assert answer(b"0123456789", "bytes=0-1", "POST").status_code == 200


def test_what_is_remembered_is_bounded():
    recent = Recent(max_bytes=10)
    for key in "abcd":
        recent.put(key, b"xxxx")
    assert recent.get("b") is None
    assert recent.get("c") == b"xxxx"
    recent.put("e", b"xxxx")
    assert recent.get("d") is None  # the one that was used longest ago
    recent.put("f", b"x" * 11)
    assert [recent.get(key) for key in "cef"] == [None, None, None]


@pytest.mark.parametrize("field", [{"return_timing": "true"}, {"stream_format": "sse"}])
def test_a_sound_has_no_room_for_words(lively, field):
    got = get(f"{lively}/tts", params={"text": TEXT, **field})
    assert got.status_code == 400
    assert "GET /tts answers with sound alone" in got.text
