"""The HTTP application on a socket, until a signal ends it."""

import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ...files.sockets import require_free

logger = logging.getLogger(__name__)

LONGEST_MESSAGE_BYTES = 1 << 17  # that a client may send in a WebSocket
GRACE_SECONDS = 5  # for running requests, once the server is told to end; containers kill it after ten


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


def bound_unix_socket(path: Path) -> socket.socket:
    """A socket that is a file, which stays there until it is removed. OSError: a sentence.

    It listens at once, for to another server one that does not looks like one that was left behind.
    """
    require_free(path)
    bound = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        bound.bind(str(path))
        bound.listen()
    except OSError as error:
        bound.close()
        raise OSError(f"{path} cannot be made: {error.strerror or error}.") from None
    return bound


def _is_file(bound: socket.socket) -> bool:
    return bound.family == getattr(socket, "AF_UNIX", None)  # which not every system has


def is_loopback(bound: socket.socket) -> bool:
    """Whether only this machine can connect."""
    if _is_file(bound):
        return True
    return ipaddress.ip_address(bound.getsockname()[0]).is_loopback


def address_of(bound: socket.socket) -> str:
    """Where a browser, or whoever knows Unix sockets, finds the server."""
    if _is_file(bound):
        return f"unix:{bound.getsockname()}"
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: ASGIApp) -> Server:
    """A server for `run(sockets=[…])`."""
    return Server(
        uvicorn.Config(
            app,
            http=_protocol(),
            ws=_socket_protocol(),
            ws_max_size=LONGEST_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # sound is not made smaller
            log_config=None,
            log_level="critical",  # what it has to say, this package says itself; it also tells of all that is cut
            access_log=False,
            proxy_headers=False,  # of proxies, `Access` knows
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def _socket_protocol() -> Any:
    """How WebSockets are spoken, if they can be."""
    try:
        import websockets  # noqa: F401  # which uvicorn's class needs
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    except ImportError:
        logger.warning("There are no WebSockets at /v1/audio/stream: they need websockets and a newer uvicorn.")
        return "none"
    return WebSocketsSansIOProtocol


def _protocol() -> Any:
    """How HTTP is spoken."""
    try:
        from .patience import PatientProtocol
    except ImportError:
        logger.warning(
            "This server does not know uvicorn %s: it serves, but clients that stall keep their connections, and many "
            "of them shut others out.",
            uvicorn.__version__,
        )
        return "h11"
    return PatientProtocol
