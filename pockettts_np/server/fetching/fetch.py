"""Fetching what a stranger names: only from public addresses, so much, for so long, and without any credentials.

`hub.fetch` is for addresses that the user of this machine gives: it sends the user's token, and goes wherever it is
told.
"""

import errno
import http.client
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from ...hub.cache import HubFile
from ...hub.http import check_address, origin
from ..limits import Refusal
from .addresses import is_public

_HUB = "https://huggingface.co"
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_BLOCK_BYTES = 1 << 16
_LOOK_SECONDS = 0.1  # between looks at whether somebody still waits
_LOOK_UPS = threading.BoundedSemaphore(8)  # of names, at once


def fetch(address: str, max_bytes: int, max_seconds: float, stop: threading.Event) -> bytes:
    """The content behind a http, https or hf address; it is given up as soon as `stop` is set.

    Raises Refusal: no such form (400), an address that is not public (403), or what the other server does (502).
    """
    waiting = _Waiting(time.monotonic() + max_seconds, stop)
    url = _web_address(address)
    for _ in range(_MAX_REDIRECTS + 1):
        with _answer(url, waiting) as response:
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return _content(response, max_bytes, waiting)
        secure, url = url.startswith("https:"), urljoin(url, location)
        _require_address(url)
        if secure and not url.startswith("https:"):
            raise _failed("it is redirected from https to http")
    raise _failed(f"it is redirected more than {_MAX_REDIRECTS} times")


class _Waiting:
    """How long a fetch may take: to its deadline, and no longer than somebody wants it."""

    def __init__(self, deadline: float, stop: threading.Event) -> None:
        self._deadline = deadline
        self._stop = stop

    def has_ended(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._deadline

    def seconds_left(self) -> float:
        """TimeoutError: none."""
        if self.has_ended():
            raise TimeoutError
        return self._deadline - time.monotonic()

    def for_event(self, event: threading.Event) -> None:
        """Until it is set. TimeoutError: it was not in time."""
        while not event.wait(min(_LOOK_SECONDS, self.seconds_left())):
            pass

    @contextmanager
    def bounding(self, sock: socket.socket) -> Iterator[None]:
        """Whatever the socket waits for in the block, it does not wait longer."""
        is_done = threading.Event()

        def watch() -> None:
            with suppress(TimeoutError):
                self.for_event(is_done)
                return
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below any TLS, which would say goodbye

        watcher = threading.Thread(target=watch, name="pockettts-fetch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            is_done.set()
            watcher.join()


def _web_address(address: str) -> str:
    if not address.startswith("hf://"):
        _require_address(address)
        return address
    try:
        file = HubFile.parse(address)
    except ValueError as error:
        raise Refusal(400, str(error), "bad_url", "voice_url") from None
    return f"{_HUB}/{file.owner}/{file.repo}/resolve/{quote(file.revision, safe='')}/{quote(file.path)}"


def _require_address(url: str) -> None:
    try:
        check_address(url, "The voice's address")
    except ValueError as error:
        raise Refusal(400, str(error), "bad_url", "voice_url") from None


def _failed(why: str) -> Refusal:
    return Refusal(502, f"The voice at that address cannot be fetched: {why}.", "fetch_failed", "voice_url")


@contextmanager
def _answer(url: str, waiting: _Waiting) -> Iterator[http.client.HTTPResponse]:
    """The answer to one request."""
    scheme, host, port = origin(url)
    try:
        connection = http.client.HTTPConnection(host, port)
        try:
            connection.sock = sock = _connected(_addresses(host, port or 0, waiting), waiting)
            if scheme == "https":
                connection.sock = sock = _secured(sock, host)
            with waiting.bounding(sock):
                parts = urlsplit(url)
                target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
                connection.request("GET", target, headers={"User-Agent": "pockettts_np", "Connection": "close"})
                with connection.getresponse() as response:
                    yield response
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise _failed(_reason(error, waiting)) from error


def _secured(sock: socket.socket, host: str) -> ssl.SSLSocket:
    """The socket under TLS, which begins with the first byte that is sent."""
    return ssl.create_default_context().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)


def _reason(error: Exception, waiting: _Waiting) -> str:
    if isinstance(error, TimeoutError) or waiting.has_ended():
        return "its server takes too long"
    if isinstance(error, ssl.SSLError):
        return "its server has no certificate that can be trusted"
    return "its server cannot be reached" if isinstance(error, OSError) else "its server does not speak HTTP"


def _addresses(host: str, port: int, waiting: _Waiting) -> list[tuple[Any, ...]]:
    """Where a host is: its sockets' families and addresses, which are checked here and not looked up again, when they
    could lead elsewhere.

    Nothing can end a look-up, so a thread of its own waits for it; only so many do at once.
    """
    found: list[tuple[Any, ...]] = []
    errors: list[OSError] = []
    is_done = threading.Event()

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            errors.append(error if isinstance(error, OSError) else OSError(str(error)))
        finally:
            _LOOK_UPS.release()
            is_done.set()

    while not _LOOK_UPS.acquire(timeout=min(_LOOK_SECONDS, waiting.seconds_left())):
        pass
    threading.Thread(target=look_up, name="pockettts-look-up", daemon=True).start()
    waiting.for_event(is_done)
    if errors:
        raise errors[0]
    if not all(is_public(str(info[4][0])) for info in found):
        sentence = f"The host {host[:100]!r} of the voice's address is not on the public network."
        raise Refusal(403, sentence, "address_not_public", "voice_url")
    return found


def _connected(addresses: list[tuple[Any, ...]], waiting: _Waiting) -> socket.socket:
    """A connection to the first of the addresses that takes one."""
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            _connect(sock, address, waiting)
            sock.settimeout(waiting.seconds_left())
            return sock
        except OSError as error:
            failure = error
            sock.close()
    raise failure


def _connect(sock: socket.socket, address: Any, waiting: _Waiting) -> None:
    """Connect, with a look from time to time at whether somebody still waits."""
    sock.setblocking(False)
    error = sock.connect_ex(address)
    if error not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
        raise OSError(error, os.strerror(error))
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        while not selector.select(min(_LOOK_SECONDS, waiting.seconds_left())):
            pass
    if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


def _content(response: http.client.HTTPResponse, max_bytes: int, waiting: _Waiting) -> bytes:
    if response.status != 200:
        raise _failed(f"its server answers HTTP {response.status}")
    blocks: list[bytes] = []
    n_bytes = 0
    while block := response.read1(_BLOCK_BYTES):
        n_bytes += len(block)
        if n_bytes > max_bytes:
            raise _failed(f"it has more than {max_bytes / 1e6:.0f} MB")
        blocks.append(block)
        waiting.seconds_left()
    waiting.seconds_left()  # a socket that was shut looks like the end of the file
    if response.length:
        raise _failed("the connection was cut")
    return b"".join(blocks)
