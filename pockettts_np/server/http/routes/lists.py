"""What there is: models and voices, in the forms that programs look for them; and how the server is."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ....audio.effects import FASTEST, SLOWEST
from ....hub.catalogue import VOICES, default_text, model_language, voice_language
from ....version import __version__
from ...service import Service
from ..metrics import MEDIA_TYPE
from ..requests.spoken import OPENAI_MODELS, require_model, usable_forms

_OWNER = "pockettts-np"


async def list_voices(request: Request) -> Response:
    """Every voice by the name that `voice` takes, and what else the page must know.

    A program may say for which model, by `model` or, as for Speaches, by `model_id`.
    """
    service: Service = request.app.state.service
    for name in (request.query_params.get(param) for param in ("model", "model_id")):
        if name and not request.app.state.any_model:
            require_model(name, service)
    model = service.model
    return JSONResponse(
        {
            "object": "list",
            "voices": [_voice(name, service) for name in service.voices.names()],
            "cloning": model.has_voice_cloning,
            "may_add": request.app.state.edits_voices and service.voices.folder is not None,
            "word_times": bool(model.config.timestamp_heads),
            "formats": usable_forms(service),
            "speeds": [SLOWEST, FASTEST],
            "normalize": service.model.reading.normalize,
            "model": model.config.name,
            "sample_text": default_text(model.config.name),
            "longest_text": service.limits.text_characters,
        }
    )


async def list_models(request: Request) -> Response:
    """The model that is loaded, and OpenAI's names for it, which some programs must find here to use them."""
    return JSONResponse({"object": "list", "data": _models(request)})


async def list_audio_models(request: Request) -> Response:
    """The same for Open WebUI."""
    return JSONResponse({"models": [{"id": model["id"], "name": model["id"]} for model in _models(request)]})


async def retrieve_model(request: Request) -> Response:
    """The model, by its name or by one of OpenAI's that stands for it."""
    service: Service = request.app.state.service
    if not request.app.state.any_model:
        require_model(request.path_params["name"], service)
    return JSONResponse(_model(service.model.config.name))


async def health(request: Request) -> Response:
    """That the server is there, and how busy it is."""
    service: Service = request.app.state.service
    n_running = service.jobs.n_running
    return JSONResponse(
        {
            "status": "healthy",
            "version": __version__,
            "model": service.model.config.name,
            "running": n_running,
            "waiting": max(0, service.jobs.n_inside - n_running),
        }
    )


async def metrics(request: Request) -> Response:
    """What the server has done, for Prometheus."""
    state = request.app.state
    return Response(state.metrics.text(state.service), media_type=MEDIA_TYPE)


def _voice(name: str, service: Service) -> dict[str, object]:
    voice: dict[str, object] = {"id": name, "name": name, "object": "voice"}
    if name in service.model.own_voices:
        return voice | {"language": model_language(service.model.config.name)}
    return voice | ({"language": voice_language(name)} if name in VOICES else {})


def _models(request: Request) -> list[dict[str, object]]:
    own = request.app.state.service.model.config.name
    return [_model(name) for name in (own, *OPENAI_MODELS)]


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": _OWNER}
