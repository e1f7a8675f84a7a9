"""The HTTP application: which path leads where."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from ..limits import Refusal
from ..service import Service
from .answers.refusals import on_departure, on_fault, on_http_exception, on_refusal
from .guard.access import Access
from .guard.guard import Guard
from .log import RequestLog
from .metrics import Metrics
from .routes.kept_voices import add_voice, remove_voice
from .routes.listen import Recent, listen
from .routes.lists import health, list_audio_models, list_models, list_voices, metrics, retrieve_model
from .routes.openai import create_captioned_speech, create_speech
from .routes.reference import text_to_speech
from .routes.stream import MOST_STREAMS, stream, stream_without_socket

_PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_FILES = sorted(path.relative_to(_PAGE).as_posix() for path in _PAGE.rglob("*") if path.suffix in _TYPES)


def create_app(
    service: Service,
    access: Access = Access(),  # noqa: B008  # it is frozen
    any_model: bool = False,
    edits_voices: bool = False,
) -> ASGIApp:
    """An ASGI application for `service`, which it closes at the end, for those who have `access`.

    The model answers to any name where `any_model` is set. Callers add and remove voices where `edits_voices` is.
    """

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
    routes = _routes()
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False  # to an address of its own making
    app.state.service = service
    app.state.any_model = any_model
    app.state.edits_voices = edits_voices
    app.state.recent = Recent()
    app.state.metrics = Metrics(route.path for route in routes)
    app.state.streams = asyncio.BoundedSemaphore(MOST_STREAMS)
    app.state.uploads = asyncio.Semaphore(service.limits.n_uploads)
    return RequestLog(Guard(app, access), access, app.state.metrics)


def _routes() -> list[Route | WebSocketRoute]:
    return [
        Route("/", _page),
        *(Route(f"/page/{name}", _page) for name in _FILES),
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/tts", listen),
        Route("/tts", text_to_speech, methods=["POST"]),
        Route("/v1", list_models),  # which LiveKit asks for to open its connection
        Route("/v1/audio/speech", create_speech, methods=["POST"]),
        Route("/v1/audio/voices", list_voices),
        Route("/v1/audio/voices", add_voice, methods=["POST"]),
        Route("/v1/audio/voices/{name}", remove_voice, methods=["DELETE"]),
        Route("/v1/audio/speech/voices", list_voices),
        Route("/v1/audio/stream", stream_without_socket),
        WebSocketRoute("/v1/audio/stream", stream),
        Route("/v1/audio/models", list_audio_models),
        Route("/v1/models", list_models),
        Route("/v1/models/{name:path}", retrieve_model),
        Route("/dev/captioned_speech", create_captioned_speech, methods=["POST"]),
    ]


async def _page(request: Request) -> Response:
    name = request.scope["path"][len("/page/") :] or "index.html"  # of a route, so of a file that is there
    path = _PAGE / name
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
