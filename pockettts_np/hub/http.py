"""Requests of a file: redirects, where the token may go, how often to try; and the errors as sentences.

Python's own network modules are imported by `request` alone, once something is fetched: they take 5 MB and 20 ms.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from .errors import HubError, NetworkError, PassingError

if TYPE_CHECKING:
    from email.message import Message
    from http.client import HTTPResponse

logger = logging.getLogger(__name__)

_N_TRIES = 5  # in a row, without a new byte
_FIRST_PAUSE_S = 0.5  # doubled after each failure
_LONGEST_PAUSE_S = 60.0  # also when the server asks for more
_MAX_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_ADDRESS = re.compile(r"[!#-;=?-\[\]_a-z~]{1,2000}")


@dataclass(frozen=True)
class Remote:
    """What is known of a file before it is fetched."""

    url: str
    shown: str  # the file's name in errors, without secrets
    refusal: "Callable[[int, Message], HubError]"  # the error for a status that no retry changes
    token: str | None = None  # for the URL's own origin only
    size_bytes: int | None = None
    digest: str | None = None  # SHA-256 (64 digits) or git blob SHA-1 (40 digits)


class Patience:
    """Waits after a failure, longer each time, and gives up after `n_tries` in a row."""

    def __init__(self, n_tries: int | None = None):
        self.n_tries = _N_TRIES if n_tries is None else n_tries
        self.n_failures = 0

    def after(self, error: PassingError) -> None:
        self.n_failures += 1
        if self.n_failures >= self.n_tries:
            raise NetworkError(str(error)) from error
        logger.info("%s This was try %d of %d.", error, self.n_failures, self.n_tries)
        pause(min(_LONGEST_PAUSE_S, max(error.pause_s, _FIRST_PAUSE_S * 2 ** (self.n_failures - 1))))


def pause(seconds: float) -> None:
    time.sleep(seconds)


def patiently(ask: "Callable[[], HTTPResponse]", n_tries: int | None = None) -> "HTTPResponse":
    """`ask()`, again while it raises PassingError."""
    patience = Patience(n_tries)
    while True:
        try:
            return ask()
        except PassingError as error:
            patience.after(error)


def open_url(
    remote: Remote,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    follow: "Callable[[HTTPResponse, bool], bool]" = lambda response, same_origin: True,
) -> "HTTPResponse":
    """The answer after redirects, with any status but those that may pass (429, 5xx: PassingError).

    The token goes to the first origin (scheme, host, port) only, and no further once a redirect leaves it.
    A redirect that `follow(response, same_origin)` declines is returned itself.
    """
    from .request import send

    url, token = remote.url, remote.token
    for _ in range(_MAX_REDIRECTS + 1):
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        response = send(method, url, (headers or {}) | authorization, remote.shown)
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or not location:
            return response
        try:
            target = _redirect_target(url, location)
        except ValueError:
            response.close()
            raise NetworkError(
                f"{urlsplit(url).netloc} redirects {remote.shown} to an unsafe address. Expected one with https; check "
                "HF_ENDPOINT and the proxy settings."
            ) from None
        same_origin = origin(target) == origin(url)
        if not follow(response, same_origin):
            return response
        response.close()
        url, token = target, token if same_origin else None
    raise NetworkError(
        f"{remote.shown} is redirected more than {_MAX_REDIRECTS} times. The server is set up wrongly: try "
        "later, or check HF_ENDPOINT."
    )


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port. ValueError: not http or https, no host, or a user name before it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or "@" in parts.netloc:
        raise ValueError("not the address of a web server")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def check_address(address: str, what: str) -> None:
    """ValueError unless `address` is a plain http or https address."""
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise ValueError(f"{what} holds a user name or password, which would end up in logs. Take it out.")
    try:
        origin(address)
        is_good = _ADDRESS.fullmatch(address) is not None
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(
            f"{what} {shown_address(address)!r} cannot be fetched. Expected http:// or https://, a host and a "
            "path, other characters percent-encoded."
        )


def shown_address(address: str) -> str:
    """Without the part that may be secret."""
    return address.partition("?")[0][:300]


def _redirect_target(url: str, location: str) -> str:
    """ValueError where a redirect must not lead: away from https, or to no web server at all."""
    target = quote(urljoin(url, location), safe="%/:=&?~#+!$,;'@()*[]")
    if origin(target)[0] == "http" and origin(url)[0] == "https":
        raise ValueError("from https to http")
    return target
