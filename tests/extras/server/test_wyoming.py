"""The Wyoming server, asked by the protocol's own client library."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlsplit

import numpy as np
import pytest
from wyoming.audio import AudioChunk, AudioStart
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from pockettts_np import export_model_state
from pockettts_np.audio.effects import CLOSING_SILENCE_SECONDS, processed
from pockettts_np.audio.samples import to_int16
from pockettts_np.server.incoming_text import IncomingText
from pockettts_np.server.limits import Limits
from pockettts_np.server.turns import Turn, Turns
from pockettts_np.server.wyoming import announcement, connection, events, listening
from pockettts_np.server.wyoming.listening import WyomingServer
from tests.support.live_server import PATIENCE_SECONDS, make_service, tone, until

TEXT = "Hello world."
PIECES = ["Hello wor", "ld. And ", "hello", " again. "]


@contextlib.contextmanager
def served(service, uri="tcp://127.0.0.1:0", name=None):
    """Where the server listens, in a thread with a loop of its own."""
    ready, shared = threading.Event(), {}

    async def serve():
        shared["server"], shared["loop"] = WyomingServer(service, name), asyncio.get_running_loop()
        task = asyncio.create_task(shared["server"].run(uri))
        while not shared["server"].uri and not task.done():
            await asyncio.sleep(0.001)
        ready.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=[serve()], name="server")
    thread.start()
    assert ready.wait(PATIENCE_SECONDS)
    try:
        yield shared["server"].uri
    finally:
        shared["loop"].call_soon_threadsafe(shared["server"].end)
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def service(model):
    return make_service(model, Limits(n_workers=2, n_waiting=20, text_characters=1000, body_seconds=600))


@pytest.fixture(scope="module")
def uri(service):
    with served(service) as uri:
        yield uri


def ask(uri, *events, until_type="audio-stop", pause_s=0.0):
    """Send events, and collect what comes until an event of that type, an error or the end."""

    async def talk():
        got = []
        async with AsyncClient.from_uri(uri) as client:
            for event in events:
                await client.write_event(event.event() if not isinstance(event, Event) else event)
                await asyncio.sleep(pause_s)
            while not got or got[-1] is not None and got[-1].type not in (until_type, "error"):  # noqa: RUF021
                got.append(await asyncio.wait_for(client.read_event(), PATIENCE_SECONDS))
        return [event for event in got if event is not None]

    return asyncio.run(talk())


def sound(events):
    """The samples in the events."""
    return np.frombuffer(b"".join(event.payload for event in events if AudioChunk.is_type(event.type)), "<i2")


def spoken(model, text=TEXT, voice=None):
    """What should be heard, as 16-bit samples."""
    samples = model.generate_audio(voice or model.get_initial_state(), text)
    silence = np.zeros(int(CLOSING_SILENCE_SECONDS * 24_000), np.float32)
    return to_int16(np.concatenate(list(processed([samples, silence], 24_000))))


def assert_same(got, want):
    """But for the last of 16 bits: how many frames are decoded at once is chance."""
    assert got.shape == want.shape
    assert np.abs(got.astype(int) - want).max() <= 2


def test_it_describes_itself(uri):
    (event,) = ask(uri, Describe(), until_type="info")
    (program,) = Info.from_event(event).tts
    assert program.supports_synthesize_streaming
    assert [(voice.name, voice.languages) for voice in program.voices] == [("default", ["en"])]
    assert program.installed


def test_a_text_becomes_sound(uri, model):
    events = ask(uri, Synthesize(TEXT))
    assert [events[0].type, events[-1].type] == ["audio-start", "audio-stop"]
    start = AudioStart.from_event(events[0])
    assert (start.rate, start.width, start.channels) == (24_000, 2, 1)
    assert_same(sound(events), spoken(model))


def test_the_first_sound_comes_before_the_rest_is_made(uri, held):
    async def talk():
        async with AsyncClient.from_uri(uri) as client:
            await client.write_event(Synthesize(TEXT).event())
            first = [(await client.read_event()).type, (await client.read_event()).type]
            n_ended = held.n_ended
            held.gate.set()
            while (await client.read_event()).type != "audio-stop":
                pass
        return first, n_ended

    assert asyncio.run(talk()) == (["audio-start", "audio-chunk"], 0)


def test_text_in_pieces_is_spoken_by_sentences(uri, model):
    events = ask(
        uri, SynthesizeStart(), *map(SynthesizeChunk, PIECES), SynthesizeStop(), until_type="synthesize-stopped"
    )
    types = [event.type for event in events]
    assert [types[0], *types[-2:]] == ["audio-start", "audio-stop", "synthesize-stopped"]
    one_by_one = sum(len(spoken(model, text)) for text in ("Hello world.", "And hello again."))
    assert len(sound(events)) in (one_by_one - 4800, len(spoken(model, "".join(PIECES))))  # or both in one prompt


def test_a_sentence_sounds_before_the_next_is_written(uri):
    async def talk():
        async with AsyncClient.from_uri(uri) as client:
            for event in (SynthesizeStart(), SynthesizeChunk("Hello world. And")):
                await client.write_event(event.event())
            first = await asyncio.wait_for(client.read_event(), PATIENCE_SECONDS)
            await client.write_event(SynthesizeStop().event())
            while (last := await client.read_event()).type != "synthesize-stopped":
                pass
        return first.type, last.type

    assert asyncio.run(talk()) == ("audio-start", "synthesize-stopped")


def test_the_whole_text_that_follows_pieces_for_older_servers_is_not_spoken_again(uri, held):
    held.gate.set()
    events = [SynthesizeStart(), *map(SynthesizeChunk, PIECES), Synthesize(TEXT), SynthesizeStop(), Synthesize("Next.")]
    with connected(uri, *events):
        until(lambda: "Next." in held.texts)
    assert " ".join(held.texts).count("Hello world.") == 1


def test_no_text_at_all_is_silence(uri):
    events = ask(uri, SynthesizeStart(), SynthesizeChunk(""), SynthesizeStop(), until_type="synthesize-stopped")
    assert not sound(events).any()


def test_texts_on_one_connection_are_spoken_one_after_another(uri, model):
    async def talk():
        got = []
        async with AsyncClient.from_uri(uri) as client:
            for _ in range(3):
                await client.write_event(Synthesize(TEXT).event())
            await client.write_event(Ping("still there").event())
            while [event.type for event in got].count("audio-stop") < 3 or "pong" not in [e.type for e in got]:
                got.append(await asyncio.wait_for(client.read_event(), PATIENCE_SECONDS))
        return got

    events = asyncio.run(talk())
    (pong,) = (Pong.from_event(event) for event in events if Pong.is_type(event.type))
    assert pong.text == "still there"
    assert_same(sound(events), np.tile(spoken(model), 3))


def test_voices_go_by_name(model, tmp_path):
    voice = model.get_state_for_audio_prompt(tone())
    export_model_state(voice, tmp_path / "anna.safetensors")
    with served(make_service(model, folder=tmp_path)) as uri:
        (event,) = ask(uri, Describe(), until_type="info")
        assert [voice.name for voice in Info.from_event(event).tts[0].voices] == ["default", "anna"]
        assert_same(sound(ask(uri, Synthesize(TEXT, SynthesizeVoice(name="anna")))), spoken(model, TEXT, voice))
        assert_same(sound(ask(uri, Synthesize(TEXT, SynthesizeVoice(language="en")))), spoken(model))


REFUSALS = {
    "empty text": (Synthesize(" "), "nothing to say"),
    "long text": (Synthesize("a" * 1001), "1001 characters"),
    "no text": (Event("synthesize"), "text is missing"),
    "text of another type": (Event("synthesize", {"text": 7}), "text is a number"),
    "long pauses": (Synthesize("[pause:600s]" * 7), "last 4200.0 seconds"),
    "unknown voice": (Synthesize(TEXT, SynthesizeVoice(name="nobody")), "There is no voice 'nobody'"),
    "a path for a voice": (Synthesize(TEXT, SynthesizeVoice(name="/etc/passwd")), "There is no voice"),
    "voice of another type": (Event("synthesize", {"text": TEXT, "voice": {"name": 7}}), "not a string"),
    "voice that is a list": (Event("synthesize", {"text": TEXT, "voice": [7]}), "not a string"),
    "too much data": (Event("describe", {"x": "a" * 50_000}), "wanted"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_spoken_is_an_error_event(uri, case):
    event, words = REFUSALS[case]
    (error,) = ask(uri, event)
    assert words in Error.from_event(error).text
    assert ask(uri, Synthesize(TEXT))[-1].type == "audio-stop"  # and the next is served


def test_half_a_character_is_an_error_event(uri):
    with connected(uri, data=b'{"type": "synthesize", "data": {"text": "\\ud83d"}}\n') as connection:
        assert b"surrogate" in connection.makefile("rb").read()


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([SynthesizeStart(), SynthesizeStart()], "came twice"),
        ([SynthesizeStart(), SynthesizeChunk("a" * 600), SynthesizeChunk("a" * 600)], "too long"),
        ([SynthesizeStart(), Event("synthesize-chunk", {"text": ["a"]})], "text is a list"),
        ([SynthesizeStart(SynthesizeVoice(name="nobody"))], "There is no voice"),
    ],
)
def test_pieces_that_cannot_be_spoken_are_an_error_event(uri, service, events, words):
    got = ask(uri, *events)
    assert words in Error.from_event(got[-1]).text
    until(lambda: service.jobs.n_inside == service.jobs.n_running == 0)


def test_pieces_outside_of_a_text_are_ignored(uri):
    events = ask(uri, SynthesizeChunk("Hello."), SynthesizeStop(), Event("transcribe"), Describe(), until_type="info")
    assert [event.type for event in events] == ["info"]


def test_text_that_stops_coming_keeps_its_answer(model):
    """An assistant may have to look something up before it goes on."""

    async def talk(uri):
        async with AsyncClient.from_uri(uri) as client:
            for event in (SynthesizeStart(), SynthesizeChunk("Hello world. And")):
                await client.write_event(event.event())
            await asyncio.wait_for(client.read_event(), PATIENCE_SECONDS)
            await asyncio.sleep(0.5)
            for event in (SynthesizeChunk(" hello again."), SynthesizeStop()):
                await client.write_event(event.event())
            while (last := await asyncio.wait_for(client.read_event(), PATIENCE_SECONDS)).type == "audio-chunk":
                pass
        return last.type

    with served(make_service(model, Limits(body_seconds=0.2))) as uri:
        assert asyncio.run(talk(uri)) == "audio-stop"


def test_text_that_never_comes_is_given_up_as_a_client_that_asks_nothing(uri, monkeypatch):
    monkeypatch.setattr(events, "IDLE_SECONDS", 0.2)
    got = ask(uri, SynthesizeStart(), SynthesizeChunk("Hello"))
    assert "Nothing was asked for 0.2 seconds." in Error.from_event(got[-1]).text


def test_a_text_that_is_still_thought_of_keeps_nobody_waiting(model):
    """Neither its worker nor its place."""
    service = make_service(model, Limits(n_workers=1, n_waiting=0))
    with served(service) as uri, contextlib.ExitStack() as thinking:
        for n in (1, 2):
            thinking.enter_context(connected(uri, SynthesizeStart()))
            until(lambda n=n: service.jobs._turns.n_idle == n)
        assert ask(uri, Synthesize(TEXT))[-1].type == "audio-stop"


def test_too_many_texts_on_one_connection(uri, held):
    (error,) = ask(uri, *[Synthesize(TEXT)] * 20)[-1:]
    assert Error.from_event(error).code == "busy"


def test_a_full_queue_is_an_error_event(model, held):
    with served(make_service(model, Limits(n_workers=1, n_waiting=0))) as uri, connected(uri, Synthesize(TEXT)):
        until(lambda: len(held.texts) == 1)
        (error,) = ask(uri, Synthesize(TEXT))
        assert Error.from_event(error).code == "rate_limit_exceeded"
        held.gate.set()


def lines_of(*events):
    """Events as bytes."""
    return b"".join(json.dumps(event.event().to_dict()).encode() + b"\n" for event in events)


def connected(uri, *events, data=b""):
    """A socket on which that was sent."""
    address = urlsplit(uri)
    connection = socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS)
    connection.sendall(lines_of(*events) + data)
    return connection


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n",
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"type": 7}\n',
        b'{"type": "synthesize", "data": [1]}\n',
        b'{"type": "synthesize", "data_length": "x"}\n',
        b'{"type": "synthesize", "data_length": 5}\nxxxxx',
        b'{"type": "synthesize", "data_length": 99999999999}\n',
        b'{"type": "synthesize", "payload_length": 99999999999}\n',
        b"[" * 60_000 + b"\n",
        b"a" * 200_000,
        b"\xff\xfe\n",
        b'{"type": "synthesize", "data_len',
        b"\n",
    ],
)
def test_what_is_no_event_is_an_error_event_and_ends_the_connection_alone(uri, service, data):
    with connected(uri, data=data) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read().startswith(b'{"type": "error"')
    until(lambda: service.jobs.n_inside == 0)
    assert ask(uri, Synthesize(TEXT))[-1].type == "audio-stop"


def test_a_client_that_says_nothing_and_leaves_gets_nothing(uri):
    with connected(uri) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b""


@pytest.mark.parametrize("data", [b'{"type": "synth', b'{"type": "synthesize", "data_length": 50}\n{"text": "He'])
def test_half_an_event_is_given_up(model, data):
    with served(make_service(model, Limits(body_seconds=0.2))) as uri, connected(uri, data=data) as connection:
        assert b"The rest of an event did not come within 0.2 seconds." in connection.makefile("rb").read()


def test_a_client_that_asks_nothing_is_dropped_but_not_one_that_listens(uri, held, monkeypatch):
    monkeypatch.setattr(events, "IDLE_SECONDS", 0.2)
    with connected(uri, Synthesize(TEXT)) as listening, connected(uri) as silent:
        assert b"Nothing was asked for 0.2 seconds." in silent.makefile("rb").read()
        time.sleep(0.3)
        held.gate.set()
        answer = listening.makefile("rb").read()
        assert b'"type": "audio-stop"' in answer
        assert b"Nothing was asked" in answer  # in the end


def read_all(connection):
    """What comes until nothing does: after it the server has nothing to send by which it might see who is there."""
    assert connection.recv(1 << 16)
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while connection.recv(1 << 16):
            pass


def test_a_client_that_leaves_stops_its_speech(uri, service, held):
    with connected(uri, Synthesize(TEXT)) as connection:
        read_all(connection)
    until(lambda: held.n_stopped == 1)
    until(lambda: service.jobs.n_running == 0)


def test_a_client_that_leaves_in_the_middle_of_its_text_stops_it(uri, service):
    with connected(uri, SynthesizeStart(), SynthesizeChunk("Hello world. And")) as connection:
        read_all(connection)
    until(lambda: service.jobs.n_running == service.jobs.n_inside == 0)


def test_a_client_that_takes_nothing_is_dropped(uri, service, held, monkeypatch):
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.3)
    held.gate.set()
    held.n_frames = 10_000
    with connected(uri, Synthesize(TEXT)):
        until(lambda: held.n_stopped == 1)


def test_only_so_many_connections(service, monkeypatch, held):
    monkeypatch.setattr(listening, "MAX_CONNECTIONS", 2)
    with served(service) as uri:  # where nobody lingers
        with connected(uri, Synthesize(TEXT)), connected(uri, Synthesize(TEXT)):
            until(lambda: len(held.texts) == 2)
            assert Error.from_event(ask(uri, Describe(), until_type="info")[-1]).code == "busy"
            held.gate.set()
        until(lambda: ask(uri, Describe(), until_type="info")[-1].type == "info")


def test_connections_on_which_nothing_is_asked_shut_nobody_out(service, monkeypatch):
    monkeypatch.setattr(listening, "MAX_CONNECTIONS", 2)
    with served(service) as uri, connected(uri) as first, connected(uri) as second:
        assert ask(uri, Describe(), until_type="info")[-1].type == "info"
        assert first.recv(1) == b""  # the oldest went
        second.sendall(lines_of(Describe()))
        assert second.recv(1) == b"{"


def test_a_fault_of_the_program_is_told_without_its_details(uri, held, caplog):
    held.error = RuntimeError("secret")
    (error,) = ask(uri, Synthesize(TEXT))
    assert Error.from_event(error).code == "internal_error"
    assert "secret" not in Error.from_event(error).text
    assert "secret" in caplog.text


def test_a_server_that_ends_cuts_what_is_spoken(model, held):
    with served(make_service(model)) as uri:
        connection = connected(uri, Synthesize(TEXT))
        assert connection.recv(10)
    assert held.n_stopped == 1
    connection.close()


def test_it_listens_at_a_path_too(model, tmp_path):
    with served(make_service(model), f"unix://{tmp_path}/socket") as uri:
        assert ask(uri, Synthesize(TEXT))[-1].type == "audio-stop"
        assert (tmp_path / "socket").exists()
    assert not (tmp_path / "socket").exists()


def test_a_path_that_another_has_taken_since_is_left_to_it(model, tmp_path):
    with served(make_service(model), f"unix://{tmp_path}/socket"):
        (tmp_path / "other").write_text("another's")
        (tmp_path / "other").rename(tmp_path / "socket")
    assert (tmp_path / "socket").read_text() == "another's"


@pytest.mark.parametrize("uri", ["tcp://127.0.0.1", "udp://127.0.0.1:1", "stdio://", "", "unix://"])
def test_other_places_to_listen_are_refused(model, uri):
    with pytest.raises(ValueError, match="not a place to listen; wanted tcp://HOST:PORT"):
        asyncio.run(WyomingServer(make_service(model)).run(uri))


def test_a_port_that_is_taken_is_a_sentence(model, uri):
    with pytest.raises(OSError, match=r"cannot be taken: .* Name another port"):
        asyncio.run(WyomingServer(make_service(model)).run(uri))


def test_the_language_is_that_of_the_model(model):
    german = replace(model, config=replace(model.config, name="german_24l"))
    assert events.info_of(make_service(german)).tts[0].voices[0].languages == ["de"]


def test_written_text_is_read_piece_by_piece():
    turns = Turns(1)
    turn = Turn(turns, threading.Event())
    text = IncomingText(100)
    got = []

    def read():
        turn.begin()
        got.extend(text.pieces(turn))

    turn.line_up()
    reader = threading.Thread(target=read)
    reader.start()
    until(lambda: text.is_awaited)
    assert (turns.n_held, turns.n_idle) == (0, 1)
    text.write("Hello ")
    until(lambda: got == ["Hello "])
    time.sleep(0.01)
    text.write("world.")
    text.close()
    reader.join(PATIENCE_SECONDS)
    assert got == ["Hello ", "world."]
    assert (turns.n_held, turns.n_idle) == (1, 0)


def test_home_assistant_finds_it(service, monkeypatch):
    """By DNS service discovery, of which this machine alone hears."""
    from zeroconf import ServiceBrowser, ServiceListener, Zeroconf

    class Seen(ServiceListener):
        names: ClassVar = set()

        def add_service(self, zeroconf, kind, name):
            self.names.add((name, zeroconf.get_service_info(kind, name).port))

        def update_service(self, zeroconf, kind, name):
            pass

        def remove_service(self, zeroconf, kind, name):
            self.names.clear()

    monkeypatch.setattr(announcement, "INTERFACES", ["127.0.0.1"])
    browser = Zeroconf(interfaces=["127.0.0.1"])
    try:
        ServiceBrowser(browser, announcement.SERVICE, Seen())
        with served(service, name="speech in the kitchen") as uri:
            until(lambda: (f"speech in the kitchen.{announcement.SERVICE}", urlsplit(uri).port) in Seen.names)
        until(lambda: not Seen.names)
    finally:
        browser.close()


def test_a_network_that_takes_no_announcement_is_told_of(service, monkeypatch, caplog):
    async def fail(self, info, **_):
        raise OSError("no network")

    monkeypatch.setattr(announcement.AsyncZeroconf, "async_register_service", fail)
    with served(service, name="speech") as uri:
        assert ask(uri, Describe(), until_type="info")[-1].type == "info"
    assert "The network takes no announcement: no network" in caplog.text


@pytest.mark.parametrize(
    ("host", "wanted"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")]
)
def test_it_is_announced_where_it_listens(host, wanted):
    assert announcement.reachable(host) == wanted
    with contextlib.suppress(OSError):  # without a network
        assert announcement.reachable("0.0.0.0") != "0.0.0.0"
