"""What the server sends: speech while it is made, and refusals in the form that each protocol knows."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ...errors import sentence
from ..limits import Refusal, refusal_of
from .log import CLIENT_LEFT

logger = logging.getLogger(__name__)

Speech = AbstractAsyncContextManager[AsyncIterator[bytes]]

_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def in_openai_form(refusal: Refusal) -> dict[str, object]:
    """The body with which OpenAI's service refuses."""
    kind = "server_error" if refusal.status >= 500 else _KINDS.get(refusal.status, "invalid_request_error")
    return {"error": {"message": str(refusal), "type": kind, "param": refusal.param, "code": refusal.code}}


def in_reference_form(refusal: Refusal) -> dict[str, object]:
    """The body with which the reference's server refuses: a missing field is told apart, as by FastAPI."""
    if refusal.code == "missing":
        problem = {"type": "missing", "loc": ["body", refusal.param], "msg": "Field required", "input": None}
        return {"detail": [problem]}
    return {"detail": str(refusal)}


def refuse(scope: Scope, refusal: Refusal) -> JSONResponse:
    """The answer to a request that cannot be served; the log will say why."""
    scope.setdefault("state", {})["refusal"] = refusal.code
    content = in_openai_form(refusal) if scope["path"].startswith("/v1/") else in_reference_form(refusal)
    headers = {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.status == 408:
        headers["Connection"] = "close"
    return JSONResponse(content, refusal.status, headers)


async def on_refusal(request: Request, error: Exception) -> Response:
    """The handler of Refusal."""
    assert isinstance(error, Refusal)
    return refuse(request.scope, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """The handler of what the router refuses: a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    code = "method_not_allowed" if error.status_code == 405 else "not_found"
    response = refuse(request.scope, Refusal(error.status_code, f"{error.detail}.", code))
    response.headers.update(error.headers or {})
    return response


async def on_fault(request: Request, error: Exception) -> Response:
    """The handler of errors that are the program's own."""
    logger.error("%s failed.", request.scope["path"], exc_info=error)
    return refuse(request.scope, Refusal(500, "The server failed; its log says why.", "internal_error"))


async def on_departure(request: Request, error: Exception) -> Response:
    """The handler of a client that left while it was being read: nobody is there to answer."""
    return Response(status_code=CLIENT_LEFT)


class SpeechResponse(Response):
    """Speech, sent as it is made, from its first sound on. A client that leaves stops it.

    What fails before the first sound is raised, to become an answer of its own; later, the connection is cut, by
    which HTTP tells a broken body from a whole one.
    """

    def __init__(self, speech: Speech, media_type: str, as_events: bool = False, file_name: str | None = None) -> None:
        headers = {"Cache-Control": "no-store"}
        if file_name is not None:
            headers["Content-Disposition"] = f"attachment; filename={file_name}"
        super().__init__(None, 200, headers, "text/event-stream" if as_events else media_type)
        del self.headers["content-length"]
        self._speech = speech
        self._as_events = as_events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        speaking = asyncio.create_task(self._speak(send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({speaking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            speaking.cancel()
            await asyncio.wait({speaking, leaving})
        if not speaking.cancelled() and (error := speaking.exception()):
            raise error

    async def _speak(self, send: Send) -> None:
        async with self._speech as pieces:
            first = await _first(pieces)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send(send, first)
            try:
                async for piece in pieces:
                    await self._send(send, piece)
            except Exception as error:
                await self._send_error(send, error)
                return
            if self._as_events:
                await _send_event(send, {"type": "speech.audio.done"})
            await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, piece: bytes) -> None:
        if self._as_events:
            await _send_event(send, {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
        else:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)  # so that a client which has left is seen before more is sent to it

    async def _send_error(self, send: Send, error: Exception) -> None:
        """Too late for a status: an event where there are events; else the body stays without its end."""
        logger.error("The speech was cut: %s", sentence(error))
        if self._as_events:
            refusal = refusal_of(error) or Refusal(500, "The server failed; its log says why.", "internal_error")
            await _send_event(send, {"type": "error", **in_openai_form(refusal)})
            await send({"type": "http.response.body", "body": b""})


async def _first(pieces: AsyncIterator[bytes]) -> bytes:
    """The first piece; an error that is no fault of the program becomes a refusal."""
    try:
        return await anext(pieces)
    except StopAsyncIteration:
        raise Refusal(503, "The server is ending.", "unavailable") from None
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


async def _send_event(send: Send, event: dict[str, object]) -> None:
    await send({"type": "http.response.body", "body": f"data: {json.dumps(event)}\n\n".encode(), "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
