"""The HTTP application on a socket, until a signal ends it."""

import asyncio
import ipaddress
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 500
HEAD_SECONDS = 20.0  # for a request's first line and headers
STALL_SECONDS = 30.0  # in which a client must take something of its answer
GRACE_SECONDS = 10  # for running requests, once the server is told to end


class Server(uvicorn.Server):
    """Ends on SIGINT or SIGTERM: running requests may finish for GRACE_SECONDS, then they are cut."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a signal that was obeyed is not raised again: the server has done what it was told."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class PatientProtocol(H11Protocol):
    """HTTP that drops a connection on which nothing moves, which uvicorn keeps for ever.

    Waiting for a request's head, and for a client that does not take its answer, are bounded here; waiting for a body
    is bounded by whoever reads it.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._drop_after(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        cycle = self.cycle
        super().handle_events()
        if self.cycle is not cycle:  # a request's head has come
            self._keep()

    def on_response_complete(self) -> None:
        self._drop_after(HEAD_SECONDS)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._drop_after(STALL_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.cycle is None or self.cycle.response_complete:
            self._drop_after(HEAD_SECONDS)
        else:
            self._keep()

    def _drop_after(self, seconds: float) -> None:
        self._keep()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _keep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket at that address; port 0 takes a free one. OSError: a sentence."""
    if not host:
        raise OSError("The host is empty. Take 127.0.0.1 for this machine alone, or 0.0.0.0 to let others in.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:  # the latter of a name that can be none
        why = error.strerror if isinstance(error, socket.gaierror) else "it is no name"
        raise OSError(f"There is no address {host!r}: {why}. Take 127.0.0.1 or 0.0.0.0.") from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(f"Port {port} of {host} cannot be taken: {error.strerror}. Name another; 0 is any.") from None
    return bound


def is_loopback(bound: socket.socket) -> bool:
    """Whether only this machine can connect."""
    return ipaddress.ip_address(bound.getsockname()[0]).is_loopback


def address_of(bound: socket.socket) -> str:
    """Where a browser finds the server."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: ASGIApp) -> Server:
    """A server for `run(sockets=[…])`."""
    return Server(
        uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            log_config=None,
            log_level="critical",  # what it has to say, this package says itself; it also tells of all that is cut
            access_log=False,
            proxy_headers=False,  # of proxies, `Access` knows
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
