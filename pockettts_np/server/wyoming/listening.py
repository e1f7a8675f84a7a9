"""Where Wyoming's clients connect, and how many of them."""

import asyncio
import logging
import signal
import threading
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from pathlib import Path
from urllib.parse import urlsplit

from wyoming.error import Error
from wyoming.event import async_write_event

from ...files.sockets import UnixSocket
from ..service import Service
from .connection import STALL_SECONDS, Connection

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
LINGER_SECONDS = 2.0  # in which a client may read the last event


class WyomingServer:
    """Listens at tcp://HOST:PORT or unix://PATH until `run`'s caller, or a signal, ends it."""

    def __init__(self, service: Service, name: str | None = None) -> None:
        """`name` is announced to the local network."""
        self._service = service
        self._name = name
        self._connections: dict[asyncio.Task[None], Connection] = {}  # the oldest first
        self._ending = asyncio.Event()
        self.uri = ""  # where it listens, once it does
        self._socket: UnixSocket | None = None  # of unix://

    async def run(self, uri: str) -> None:
        """Serve until `end`. ValueError: an address of another kind. OSError: it cannot be taken."""
        server = await self._listen(uri)
        try:
            logger.info("Listening on %s; Ctrl-C ends.", self.uri)
            async with self._announced():
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

    def _announced(self) -> AbstractAsyncContextManager[None]:
        if self._name is None:
            return nullcontext()
        from .announcement import announced  # of another extra

        parts = urlsplit(self.uri)
        return announced(parts.hostname or "", parts.port or 0, self._name)

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
                self._socket = UnixSocket.at(Path(parts.path))
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
