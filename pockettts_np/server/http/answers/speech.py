"""Speech, sent while it is made."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ....errors import sentence
from ...limits import Refusal, refusal_of
from .refusals import in_openai_form

logger = logging.getLogger(__name__)

Speech = AbstractAsyncContextManager[AsyncIterator[bytes]]


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
