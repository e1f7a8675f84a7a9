"""One HTTP request through urllib; what does not come is a sentence."""

import email.utils
import re
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from ..settings import setting
from .errors import NetworkError, PassingError

_TIMEOUT_S = 20.0  # to connect, and between two pieces of an answer
_PASSING_STATUSES = {408, 429, 500, 502, 503, 504}


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Hands every answer over as it is: redirects and errors are judged by the caller."""

    def http_response(self, request, response):  # type: ignore[no-untyped-def]
        return response

    https_response = http_response


def send(method: str, url: str, headers: dict[str, str], shown: str) -> HTTPResponse:
    """The answer, with any status but those that may pass; `shown` is the file's name in errors.

    Raises PassingError: no answer, 408, 429 or 5xx. NetworkError: a certificate that cannot be trusted.
    """
    # Not build_opener(): its file: and ftp: handlers are not for a redirect to reach.
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler())
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler(context=_trusted() if url.startswith("https:") else None))
    opener.add_handler(_AnyStatus())
    request = urllib.request.Request(url, headers={"User-Agent": "pockettts_np"} | headers, method=method)
    try:
        response: HTTPResponse = opener.open(request, timeout=_TIMEOUT_S)
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        host = urlsplit(url).netloc
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise NetworkError(
                f"{host} showed a certificate that cannot be trusted ({reason.verify_message}). Check the clock of "
                "this machine; when a proxy stands in between, name the file of its certificate in SSL_CERT_FILE or "
                "REQUESTS_CA_BUNDLE."
            ) from error
        raise PassingError(
            f"{host} cannot be reached ({str(reason) or type(reason).__name__}). Check the network "
            "connection and the proxy settings, then try again; files already fetched work without a network."
        ) from error
    if response.status in _PASSING_STATUSES:
        response.close()
        raise _passing_status(response, shown)
    return response


def _trusted() -> ssl.SSLContext:
    """Whose certificates count: the system's or those in SSL_CERT_FILE, and those that are named for other programs."""
    context = ssl.create_default_context()
    if path := setting("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        is_folder = Path(path).is_dir()
        try:
            context.load_verify_locations(cafile=None if is_folder else path, capath=path if is_folder else None)
        except OSError as error:
            raise NetworkError(
                f"No certificates can be read from {path}, which REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names "
                f"({error.strerror or error}). Correct the variable, or unset it."
            ) from error
    return context


def _passing_status(response: HTTPResponse, shown: str) -> PassingError:
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
