"""The WebSocket /v1/audio/stream: text in as it comes, sound and words out, in any order and with any mischief."""

import contextlib
import json
import random
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from pockettts_np.audio.samples import to_int16
from pockettts_np.server.http import patience
from pockettts_np.server.http.guard.access import access
from pockettts_np.server.http.routes import stream
from pockettts_np.server.limits import Limits
from tests.support.live_server import FRAME, get, make_service, raw_connection, served, timed, until

TEXT = "Hello world. And hello again."


@pytest.fixture(scope="module")
def url(model):
    with served(make_service(timed(model), Limits(n_workers=2, text_characters=300))) as url:
        yield url


class Client:
    """One that speaks the protocol."""

    def __init__(self, socket):
        self.socket = socket

    def say(self, kind, **fields):
        self.socket.send(json.dumps({"type": kind, **fields}))

    def hear(self, last):
        """Bytes of sound and events, to one of the type `last` or an error."""
        sound, events = b"", []
        while not events or events[-1]["type"] not in (last, "error"):
            message = self.socket.recv(timeout=30)
            if isinstance(message, bytes):
                sound += message
            else:
                events.append(json.loads(message))
        return sound, events

    def code(self):
        """With which the server closes."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.socket.recv(timeout=30)
        return self.socket.close_code


@contextlib.contextmanager
def talking(url, query="", **options):
    with connect(url.replace("http", "ws") + "/v1/audio/stream" + query, **options) as socket:
        client = Client(socket)
        assert client.hear("ready")[1] == [{"type": "ready", "sample_rate": 24_000, "format": "s16le", "channels": 1}]
        yield client


def is_idle(url):
    health = get(f"{url}/health").json()
    return health["running"] == health["waiting"] == 0


def test_text_in_pieces_is_spoken_as_it_would_be_whole(url, held):
    held.gate.set()
    with talking(url) as client:
        for piece in ("Hel", "lo wor", "ld. And hello", " again."):
            client.say("text", text=piece)
        client.say("flush")
        sound, events = client.hear("flushed")
    assert [event["type"] for event in events] == ["flushed"]
    assert " ".join(held.texts) == TEXT
    assert sound.startswith(to_int16(FRAME).tobytes()[:1000])


def test_a_sentence_is_heard_before_the_text_is_complete(url):
    with talking(url) as client:
        client.say("text", text="Hello world. And")
        assert isinstance(client.socket.recv(timeout=30), bytes)
        client.say("close")
        client.hear("flushed")
        assert client.code() == 1000


def test_words_are_counted_from_the_first_sample_of_the_connection(url):
    with talking(url, "?return_timing=true") as client:
        words, n_bytes = [], 0
        for text in ("Hello world.", "And hello again."):
            client.say("text", text=text)
            client.say("flush")
            sound, events = client.hear("flushed")
            words += [word for event in events if event["type"] == "words" for word in event["words"]]
            if not n_bytes:
                first_s = len(sound) / 48_000
            n_bytes += len(sound)
    assert [word["word"] for word in words] == TEXT.split()
    assert words[1]["end"] <= first_s <= words[2]["start"]
    assert words[-1]["end"] <= n_bytes / 48_000


def test_a_flush_of_nothing_is_answered_in_order(url):
    with talking(url) as client:
        client.say("flush")
        assert client.hear("flushed") == (b"", [{"type": "flushed"}])


def test_cancelling_stops_the_speech_and_what_waits(url, held):
    with talking(url) as client:
        for _ in range(3):
            client.say("text", text=TEXT)
            client.say("flush")
        assert isinstance(client.socket.recv(timeout=30), bytes)
        client.say("cancel")
        _, events = client.hear("cancelled")
        assert [event["type"] for event in events] == ["cancelled"]
        until(lambda: held.n_stopped == 1 and is_idle(url))
        held.gate.set()
        client.say("text", text="Go on.")
        client.say("flush")
        sound, events = client.hear("flushed")
        assert sound.startswith(to_int16(FRAME).tobytes()[:100])
        assert [event["type"] for event in events] == ["flushed"]
        assert "Go on." in held.texts[-1]


def test_a_text_that_was_cancelled_is_forgotten(url, held):
    held.gate.set()
    with talking(url) as client:
        client.say("text", text="Half a sent")
        client.say("cancel")
        client.hear("cancelled")
        client.say("text", text="Another.")
        client.say("close")
        client.hear("flushed")
    assert held.texts == ["Another."]


def test_settings_hold_for_what_begins_behind_them(url):
    with talking(url) as client:
        lengths = []
        for speed in (1, 2):
            client.say("start", speed=speed, voice="alloy", seed=1, temperature=0)
            client.say("text", text="Hello world.")
            client.say("flush")
            lengths.append(len(client.hear("flushed")[0]))
    assert 0.4 < lengths[1] / lengths[0] < 0.7


def test_a_client_that_leaves_stops_its_speech(url, held):
    with talking(url) as client:
        client.say("text", text=TEXT)
        client.say("flush")
        assert isinstance(client.socket.recv(timeout=30), bytes)
    until(lambda: held.n_stopped == 1 and is_idle(url))


def test_a_client_that_vanishes_stops_its_speech(url, held):
    with talking(url) as client:
        client.say("text", text=TEXT)
        assert isinstance(client.socket.recv(timeout=30), bytes)
        client.socket.socket.close()
        until(lambda: held.n_stopped == 1 and is_idle(url))


def test_what_cannot_be_spoken_is_an_error_and_the_end(url, held):
    held.error = RuntimeError("secret")
    with talking(url) as client:
        client.say("text", text=TEXT)
        client.say("flush")
        _, events = client.hear("error")
        assert events[-1]["error"]["code"] == "internal_error"
        assert "secret" not in str(events)
        assert client.code() == 1011


WRONG = {
    "no JSON": ("hello", "invalid_json"),
    "no object": ("[1]", "invalid_json"),
    "deep": ("[" * 50_000, "invalid_json"),
    "bytes": (b"\x00\x01", "invalid_json"),
    "no type": ("{}", "invalid_value"),
    "another type": ('{"type": "sing"}', "invalid_value"),
    "a type of a type": ('{"type": {"a": []}}', "invalid_value"),
    "no text": ('{"type": "text"}', "missing_required_parameter"),
    "a text of numbers": ('{"type": "text", "text": 7}', "invalid_type"),
    "half a character": ('{"type": "text", "text": "\\ud83d"}', "bad_text"),
    "too much text": (json.dumps({"type": "text", "text": "a" * 301}), "string_above_max_length"),
    "a wrong voice": ('{"type": "start", "voice": "nobody"}', "voice_not_found"),
    "a wrong format": ('{"type": "start", "response_format": "mp3"}', "invalid_value"),
    "a wrong model": ('{"type": "start", "model": "gpt"}', "model_not_found"),
    "a wrong speed": ('{"type": "start", "speed": []}', "invalid_type"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_openais_form_and_ends_it(url, case):
    sent, code = WRONG[case]
    with talking(url) as client:
        client.socket.send(sent)
        _, events = client.hear("error")
        assert events[-1]["error"]["code"] == code
        assert len(events[-1]["error"]["message"]) < 250
        assert client.code() == 1008
    until(lambda: is_idle(url))


def test_a_message_of_a_megabyte_closes_the_connection(url):
    with talking(url) as client:
        client.socket.send(json.dumps({"type": "text", "text": "a" * 1_000_000}))
        assert client.code() == 1009
    until(lambda: is_idle(url))


def test_more_texts_than_may_wait(url, held):
    with talking(url) as client:
        for _ in range(stream.MOST_TEXTS + 3):
            with contextlib.suppress(ConnectionClosed):
                client.say("text", text="Hello.")
                client.say("flush")
        _, events = client.hear("error")
        assert events[-1]["error"]["code"] == "busy"
        assert client.code() == 1013


@pytest.mark.parametrize(
    ("query", "status"), [("?voice=nobody", 400), ("?speed=x", 400), ("?model=gpt", 404), ("?response_format=mp3", 400)]
)
def test_what_is_wrong_in_the_address_opens_nothing(url, query, status):
    with pytest.raises(InvalidStatus) as refused, talking(url, query):
        pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["error"]["message"]


def test_without_a_socket_it_says_what_it_is(url):
    got = get(f"{url}/v1/audio/stream")
    assert (got.status_code, got.json()["error"]["code"]) == (426, "upgrade_required")


def test_strangers_open_nothing(model):
    with served(make_service(model), access=access("secret", origins=["https://site.example"])) as url:

        def status(query="", **options):
            try:
                with talking(url, query, **options):
                    return 101
            except InvalidStatus as error:
                return error.response.status_code

        key = {"additional_headers": {"Authorization": "Bearer secret"}}
        assert status() == 401
        assert status("?api_key=wrong") == 401
        assert status("?api_key=secret") == 101  # a browser can send no header
        assert status(**key) == 101
        assert status(**key, origin="https://site.example") == 101
        assert status(**key, origin="https://evil.example") == 403  # whose page would talk with our key


def test_only_so_many_streams(url, monkeypatch):
    with contextlib.ExitStack() as stack:
        for _ in range(stream.MOST_STREAMS):
            stack.enter_context(talking(url))
        with pytest.raises(InvalidStatus) as refused:
            stack.enter_context(talking(url))
        assert refused.value.response.status_code == 503
        assert get(f"{url}/health").status_code == 200
    until(lambda: opens(url))


def opens(url):
    """Whether there is a place."""
    try:
        with talking(url):
            return True
    except InvalidStatus:
        return False


def test_a_stream_outlives_what_bounds_a_request(url, monkeypatch):
    monkeypatch.setattr(patience, "HEAD_SECONDS", 1.5)
    with talking(url) as client:
        time.sleep(2)
        client.say("text", text="Hello.")
        client.say("close")
        assert client.hear("flushed")[0]


def test_without_the_library_there_are_no_sockets(model, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "websockets", None)
    with served(make_service(model)) as url:
        assert "There are no WebSockets at /v1/audio/stream" in caplog.text
        with pytest.raises(InvalidStatus) as refused, talking(url):
            pass
        assert refused.value.response.status_code == 426
        assert get(f"{url}/health").status_code == 200


def test_a_client_that_asks_nothing_is_let_go(url, monkeypatch):
    monkeypatch.setattr(stream, "IDLE_SECONDS", 0.2)
    with talking(url) as client:
        _, events = client.hear("error")
        assert events[-1]["error"]["code"] == "request_timeout"


def test_a_client_that_takes_nothing_is_dropped(url, held, monkeypatch):
    monkeypatch.setattr(stream, "STALL_SECONDS", 0.3)
    held.gate.set()
    held.n_frames = 20_000
    request = (
        "GET /v1/audio/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with raw_connection(url, request.encode()) as connection:
        assert connection.recv(12) == b"HTTP/1.1 101"
        for message in ({"type": "text", "text": "Hello world."}, {"type": "flush"}):
            connection.sendall(frame(json.dumps(message).encode()))
        until(lambda: held.n_stopped == 1)
    until(lambda: is_idle(url))


def frame(payload, opcode=1):
    """A masked frame (RFC 6455, section 5.2)."""
    head = bytes([0x80 | opcode, 0x80 | len(payload)])
    mask = b"\x01\x02\x03\x04"
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def test_frames_in_pieces_of_one_byte(url):
    request = (
        "GET /v1/audio/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with raw_connection(url, request.encode()) as connection:
        assert connection.recv(12) == b"HTTP/1.1 101"
        for byte in frame(b'{"type": "text", "text": "Hi."}') + frame(b'{"type": "close"}'):
            connection.sendall(bytes([byte]))
        heard = connection.makefile("rb").read()
    assert b'"flushed"' in heard
    assert len(heard) > 1920


ACTS = st.lists(
    st.sampled_from(["text", "flush", "cancel", "start", "part"]) | st.text(max_size=30) | st.binary(max_size=30),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS, st.integers(0, 2**32))
def test_whatever_a_client_does_nothing_is_left_behind(url, held, acts, seed):
    held.gate.set()
    rng = random.Random(seed)
    with talking(url) as client, contextlib.suppress(ConnectionClosed):
        for act in acts:
            if act == "text":
                client.say("text", text=rng.choice(["Hello. ", "", " ", "world", "[pause:10ms]", "…"]))
            elif act == "part":
                with contextlib.suppress(TimeoutError):
                    client.socket.recv(timeout=0.001)
            elif act in ("flush", "cancel", "start"):
                client.say(act)
            else:
                client.socket.send(act)
        if rng.random() < 0.5:
            client.say("close")
            client.hear("never")
    until(lambda: is_idle(url))
