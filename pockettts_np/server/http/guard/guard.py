"""Who may ask, and what browsers may do with the answer."""

import hmac
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...limits import Refusal
from ..answers.refusals import refuse
from .access import NO_SITE, Access, client_of, is_same_site, name_of

_NEED_KEY = ("/v1", "/tts", "/dev/", "/metrics")
_LISTS = ("/v1/models", "/v1/audio/models", "/v1/audio/voices", "/v1/audio/speech/voices")
_READING = ("GET", "HEAD")  # what another site's page may ask for, but not see
_SOUND = "/tts"  # which another site's page could also hear, and have made
# The page loads nothing from elsewhere.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "manifest-src 'self'",
        "worker-src 'self'",
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
    that leads here (DNS rebinding). So the Host must be one that is meant, and what is more than reading must come from
    this server's own page, or from a site that is allowed. Browsers say which page they read for; where a proxy hides
    the name that they know, `Sec-Fetch-Site` still tells, which no page can set.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        _below(scope, self._access.root_path)
        headers = Headers(scope=scope)
        origin = headers.get("origin")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.update(_HEADERS)
                if self._access.origins:
                    answered.add_vary_header("Origin")
                if origin is not None and self._access.allows_page(origin):
                    answered["Access-Control-Allow-Origin"] = origin
                    answered["Access-Control-Expose-Headers"] = "Retry-After, Content-Range"
            await send(message)

        await self._answer(scope, headers)(scope, receive, guarded)

    def _answer(self, scope: Scope, headers: Headers) -> ASGIApp:
        """Who answers: the application, or a refusal."""
        refusal = self._wrong_name(scope, headers) or self._wrong_page(scope, headers)
        if refusal is None and _is_preflight(scope, headers):
            return _preflight(headers)
        if refusal := refusal or self._wrong_key(scope, headers):
            return refuse(scope, refusal)
        if not scope["path"]:  # as the page names its files from where it is
            return RedirectResponse(f"{self._access.root_path.rpartition('/')[2]}/")
        return self._app

    def _host(self, scope: Scope, headers: Headers) -> str | None:
        """The name by which the caller knows this server. None: it does not say, so it is no browser."""
        if self._access.is_proxy(client_of(scope)) and (forwarded := headers.get("x-forwarded-host")):
            return forwarded.partition(",")[0].strip()
        return headers.get("host")

    def _wrong_name(self, scope: Scope, headers: Headers) -> Refusal | None:
        host = self._host(scope, headers)
        if host is None or self._access.knows_host(host):
            return None
        name = name_of(host) or host
        return Refusal(
            403,
            f"This server does not answer to {name[:100]!r}. Start it with --allow-host NAME to add a name.",
            "bad_host",
        )

    def _wrong_page(self, scope: Scope, headers: Headers) -> Refusal | None:
        origin = headers.get("origin")
        if _method(scope) in _READING:
            if scope["path"] != _SOUND:
                return None
            origin = origin or _page_that_plays(headers)
        if origin is None or self._access.allows_page(origin):
            return None
        if headers.get("sec-fetch-site") == "same-origin" or is_same_site(origin, self._host(scope, headers) or ""):
            return None
        sentence = f"Pages of {origin[:100]!r} may not use this server; start it with --allow-origin URL to let them."
        return Refusal(403, sentence, "bad_origin")

    def _wrong_key(self, scope: Scope, headers: Headers) -> Refusal | None:
        wanted = self._access.api_key
        if wanted is None or not scope["path"].startswith(_NEED_KEY) or self._is_open_list(scope):
            return None
        key = _key(scope, headers)
        if not key:
            return Refusal(401, "This server wants its API key: Authorization: Bearer …", "missing_api_key")
        if not hmac.compare_digest(key.encode(), wanted.encode()):
            return Refusal(401, "The API key is wrong.", "invalid_api_key")
        return None

    def _is_open_list(self, scope: Scope) -> bool:
        return self._access.open_lists and _method(scope) in _READING and scope["path"].startswith(_LISTS)


def _method(scope: Scope) -> str:
    """How the server is asked; a socket is opened to work."""
    return "POST" if scope["type"] == "websocket" else str(scope["method"])


def _page_that_plays(headers: Headers) -> str | None:
    """The site of a page that has the server's sound among its own: browsers name it only as where they come from."""
    with suppress(ValueError):
        parts = urlsplit(headers.get("referer", ""))
        if parts.netloc:
            return f"{parts.scheme}://{parts.netloc}"
    return NO_SITE if headers.get("sec-fetch-site") in ("cross-site", "same-site") else None


def _key(scope: Scope, headers: Headers) -> str:
    """The key that a caller gives: as a header, or, where a browser can send none, in the address."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    if scope["type"] == "websocket" or (scope["path"] == _SOUND and _method(scope) in _READING):
        return QueryParams(scope["query_string"]).get("api_key", "")
    return ""


def _below(scope: Scope, root_path: str) -> None:
    """Take away the path under which a proxy shows this server, if it has not done so itself, and a last slash."""
    path = scope["path"]
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        path = path.removeprefix(root_path)
    scope["path"] = path.rstrip("/") or path[:1]


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope.get("method") == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def _preflight(headers: Headers) -> Response:
    """That a page which may use the server may do it with any headers: the key is what counts."""
    allowed = {
        "Access-Control-Allow-Methods": "GET, POST, DELETE",
        "Access-Control-Allow-Headers": headers.get("access-control-request-headers", ""),
        "Access-Control-Max-Age": "600",
    }
    if "access-control-request-private-network" in headers:
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=allowed)
