"""The WebSocket /v1/audio/stream: text in as it is written, PCM and the times of words out.

The client sends JSON: `start` (voice, speed, …), `text`, `flush`, `cancel`, `close`. The server sends `ready`, the
sound as binary messages, and `words`, `flushed`, `cancelled` and `error` as JSON.
"""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...delivery import Delivery
from ...incoming_text import IncomingText
from ...limits import Refusal
from ...service import Service
from ...voices import VoiceSource
from ..answers.refusals import in_openai_form, refuse
from ..answers.speech import as_refusal
from ..answers.wrapping import as_objects
from ..requests.fields import Fields, QueryFields, shown
from ..requests.spoken import delivery_of, require_model, voice_of

logger = logging.getLogger(__name__)

MOST_STREAMS = 64
MOST_TEXTS = 8  # of one client, spoken one after another
IDLE_SECONDS = 300.0  # for which a client may ask nothing and hear nothing
STALL_SECONDS = 30.0  # in which a client must take something
_BYTES_A_SAMPLE = 2


async def stream_without_socket(request: Request) -> Response:
    """The answer to a client that does not ask for a WebSocket."""
    raise Refusal(426, "This path is for WebSockets; POST /v1/audio/speech is for whole texts.", "upgrade_required")


async def stream(socket: WebSocket) -> None:
    """Serve one client until it leaves, closes or errs."""
    service: Service = socket.app.state.service
    places: asyncio.Semaphore = socket.app.state.streams
    try:
        if places.locked():
            raise Refusal(503, f"All {MOST_STREAMS} streams are taken. Try again later.", "busy")
        talk = _Talk(socket, service)
        talk.start(QueryFields(socket.query_params))
    except Refusal as refusal:
        await socket.send_denial_response(refuse(socket.scope, refusal))
        return
    async with places:
        await socket.accept()
        await talk.run()


@dataclass(frozen=True)
class _Utterance:
    """What is written from one flush to the next; without a text, nothing."""

    text: IncomingText | None
    voice: VoiceSource
    delivery: Delivery


