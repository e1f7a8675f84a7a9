"""One Wyoming client: what it asks, and what it hears.

`synthesize` brings a whole text; `synthesize-start`, `-chunk` and `-stop` bring one that is still being written, whose
sentences are spoken as soon as they are complete.
"""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_write_event
from wyoming.info import Describe
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

from ..delivery import Delivery
from ..incoming_text import IncomingText
from ..limits import Refusal, refusal_of
from ..service import Service
from ..voices import VoiceSource
from .events import BoundedReader, info_of, is_ssml, next_event, voice_of

logger = logging.getLogger(__name__)

MAX_REQUESTS = 8  # of one connection, spoken one after another
STALL_SECONDS = 30.0  # in which a client must take something of its answer


@dataclass(frozen=True)
class _Request:
    text: str | IncomingText
    voice: VoiceSource
    delivery: Delivery


class Connection:
    """One client: its events are read while its speech is made, so that its leaving is seen at once."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limits = service.limits
        self._service = service
        self._reader = BoundedReader(reader, limits.text_body_bytes, limits.body_seconds, self._is_busy)
        self._writer = writer
        self._client = str((writer.get_extra_info("peername") or ("nobody",))[0])
        self._requests: asyncio.Queue[_Request] = asyncio.Queue(MAX_REQUESTS)
        self._n_asked = 0  # requests that are not spoken yet
        self._incoming: IncomingText | None = None  # the text between synthesize-start and -stop

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked for that is not spoken yet."""
        return self._n_asked == 0

    def _is_busy(self) -> bool:
        """Whether the client has something to hear before it need go on: more than a text of which nothing is left."""
        is_awaited = self._incoming is not None and self._incoming.is_awaited
        return self._n_asked > int(is_awaited)

    async def run(self) -> None:
        """Serve until the client leaves or errs, which it is told."""
        reading = asyncio.create_task(self._read())
        speaking = asyncio.create_task(self._speak())
        try:
            await asyncio.wait({reading, speaking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            speaking.cancel()
            if self._incoming is not None:
                self._incoming.close()
            await asyncio.wait({reading, speaking})
        for task in (speaking, reading):
            if not task.cancelled() and (error := task.exception()):
                await self._send_error(error)
                return

    async def _read(self) -> None:
        while (event := await next_event(self._reader)) is not None:
            if Describe.is_type(event.type):
                await self._send(info_of(self._service))
            elif Ping.is_type(event.type):
                await self._send(Pong(event.data.get("text")))
            else:
                self._take(event)

    def _take(self, event: Event) -> None:
        """Note a request, or a piece of one; other events are not for this server."""
        if Synthesize.is_type(event.type):
            if self._incoming is None:  # else it repeats, for older servers, what came in pieces
                self._ask(self._service.require_text(event.data.get("text"), "text"), event)
        elif SynthesizeStart.is_type(event.type):
            if self._incoming is not None:
                raise Refusal(400, "synthesize-start came twice without synthesize-stop.", "bad_event")
            self._incoming = IncomingText(self._service.limits.text_characters)
            self._ask(self._incoming, event)
        elif SynthesizeChunk.is_type(event.type) and self._incoming is not None:
            self._incoming.write(event.data.get("text"))
        elif SynthesizeStop.is_type(event.type) and self._incoming is not None:
            self._incoming.close()
            self._incoming = None

    def _ask(self, text: str | IncomingText, event: Event) -> None:
        try:
            request = _Request(text, voice_of(event, self._service), Delivery(ssml=is_ssml(event)))
            self._requests.put_nowait(request)
            self._n_asked += 1
        except asyncio.QueueFull:
            raise Refusal(429, f"More than {MAX_REQUESTS} texts wait on this connection.", "busy") from None

    async def _speak(self) -> None:
        rate_hz = self._service.model.sample_rate
        while True:
            request = await self._requests.get()
            begin = time.perf_counter()
            async with self._service.speech(request.text, request.voice, "s16le", request.delivery) as pieces:
                first = await anext(pieces)
                first_ms = 1e3 * (time.perf_counter() - begin)
                await self._send(AudioStart(rate_hz, 2, 1))
                await self._send(AudioChunk(rate_hz, 2, 1, first.content))
                async for piece in pieces:
                    await self._send(AudioChunk(rate_hz, 2, 1, piece.content))
            await self._send(AudioStop())
            if isinstance(request.text, IncomingText):
                await self._send(SynthesizeStopped())
            self._n_asked -= 1
            all_s = time.perf_counter() - begin
            logger.info("%s synthesize, first sound after %.0f ms, all after %.2f s", self._client, first_ms, all_s)

    async def _send(self, event: Eventable) -> None:
        async with asyncio.timeout(STALL_SECONDS):
            await async_write_event(event.event(), self._writer)

    async def _send_error(self, error: BaseException) -> None:
        if isinstance(error, (ConnectionError, TimeoutError, asyncio.IncompleteReadError)):
            return  # nobody is there
        refusal = refusal_of(error) if isinstance(error, Exception) else None
        if refusal is None:
            logger.error("A request failed.", exc_info=error)
            refusal = Refusal(500, "The server failed; its log says why.", "internal_error")
        logger.log(logging.ERROR if refusal.status >= 500 else logging.WARNING, "%s %s", self._client, refusal.code)
        with suppress(ConnectionError, TimeoutError):
            await self._send(Error(str(refusal), refusal.code))
