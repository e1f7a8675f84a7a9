"""One line in the log for each request: who, what, how it was answered and how fast. No text, no key, no query."""

import logging
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers.refusals import CLIENT_LEFT
from .guard.access import Access, client_of, is_number
from .metrics import Metrics

logger = logging.getLogger(__name__)

_QUIET = ("/health", "/metrics", "/page/")  # what is asked for again and again


class RequestLog:
    """Logs and counts what the application answers: refusals as warnings, the server's own faults as errors."""

    def __init__(self, app: ASGIApp, access: Access, metrics: Metrics) -> None:
        self._app = app
        self._access = access
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = _Answer()

        async def seen(message: Message) -> None:
            await send(message)
            answer.see(message)

        what = f"{_client(scope, self._access)} {_method(scope)} {_path(scope)[:200]}"
        try:
            await self._app(scope, receive, seen)
        finally:
            code = scope.get("state", {}).get("refusal")
            logger.log(_level(answer.status, scope["path"]), "%s %s", what, answer.told(code))
            self._metrics.count(scope["path"], answer.status, answer.first_seconds, answer.n_bytes)


class _Answer:
    """How one request is answered."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._is_whole = False
        self.status = CLIENT_LEFT
        self.first_seconds: float | None = None
        self.n_bytes = 0

    def see(self, message: Message) -> None:
        """Note what is sent."""
        if self.first_seconds is None:
            self.first_seconds = time.perf_counter() - self._begin
        kind = message["type"]
        if kind == "websocket.accept":
            self.status = 101
        elif kind.endswith("http.response.start"):
            self.status = message["status"]
        else:
            self.n_bytes += len(message.get("body") or message.get("bytes") or b"")
            self._is_whole = not message.get("more_body", False)

    def told(self, code: str | None) -> str:
        """For the log: the status and how long it took, or the code of a refusal."""
        all_seconds = time.perf_counter() - self._begin
        if code:
            return f"{self.status} {code}"
        if self.status == 101:
            return f"101, open for {all_seconds:.2f} s"
        if self._is_whole and self.status != CLIENT_LEFT and self.first_seconds is not None:
            return f"{self.status}, first byte after {1e3 * self.first_seconds:.0f} ms, all after {all_seconds:.2f} s"
        return f"{self.status}, cut after {all_seconds:.2f} s"


def _level(status: int, path: str) -> int:
    if status >= 500:
        return logging.ERROR
    if status >= 400 and status != CLIENT_LEFT:
        return logging.WARNING
    return logging.DEBUG if path.startswith(_QUIET) else logging.INFO


def _method(scope: Scope) -> str:
    return "WEBSOCKET" if scope["type"] == "websocket" else str(scope["method"][:20])


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
