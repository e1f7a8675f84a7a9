"""One HTTP request: redirects, where the token may go, which failures pass; and the errors as sentences."""

import contextlib
import email.utils
import errno
import http.client
import logging
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

logger = logging.getLogger(__name__)

_TIMEOUT_S = 20.0  # to connect, and between two pieces of an answer
_N_TRIES = 5  # in a row, without a new byte
_FIRST_PAUSE_S = 0.5  # doubled after each failure
_LONGEST_PAUSE_S = 60.0  # also when the server asks for more
_MAX_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_ADDRESS = re.compile(r"[!#-;=?-\[\]_a-z~]{1,2000}")
_PASSING_STATUSES = {408, 429, 500, 502, 503, 504}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_ACCESS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOENT, errno.EEXIST, errno.ELOOP}


class HubError(OSError):
    """A file could not be fetched; the text says why and what to do next. It never holds a token."""


class AccessError(HubError, PermissionError):
    """The server refuses this file to this user (401, 403)."""


class NotFoundError(HubError, FileNotFoundError):
    """The server has no such file, revision or repository (404)."""


class NetworkError(HubError, ConnectionError):
    """The server cannot be reached, keeps failing, or cuts the connection."""


class OfflineError(HubError):
    """The file is not in the cache and the network is switched off."""


class StorageError(HubError):
    """The disk is full, or the cache cannot be used."""


class CorruptError(HubError):
    """What arrived is not what the server announced."""


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turns what the disk refuses into sentences; other errors pass."""
    try:
        yield
    except HubError:
        raise
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageError(
                f"The disk of {folder} is full ({error.strerror}). Make room and try again, or set HF_HOME (for https "
                "addresses XDG_CACHE_HOME) to a folder on another disk."
            ) from error
        if error.errno in _NO_ACCESS:
            raise StorageError(
                f"The cache {folder} cannot be used ({error.strerror}). Give yourself the right to write "
                "there, or set HF_HOME (for https addresses XDG_CACHE_HOME) to a folder of your own."
            ) from error
        raise


class PassingError(Exception):
    """Worth another try; the text is the sentence for the user should it not pass."""

    def __init__(self, sentence: str, pause_s: float = 0.0):
        super().__init__(sentence)
        self.pause_s = pause_s


@dataclass(frozen=True)
class Remote:
    """What is known of a file before it is fetched."""

    url: str
    shown: str  # the file's name in errors, without secrets
    refusal: Callable[[int, Message], HubError]  # the error for a status that no retry changes
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


def patiently(ask: Callable[[], http.client.HTTPResponse], n_tries: int | None = None) -> http.client.HTTPResponse:
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
    follow: Callable[[http.client.HTTPResponse, bool], bool] = lambda response, same_origin: True,
) -> http.client.HTTPResponse:
    """The answer after redirects, with any status but those that may pass (429, 5xx: PassingError).

    The token goes to the first origin (scheme, host, port) only, and no further once a redirect leaves it.
    A redirect that `follow(response, same_origin)` declines is returned itself.
    """
    url, token = remote.url, remote.token
    for _ in range(_MAX_REDIRECTS + 1):
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        response = _send(method, url, (headers or {}) | authorization)
        location = response.headers.get("Location")
        if response.status in _PASSING_STATUSES:
            response.close()
            raise _passing_status(response, remote.shown)
        if response.status not in _REDIRECTS or not location:
            return response
        try:
            target = _redirect_target(url, location)
        except ValueError:
            response.close()
            raise NetworkError(
                f"{_host(url)} redirects {remote.shown} to an unsafe address. Expected one with https; check "
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


def _host(url: str) -> str:
    return urlsplit(url).netloc


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Hands every answer over as it is: redirects and errors are judged in `open_url`."""

    def http_response(self, request, response):  # type: ignore[no-untyped-def]
        return response

    https_response = http_response


def _send(method: str, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    # Not build_opener(): its file: and ftp: handlers are not for a redirect to reach.
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
        opener.add_handler(handler())
    opener.add_handler(_AnyStatus())
    request = urllib.request.Request(url, headers={"User-Agent": "pockettts_np"} | headers, method=method)
    try:
        return opener.open(request, timeout=_TIMEOUT_S)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise NetworkError(
                f"{_host(url)} showed a certificate that cannot be trusted ({reason.verify_message}). Check "
                "the clock of this machine, and SSL_CERT_FILE when a proxy stands in between."
            ) from error
        raise PassingError(
            f"{_host(url)} cannot be reached ({str(reason) or type(reason).__name__}). Check the network "
            "connection and the proxy settings, then try again; files already fetched work without a network."
        ) from error


def _passing_status(response: http.client.HTTPResponse, shown: str) -> PassingError:
    pause_s = _asked_pause_s(response.headers.get("Retry-After", ""))
    if response.status == 429:
        return PassingError(
            f"The server has had too many requests and holds {shown} back (HTTP 429). Wait some minutes; "
            "with a token in HF_TOKEN the limits are wider.",
            pause_s,
        )
    return PassingError(
        f"The server failed on {shown} (HTTP {response.status}). The fault is on its side: try again later.",
        pause_s,
    )


def _asked_pause_s(retry_after: str) -> float:
    """Seconds in a Retry-After header, which holds a number or a date; 0 where it holds neither."""
    if re.fullmatch(r"\d{1,9}", retry_after):
        return float(retry_after)
    try:
        return email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
