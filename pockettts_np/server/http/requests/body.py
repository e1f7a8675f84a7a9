"""Reading what a client sends: no more and for no longer than is allowed, and only then taking it apart."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from starlette.requests import Request

from ...limits import Limits, Refusal
from ...service import Service
from .form import MULTIPART, URLENCODED, Form, media_type, multipart_form, urlencoded_form


async def read_json(request: Request, limits: Limits) -> dict[str, Any]:
    """The JSON object that a request holds. Refusal: 400 no JSON, 408 too slow, 413 too large."""
    body = await _read(request, limits.text_body_bytes, limits.body_seconds)
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "The request's body is not JSON in UTF-8.", "invalid_json") from None
    if not isinstance(fields, dict):
        raise Refusal(400, "The request's body is not a JSON object.", "invalid_json")
    return fields


async def read_form(request: Request, limits: Limits) -> Form:
    """The form that a request holds, in memory. Refusal: 400 no form, 408 too slow, 413 too large."""
    kind, boundary = media_type(request.headers.get("content-type", ""))
    if kind == URLENCODED:
        return urlencoded_form(await _read(request, limits.text_body_bytes, limits.body_seconds))
    if kind == MULTIPART:  # which alone can hold a file
        body = await _read(request, limits.upload_bytes + limits.text_body_bytes, limits.body_seconds)
        return multipart_form(body, boundary, limits.text_body_bytes)
    sentence = f"The request's body is {kind[:100] or 'nothing'!r}; wanted {MULTIPART} or {URLENCODED}."
    raise Refusal(400, sentence, "no_form")


def place_for_upload(request: Request) -> AbstractAsyncContextManager[object]:
    """Room for the body: a small one is taken as it comes, of larger ones only so many at once."""
    service: Service = request.app.state.service
    uploads: asyncio.Semaphore = request.app.state.uploads
    if announces_at_most(request, service.limits.text_body_bytes):
        return nullcontext()
    service.jobs.require_place()
    if uploads.locked():
        raise Refusal(429, "The server is receiving other uploads. Try again in 2 s.", "busy", retry_after_s=2)
    return uploads


def announces_at_most(request: Request, n_bytes: int) -> bool:
    """Whether the request says how long its body is, and that is no more than this."""
    announced = request.headers.get("content-length", "")
    return announced.isdecimal() and int(announced[:20]) <= n_bytes


async def _read(request: Request, max_bytes: int, seconds: float) -> bytearray:
    too_large = Refusal(413, f"The request has more than {max_bytes} bytes.", "request_too_large")
    if "content-length" in request.headers and not announces_at_most(request, max_bytes):
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for block in request.stream():
                body += block
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise Refusal(408, f"The request did not arrive within {seconds:g} seconds.", "request_timeout") from None
    return body
