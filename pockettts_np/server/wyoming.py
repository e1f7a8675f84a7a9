"""Speech for Home Assistant over the Wyoming protocol: events of one JSON line, with data and payload behind it.

`synthesize` brings a whole text; `synthesize-start`, `-chunk` and `-stop` bring one that is still being written, whose
sentences are spoken as soon as they are complete.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped

from ..files.usage import inode
from ..version import __version__
from .incoming_text import IncomingText
from .languages import language_code
from .limits import Refusal, refusal_of
from .service import Service
from .voices import VoiceSource

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
MAX_REQUESTS = 8  # of one connection, spoken one after another
IDLE_SECONDS = 300.0  # for which a client may ask nothing and hear nothing
LINGER_SECONDS = 2.0  # in which a client may read the last event
STALL_SECONDS = 30.0  # in which a client must take something of its answer
_KYUTAI = Attribution("Kyutai", "https://github.com/kyutai-labs/pocket-tts")


@dataclass(frozen=True)
class _Request:
    text: str | IncomingText
    voice: VoiceSource


class Connection:
    """One client: its events are read while its speech is made, so that its leaving is seen at once."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limits = service.limits
        self._service = service
        self._reader = _BoundedReader(reader, limits.text_body_bytes, limits.body_seconds, self._is_busy)
        self._writer = writer
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
        while (event := await _next_event(self._reader)) is not None:
            if Describe.is_type(event.type):
                await self._send(_info(self._service))
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
            self._requests.put_nowait(_Request(text, _voice(event, self._service)))
            self._n_asked += 1
        except asyncio.QueueFull:
            raise Refusal(429, f"More than {MAX_REQUESTS} texts wait on this connection.", "busy") from None

    async def _speak(self) -> None:
        rate_hz = self._service.model.sample_rate
        while True:
            request = await self._requests.get()
            async with self._service.speech(request.text, request.voice, "s16le") as pieces:
                first = await anext(pieces)
                await self._send(AudioStart(rate_hz, 2, 1))
                await self._send(AudioChunk(rate_hz, 2, 1, first.content))
                async for piece in pieces:
                    await self._send(AudioChunk(rate_hz, 2, 1, piece.content))
            await self._send(AudioStop())
            if isinstance(request.text, IncomingText):
                await self._send(SynthesizeStopped())
            self._n_asked -= 1

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
        with suppress(ConnectionError, TimeoutError):
            await self._send(Error(str(refusal), refusal.code))


class _BoundedReader:
    """A stream of which no event can ask too much, or be awaited too long once it has begun."""

    def __init__(
        self, reader: asyncio.StreamReader, max_bytes: int, max_seconds: float, is_busy: Callable[[], bool]
    ) -> None:
        """While it `is_busy`, the next event may come at any time."""
        self._reader = reader
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._is_busy = is_busy
        self.has_ended = False

    async def readline(self) -> bytes:
        first = await self._first_byte()
        self.has_ended = not first
        if first in (b"", b"\n"):
            return first
        try:
            return first + await self._in_time(self._reader.readline())
        except ValueError:  # the limit of asyncio
            raise Refusal(413, "An event's line is over 64 kB; send long text as its data.", "too_large") from None

    async def readexactly(self, n_bytes: int) -> bytes:
        if n_bytes > self._max_bytes:
            raise Refusal(413, f"An event announces {n_bytes} bytes; wanted {self._max_bytes} at most.", "too_large")
        return await self._in_time(self._reader.readexactly(n_bytes))

    async def _first_byte(self) -> bytes:
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    return await self._reader.read(1)
            except TimeoutError:
                if not self._is_busy():
                    raise Refusal(408, f"Nothing was asked for {IDLE_SECONDS:g} seconds.", "request_timeout") from None

    async def _in_time(self, reading: Coroutine[Any, Any, bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._max_seconds):
                return await reading
        except TimeoutError:
            sentence = f"The rest of an event did not come within {self._max_seconds:g} seconds."
            raise Refusal(408, sentence, "request_timeout") from None


async def _next_event(reader: _BoundedReader) -> Event | None:
    """The next event, or None at the end of them. Refusal: what comes is no event."""
    try:
        event = await async_read_event(reader)  # type: ignore[arg-type]  # of the two methods that it uses
    except (KeyError, TypeError, AttributeError, RecursionError):
        event = None
    if event is None and reader.has_ended:
        return None
    if event is None or not (event.type and isinstance(event.type, str) and isinstance(event.data, dict)):
        raise Refusal(400, "That is not a Wyoming event.", "bad_event")
    return event


def _voice(event: Event, service: Service) -> VoiceSource:
    """The voice by its name; a language alone is that of the model."""
    voice: Any = event.data.get("voice") or {}
    name = voice.get("name") if isinstance(voice, dict) else voice
    if name is None:
        return service.voices.default
    if not isinstance(name, str):
        raise Refusal(400, "The voice's name is not a string.", "invalid_type", "voice")
    return service.voices.named(name)


def _info(service: Service) -> Info:
    """What Home Assistant shows."""
    model = service.model.config.name
    language = language_code(model) or "en"
    voices = [
        TtsVoice(
            name=name,
            attribution=_KYUTAI,
            installed=True,
            description=name,
            version=None,
            languages=[language],
        )
        for name in service.voices.names()
    ]
    program = TtsProgram(
        name="pockettts-np",
        attribution=_KYUTAI,
        installed=True,
        description=f"Pocket TTS, model {model}",
        version=__version__,
        voices=voices,
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program])


