"""Fetching what a stranger names: only from public addresses, so much, for so long, and without any credentials.

`hub.fetch` is for addresses that the user of this machine gives: it sends the user's token, and goes wherever it is
told.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, urljoin, urlsplit

from ..hub.cache import HubFile
from ..hub.http import check_address, origin
from .limits import Refusal

_HUB = "https://huggingface.co"
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_BLOCK_BYTES = 1 << 16
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def fetch(address: str, max_bytes: int, max_seconds: float, stop: threading.Event) -> bytes:
    """The content behind a http, https or hf address.

    Raises Refusal: no such form (400), an address that is not public (403), or what the other server does (502).
    """
    deadline = time.monotonic() + max_seconds
    url = _web_address(address)
    for _ in range(_MAX_REDIRECTS + 1):
        with _answer(url, deadline) as response:
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return _content(response, max_bytes, deadline, stop)
        secure, url = url.startswith("https:"), urljoin(url, location)
        _require_address(url)
        if secure and not url.startswith("https:"):
            raise _failed("it is redirected from https to http")
    raise _failed(f"it is redirected more than {_MAX_REDIRECTS} times")


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
def _answer(url: str, deadline: float) -> Iterator[http.client.HTTPResponse]:
    """The answer to one request; at the deadline its socket is shut, whatever it is waiting for."""
    scheme, host, port = origin(url)
    try:
        connection = _connect(scheme, host, port or 0, deadline)
        timer = threading.Timer(_seconds_until(deadline), _shut, [connection.sock])
        timer.daemon = True
        timer.start()
        try:
            parts = urlsplit(url)
            target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            connection.request("GET", target, headers={"User-Agent": "pockettts_np", "Connection": "close"})
            with connection.getresponse() as response:
                yield response
        finally:
            timer.cancel()
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise _failed(_reason(error, deadline)) from error


def _reason(error: Exception, deadline: float) -> str:
    if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
        return "its server takes too long"
    if isinstance(error, ssl.SSLError):
        return "its server has no certificate that can be trusted"
    return "its server cannot be reached" if isinstance(error, OSError) else "its server does not speak HTTP"


def _connect(scheme: str, host: str, port: int, deadline: float) -> http.client.HTTPConnection:
    """A connection to an address that was checked: the name is not looked up again, when it could lead elsewhere."""
    addresses = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not all(is_public(address) for address in addresses):
        sentence = f"The host {host[:100]!r} of the voice's address is not on the public network."
        raise Refusal(403, sentence, "address_not_public", "voice_url")
    connection = http.client.HTTPConnection(host, port)
    for i, address in enumerate(addresses):
        try:
            connection.sock = socket.create_connection((address, port), timeout=_seconds_until(deadline))
            break
        except OSError:
            if i == len(addresses) - 1:
                raise
    if scheme == "https":
        connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
    return connection


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by everyone, and so no way into the server's own network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _seconds_until(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _content(response: http.client.HTTPResponse, max_bytes: int, deadline: float, stop: threading.Event) -> bytes:
    if response.status != 200:
        raise _failed(f"its server answers HTTP {response.status}")
    blocks: list[bytes] = []
    n_bytes = 0
    while not stop.is_set():
        block = response.read1(_BLOCK_BYTES)
        n_bytes += len(block)
        if n_bytes > max_bytes:
            raise _failed(f"it has more than {max_bytes / 1e6:.0f} MB")
        if not block:
            break
        blocks.append(block)
    _seconds_until(deadline)  # a socket that was shut looks like the end of the file
    if response.length:
        raise _failed("the connection was cut")
    return b"".join(blocks)
