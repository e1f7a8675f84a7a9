"""Who may ask, and what browsers may do with the answer."""

import hmac
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..limits import Refusal
from .answers import refuse

_NEED_KEY = ("/v1/", "/tts")
# The page plays what it has put together itself (blob:), and loads nothing from elsewhere.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Refuses strangers before anything is read from them: without the key, or sent here by another site's page.

    A page of any site can send forms to a server on this machine, and read what it says through a name of its own
    that leads here (DNS rebinding). So a browser's Origin must be this server's, and where only this machine can
    connect, the Host must be one of its names; `origins` are the exceptions.
    """

    def __init__(self, app: ASGIApp, api_key: str | None, origins: Sequence[str], only_loopback: bool) -> None:
        self._app = app
        self._api_key = api_key
        self._origins = origins
        self._hosts = {"localhost", *(urlsplit(origin).hostname for origin in origins)} if only_loopback else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope["path"], Headers(scope=scope))
        app = self._app if refusal is None else refuse(scope["path"], refusal)
        await app(scope, receive, guarded)

    def _refusal(self, path: str, headers: Headers) -> Refusal | None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in {None, *self._hosts}:
            return Refusal(403, f"This server is not {host[:100]!r}; start it with --allow-origin to be.", "bad_host")
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins and urlsplit(origin).netloc != host:
            return Refusal(403, "Pages of other sites may not use this server; see --allow-origin.", "bad_origin")
        if self._api_key is not None and path.startswith(_NEED_KEY):
            scheme, _, key = headers.get("authorization", "").partition(" ")
            is_right = hmac.compare_digest(key.strip().encode(), self._api_key.encode())
            if scheme.lower() != "bearer" or not is_right:
                return Refusal(401, "This server wants its API key: Authorization: Bearer …", "invalid_api_key")
        return None


def _name(host: str) -> str | None:
    """The name in a Host header, or None for a number: those are not looked up, so nobody can redirect them."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return None
    return name
