"""SSML and tags over the Wyoming protocol, whole and in pieces."""

import asyncio

import pytest
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event

from pockettts_np.server.limits import Limits
from tests.extras.server.test_markup import DOCUMENT, assert_same, want
from tests.extras.server.test_wyoming import served
from tests.support.live_server import PATIENCE_SECONDS, calm, make_service


@pytest.fixture(scope="module")
def model(tiny_model):
    return calm(tiny_model)


@pytest.fixture(scope="module")
def uri(model):
    with served(make_service(model, Limits(n_workers=2, n_waiting=20, text_characters=1000))) as uri:
        yield uri


def ask(uri, *events):
    async def talk():
        got = []
        async with AsyncClient.from_uri(uri) as client:
            for event in events:
                await client.write_event(event)
            while not got or (got[-1] is not None and got[-1].type not in ("audio-stop", "error")):
                got.append(await asyncio.wait_for(client.read_event(), PATIENCE_SECONDS))
        return [event for event in got if event is not None]

    return asyncio.run(talk())


def sound(events) -> bytes:
    return b"".join(event.payload for event in events if event.type == "audio-chunk")


@pytest.mark.parametrize("data", [{"text_format": "ssml"}, {}, {"text_format": None}])
def test_wyoming_reads_ssml(uri, model, data):
    events = ask(uri, Event("synthesize", {"text": DOCUMENT, **data}))
    assert_same(sound(events), want(model, model.script(DOCUMENT, ssml=True)))


@pytest.mark.parametrize("data", [{"text_format": "ssml"}, {}])
@pytest.mark.parametrize("n_characters", [1, 7])
def test_wyoming_reads_ssml_in_pieces(uri, model, data, n_characters):
    pieces = [DOCUMENT[i : i + n_characters] for i in range(0, len(DOCUMENT), n_characters)]
    chunks = [Event("synthesize-chunk", {"text": piece}) for piece in pieces]
    events = ask(uri, Event("synthesize-start", data), *chunks, Event("synthesize-stop"))
    assert_same(sound(events), want(model, model.script(DOCUMENT, ssml=True)))


def test_wyoming_reads_tags_as_text_where_the_caller_says_so(uri, model):
    events = ask(uri, Event("synthesize", {"text": DOCUMENT, "text_format": "text"}))
    assert_same(sound(events), want(model, model.script(DOCUMENT)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"text": "<speak>Hello", "text_format": "ssml"}, "The SSML cannot be read"),
        ({"text": "Hello", "text_format": "ssml"}, "The SSML cannot be read"),
        ({"text": "Hello", "text_format": "markdown"}, "text_format is 'markdown'; wanted text or ssml."),
        ({"text": "Hello", "text_format": [1]}, "text_format is '[1]'"),
        ({"text": "Hello [voice:nobody] you"}, "There is no voice 'nobody'"),
    ],
)
def test_wyoming_tells_what_is_wrong(uri, data, says):
    *_, last = ask(uri, Event("synthesize", data))
    assert says in Error.from_event(last).text


def test_in_a_wyoming_stream_a_voice_that_is_not_there_does_not_end_the_speech(uri, model):
    chunks = [Event("synthesize-chunk", {"text": piece}) for piece in ("Hello. [voice:no", "body] World. ")]
    events = ask(uri, Event("synthesize-start", {}), *chunks, Event("synthesize-stop"))
    faded = "Hello. [pause:0] World. [pause:0]"
    assert_same(sound(events), want(model, model.script(faded)))