@dataclass(frozen=True)
class _Socket:
    """A Unix socket in a folder, which stays there until it is removed."""

    path: str
    inode: tuple[int, int]

    @classmethod
    def at(cls, path: str) -> "_Socket":
        return cls(path, inode(Path(path)))

    def remove(self) -> None:
        """Unless it is gone, or another server's by now."""
        with suppress(OSError):
            if inode(Path(self.path)) == self.inode:
                Path(self.path).unlink()


class WyomingServer:
    """Listens at tcp://HOST:PORT or unix://PATH until `run`'s caller, or a signal, ends it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._connections: dict[asyncio.Task[None], Connection] = {}  # the oldest first
        self._ending = asyncio.Event()
        self.uri = ""  # where it listens, once it does
        self._socket: _Socket | None = None  # of unix://

    async def run(self, uri: str) -> None:
        """Serve until `end`. ValueError: an address of another kind. OSError: it cannot be taken."""
        server = await self._listen(uri)
        try:
            logger.info("Listening on %s; Ctrl-C ends.", self.uri)
            await self._ending.wait()
        finally:
            server.close()
            if self._socket is not None:
                self._socket.remove()
            for connection in self._connections:
                connection.cancel()
            if self._connections:
                await asyncio.wait(self._connections)
            await self._service.jobs.close()

    def end(self) -> None:
        """Cut what is spoken, and end. Of the server's own thread."""
        self._ending.set()

    def end_on_signals(self) -> None:
        """`end` at SIGINT and SIGTERM, where the system and the thread can have signals."""
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError):
                    loop.add_signal_handler(number, self.end)

    async def _listen(self, uri: str) -> asyncio.Server:
        parts = urlsplit(uri)
        try:
            if parts.scheme == "unix" and parts.path:
                server = await asyncio.start_unix_server(self._accept, parts.path)
                self.uri = uri
                self._socket = _Socket.at(parts.path)
                return server
            if parts.scheme == "tcp" and parts.hostname and parts.port is not None:
                server = await asyncio.start_server(self._accept, parts.hostname, parts.port)
                self.uri = f"tcp://{parts.hostname}:{server.sockets[0].getsockname()[1]}"
                return server
        except OSError as error:
            raise OSError(f"{uri} cannot be taken: {error.strerror}. Name another port; 0 is any.") from None
        raise ValueError(f"{uri} is not a place to listen; wanted tcp://HOST:PORT or unix://PATH.")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        has_room = self._make_room()
        connection = self._connections[task] = Connection(self._service, reader, writer)
        try:
            if has_room:
                await connection.run()
            else:
                await async_write_event(Error("Too many connections.", "busy").event(), writer)
            await _let_read(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the client left, or the server ends
        finally:
            self._connections.pop(task, None)
            _close(writer)

    def _make_room(self) -> bool:
        """Whether there is room for a connection; where all places are taken, the oldest idle one goes."""
        if len(self._connections) < MAX_CONNECTIONS:
            return True
        idle = next((task for task, connection in self._connections.items() if connection.is_idle), None)
        if idle is not None:
            idle.cancel()
            del self._connections[idle]
        return idle is not None


async def _let_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that nothing more comes, and take what is still sent: to close on it would reset the connection, and the
    client might lose the last event."""
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while await reader.read(1 << 16):
                pass


def _close(writer: asyncio.StreamWriter) -> None:
    """Close, and give up soon on a client that takes nothing more."""
    writer.close()
    asyncio.get_running_loop().call_later(STALL_SECONDS, writer.transport.abort)
