"""The HTTP application: which path leads where."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..limits import Refusal
from ..service import Service
from .answers.refusals import on_departure, on_fault, on_http_exception, on_refusal
from .guard.access import Access
from .guard.guard import Guard
from .log import RequestLog
from .routes.openai import create_speech, list_models, list_voices, retrieve_model
from .routes.reference import health, text_to_speech

_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def create_app(service: Service, access: Access = Access()) -> ASGIApp:  # noqa: B008  # it is frozen
    """An ASGI application for `service`, which it closes at the end, for those who have `access`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await service.jobs.close()

    handlers = {
        Refusal: on_refusal,
        HTTPException: on_http_exception,
        ClientDisconnect: on_departure,
        Exception: on_fault,
    }
    app = Starlette(routes=_routes(), exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False  # to an address of its own making
    app.state.service = service
    app.state.uploads = asyncio.Semaphore(service.limits.n_uploads)
    return RequestLog(Guard(app, access), access)


def _routes() -> list[Route]:
    return [
        Route("/", _page),
        *(Route(f"/page/{path.name}", _page) for path in sorted(_PAGE.iterdir())),
        Route("/health", health),
        Route("/tts", text_to_speech, methods=["POST"]),
        Route("/v1/audio/speech", create_speech, methods=["POST"]),
        Route("/v1/audio/voices", list_voices),
        Route("/v1/models", list_models),
        Route("/v1/models/{name}", retrieve_model),
    ]


async def _page(request: Request) -> Response:
    name = request.scope["path"].rpartition("/")[2] or "index.html"  # of a route, so of a file that is there
    path = _PAGE / name
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
