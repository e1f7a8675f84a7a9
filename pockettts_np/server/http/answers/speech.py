"""Speech, sent while it is made, or as a whole."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ....errors import sentence
from ...delivery import Spoken
from ...limits import Refusal, refusal_of
from .ranges import whole_answer
from .wrapping import Wrapping

logger = logging.getLogger(__name__)

Speech = AbstractAsyncContextManager[AsyncIterator[Spoken]]

NOT_STORED = {"Cache-Control": "no-store"}


class SpeechResponse(Response):
    """Speech, sent as it is made, from its first sound on. A client that leaves stops it.

    What fails before the first sound is raised, to become an answer of its own; later, the connection is cut, by
    which HTTP tells a broken body from a whole one.
    """

    def __init__(self, speech: Speech, wrapping: Wrapping, headers: Mapping[str, str] = NOT_STORED) -> None:
        super().__init__(None, 200, headers, wrapping.media_type)
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"  # nginx would keep it until it has more
        self._speech = speech
        self._wrapping = wrapping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        speaking = asyncio.create_task(self._speak(scope, receive, send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({speaking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            speaking.cancel()
            await asyncio.wait({speaking, leaving})
        if not speaking.cancelled() and (error := speaking.exception()):
            raise error

    async def _speak(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._speech as pieces:
            first = await first_of(pieces)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await _send(send, self._wrapping.piece(first))
            try:
                async for piece in pieces:
                    await _send(send, self._wrapping.piece(piece))
            except Exception as error:
                logger.error("The speech was cut: %s", sentence(error))
                if (last := self._wrapping.error(as_refusal(error))) is None:
                    return  # without its end
            else:
                last = self._wrapping.end()
            await send({"type": "http.response.body", "body": last})


class WholeSpeech(SpeechResponse):
    """Speech whose length is known before its first byte is sent, or a part of it that is asked for as Range."""

    def __init__(
        self,
        speech: Speech,
        wrapping: Wrapping,
        headers: Mapping[str, str] = NOT_STORED,
        keep: Callable[[bytes], None] = lambda content: None,
    ) -> None:
        """`keep` is handed all of it."""
        super().__init__(speech, wrapping, headers)
        self._own_headers = headers
        self._keep = keep

    async def _speak(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._speech as pieces:
            content = self._wrapping.piece(await first_of(pieces))
        self._keep(content)
        await whole_answer(scope, content, self._wrapping.media_type, self._own_headers)(scope, receive, send)


def as_refusal(error: Exception) -> Refusal:
    """What a caller is told of an error of speaking."""
    return refusal_of(error) or Refusal(500, "The server failed; its log says why.", "internal_error")


async def first_of(pieces: AsyncIterator[Spoken]) -> Spoken:
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


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await asyncio.sleep(0)  # so that a client which has left is seen before more is sent to it


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
