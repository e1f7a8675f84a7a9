"""One line in the log for each request: who, what, how it was answered and how fast. No text, no key, no query."""

import logging
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers.refusals import CLIENT_LEFT
from .guard.access import Access, client_of, is_number

logger = logging.getLogger(__name__)

_QUIET = ("/health", "/page/")  # what is asked for again and again


class RequestLog:
    """Logs what the application answers: refusals as warnings, the server's own faults as errors."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        status, first_seconds, is_whole = CLIENT_LEFT, 0.0, False

        async def seen(message: Message) -> None:
            nonlocal status, first_seconds, is_whole
            await send(message)
            if message["type"] == "http.response.start":
                status, first_seconds = message["status"], time.perf_counter() - begin
            else:
                is_whole = not message.get("more_body", False)

        what = f"{_client(scope, self._access)} {scope['method'][:20]} {_path(scope)[:200]}"
        try:
            await self._app(scope, receive, seen)
        finally:
            all_seconds = time.perf_counter() - begin
            if code := scope.get("state", {}).get("refusal"):
                how = f"{status} {code}"
            elif is_whole and status != CLIENT_LEFT:
                how = f"{status}, first byte after {1e3 * first_seconds:.0f} ms, all after {all_seconds:.2f} s"
            else:
                how = f"{status}, cut after {all_seconds:.2f} s"
            logger.log(_level(status, scope["path"]), "%s %s", what, how)


def _level(status: int, path: str) -> int:
    if status >= 500:
        return logging.ERROR
    if status >= 400 and status != CLIENT_LEFT:
        return logging.WARNING
    return logging.DEBUG if path.startswith(_QUIET) else logging.INFO


def _path(scope: Scope) -> str:
    """As it was sent, so that no line can hold another."""
    return str((scope.get("raw_path") or b"").partition(b"?")[0], "ascii", "replace")


def _client(scope: Scope, access: Access) -> str:
    """The address of whoever asks: behind the owner's proxies, whom the last of them names."""
    client = client_of(scope)
    forwarded = Headers(scope=scope).get("x-forwarded-for", "").split(",")
    while access.is_proxy(client) and forwarded and is_number(address := forwarded.pop().strip()):
        client = address
    return client