class _Talk:
    """What one client writes and hears."""

    def __init__(self, socket: WebSocket, service: Service) -> None:
        self._socket = socket
        self._service = service
        self._voice = service.voices.default
        self._delivery = Delivery()
        self._asked: asyncio.Queue[_Utterance] = asyncio.Queue(MOST_TEXTS)
        self._n_asked = 0  # utterances that are not spoken yet
        self._incoming: IncomingText | None = None  # that is being written
        self._current: asyncio.Task[None] | None = None  # which speaks one utterance
        self._n_samples = 0  # sent
        self._is_closing = asyncio.Event()

    def start(self, fields: Fields) -> None:
        """What holds for the utterances that begin from here on. Refusal: it cannot be had."""
        if fields.get("model") is not None and not self._socket.app.state.any_model:
            require_model(fields.get("model"), self._service)
        fields.one_of("response_format", ("pcm",), "pcm")
        if fields.get("voice") is not None:
            self._voice = voice_of(fields, self._service)
        self._delivery = delivery_of(fields, self._service, with_words=bool(fields.switch("return_timing")))

    async def run(self) -> None:
        """Listen and speak at once, so that a client which leaves or cancels is heard at once."""
        await self._say({"type": "ready", "sample_rate": self._rate_hz, "format": "s16le", "channels": 1})
        tasks = {asyncio.create_task(part) for part in (self._read(), self._speak(), self._until_closed())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks |= {self._current} if self._current is not None else set()
            for task in tasks:
                task.cancel()
            self._close_text()
            await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks if not task.cancelled()]
        await self._end(next((error for error in errors if error is not None), None))

    async def _until_closed(self) -> None:
        """Until the client has said that it has written all, and heard it."""
        await self._is_closing.wait()
        await self._asked.join()

    async def _read(self) -> None:
        while True:
            message = await self._next_message()
            kind = message.get("type")
            if self._is_closing.is_set() and kind != "cancel":
                continue
            if kind == "text":
                self._write(message.get("text"))
            elif kind == "flush":
                self._flush()
            elif kind == "start":
                self._close_text()
                self.start(Fields(message))
            elif kind == "cancel":
                await self._cancel()
            elif kind == "close":
                self._close_text()
                self._is_closing.set()
            else:
                sentence = f"type is {shown(kind)}; wanted start, text, flush, cancel or close."
                raise Refusal(400, sentence, "invalid_value", "type")

    async def _next_message(self) -> dict[str, Any]:
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    received = await self._socket.receive()
                    break
            except TimeoutError:
                is_awaited = self._incoming is not None and self._incoming.is_awaited
                if self._n_asked <= int(is_awaited):
                    sentence = f"Nothing was asked for {IDLE_SECONDS:g} seconds."
                    raise Refusal(408, sentence, "request_timeout") from None
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        try:
            message = json.loads(received.get("text") or "")
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise Refusal(400, "That is not a JSON object in a text message.", "invalid_json")
        return message

    def _write(self, text: object) -> None:
        if self._incoming is None:
            incoming = IncomingText(self._service.limits.text_characters)
            self._ask(incoming)
            self._incoming = incoming
        self._incoming.write(text)

    def _flush(self) -> None:
        if self._incoming is None:
            self._ask(None)
        self._close_text()

    def _ask(self, text: IncomingText | None) -> None:
        try:
            self._asked.put_nowait(_Utterance(text, self._voice, self._delivery))
        except asyncio.QueueFull:
            raise Refusal(429, f"More than {MOST_TEXTS} texts wait on this connection.", "busy") from None
        self._n_asked += 1

    def _close_text(self) -> None:
        if self._incoming is not None:
            self._incoming.close()
            self._incoming = None

    async def _cancel(self) -> None:
        """Say no more of what was written."""
        self._close_text()
        while not self._asked.empty():
            self._asked.get_nowait()
            self._done()
        if self._current is not None:
            self._current.cancel()
            await asyncio.wait({self._current})
        await self._say({"type": "cancelled"})

    async def _speak(self) -> None:
        while True:
            utterance = await self._asked.get()
            self._current = asyncio.create_task(self._utter(utterance))
            await asyncio.wait({self._current})
            if not self._current.cancelled():
                self._current.result()
            self._done()

    def _done(self) -> None:
        self._n_asked -= 1
        self._asked.task_done()

    async def _utter(self, utterance: _Utterance) -> None:
        if utterance.text is not None:
            begin_s = self._n_samples / self._rate_hz
            speech = self._service.speech(utterance.text, utterance.voice, "s16le", utterance.delivery)
            async with speech as pieces:
                async for piece in pieces:
                    if piece.content:
                        await self._in_time(self._socket.send_bytes(piece.content))
                        self._n_samples += len(piece.content) // _BYTES_A_SAMPLE
                    if piece.words:
                        await self._say({"type": "words", "words": as_objects(piece.words, begin_s)})
        await self._say({"type": "flushed"})

    async def _say(self, event: dict[str, object]) -> None:
        await self._in_time(self._socket.send_text(json.dumps(event)))

    async def _in_time(self, sending: Any) -> None:
        async with asyncio.timeout(STALL_SECONDS):
            await sending

    async def _end(self, error: BaseException | None) -> None:
        """Close the socket, and say why if it is for an error."""
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError, OSError):
            if isinstance(error, (WebSocketDisconnect, TimeoutError, OSError)):
                return  # nobody is there
            if isinstance(error, Exception):
                refusal = as_refusal(error)
                if refusal.code == "internal_error":
                    logger.error("A stream failed.", exc_info=error)
                await self._say({"type": "error", **in_openai_form(refusal)})
                await self._socket.close(_close_code(refusal))
            else:
                await self._socket.close(1000)

    @property
    def _rate_hz(self) -> int:
        return self._service.model.sample_rate


def _close_code(refusal: Refusal) -> int:
    """As RFC 6455 and IANA's registry number the reasons: try again later, a fault of the server, of the client."""
    if refusal.status in (429, 503):
        return 1013
    return 1011 if refusal.status >= 500 else 1008
