"""Refusals, in the form that each protocol knows."""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from ...limits import Refusal

logger = logging.getLogger(__name__)

CLIENT_LEFT = 499  # the status that stands in logs for a client that left before it was answered
_AS_OPENAI = ("/v1", "/dev/")  # what is asked for by clients that know its form
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
    content = in_openai_form(refusal) if scope["path"].startswith(_AS_OPENAI) else in_reference_form(refusal)
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
