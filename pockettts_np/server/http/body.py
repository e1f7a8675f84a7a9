"""Reading what a client sends: no more than is allowed, for no longer than is allowed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from ..limits import Refusal

_FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
_TAIL_BYTES = 16  # in which a form ends


async def read_json(request: Request, max_bytes: int, seconds: float) -> dict[str, Any]:
    """The JSON object that a request holds. Refusal: 400 no JSON, 408 too slow, 413 too large."""
    async with _bounded(request, max_bytes, seconds) as bounded:
        body = await bounded.body()
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "The request's body is not JSON in UTF-8.", "invalid_json") from None
    if not isinstance(fields, dict):
        raise Refusal(400, "The request's body is not a JSON object.", "invalid_json")
    return fields


@asynccontextmanager
async def read_form(request: Request, max_bytes: int, seconds: float) -> AsyncIterator[FormData]:
    """The form that a request holds; its files go with the block. Refusal: 400 no form, 408 too slow, 413 too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORM_TYPES:
        sentence = f"The request's body is {kind or 'nothing'!r}; wanted {' or '.join(_FORM_TYPES)}."
        raise Refusal(400, sentence, "no_form")
    tail = bytearray()
    async with _bounded(request, max_bytes, seconds, tail) as bounded:
        try:
            form = await bounded.form(max_files=1, max_fields=10, max_part_size=max_bytes)
        except HTTPException as error:  # as starlette calls a form that it cannot read
            raise Refusal(400, f"The form cannot be read: {error.detail}", "invalid_form") from None
    if kind == _FORM_TYPES[0] and not tail.rstrip().endswith(b"--"):
        await form.close()
        raise Refusal(400, "The form is cut short: its last boundary is missing.", "invalid_form")
    try:
        yield form
    finally:
        await form.close()


@asynccontextmanager
async def _bounded(
    request: Request, max_bytes: int, seconds: float, tail: bytearray | None = None
) -> AsyncIterator[Request]:
    """The request behind a counter and a clock; the last bytes of its body go to `tail`."""
    too_large = Refusal(413, f"The request has more than {max_bytes} bytes.", "request_too_large")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise too_large
    try:
        async with asyncio.timeout(seconds):
            yield Request(request.scope, _counted(request.receive, max_bytes, too_large, tail))
    except TimeoutError:
        raise Refusal(408, f"The request did not arrive within {seconds:g} seconds.", "request_timeout") from None


def _counted(receive: Receive, max_bytes: int, too_large: Refusal, tail: bytearray | None) -> Receive:
    n_bytes = 0

    async def counted() -> Message:
        nonlocal n_bytes
        message = await receive()
        body = message.get("body", b"")
        n_bytes += len(body)
        if n_bytes > max_bytes:
            raise too_large
        if tail is not None:
            tail[:] = (tail + body)[-_TAIL_BYTES:]
        return message

    return counted
