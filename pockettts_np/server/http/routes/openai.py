"""POST /v1/audio/speech and its neighbours, as OpenAI's clients call them."""

import math
import reprlib
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ....audio.effects import FASTEST, SLOWEST
from ....audio.encoding import FORMATS, require_format
from ....hub.catalogue import default_text
from ...limits import Refusal
from ...service import Service
from ...voices import VoiceSource
from ..answers.speech import SpeechResponse
from ..requests.body import read_json

_FORMS = {"mp3": "mp3", "opus": "opus", "flac": "flac", "wav": "wav", "pcm": "s16le"}  # theirs: ours
_OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")  # what programs name that let nobody choose
_OWNER = "pockettts-np"
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


async def create_speech(request: Request) -> Response:
    """Speech in the format asked for, sent as it is made. `instructions` are not followed: the models know none."""
    service: Service = request.app.state.service
    fields = await read_json(request, service.limits)
    _require_model(fields, service)
    text = service.require_text(_required(fields, "input"), "input")
    voice = _voice(fields, service)
    name = _one_of(fields, "response_format", tuple(_FORMS), "mp3")
    form = _FORMS[name]
    _require_form(form, service.model.sample_rate)
    as_events = _one_of(fields, "stream_format", ("audio", "sse"), "audio") == "sse"
    media_type = f"audio/pcm; rate={service.model.sample_rate}" if name == "pcm" else FORMATS[form].media_type
    return SpeechResponse(service.speech(text, voice, form, _speed(fields)), media_type, as_events)


async def list_voices(request: Request) -> Response:
    """Every voice by the name that `voice` takes, and what else the page must know."""
    service: Service = request.app.state.service
    model = service.model
    return JSONResponse(
        {
            "object": "list",
            "voices": [{"id": name, "name": name, "object": "voice"} for name in service.voices.names()],
            "cloning": model.has_voice_cloning,
            "model": model.config.name,
            "sample_text": default_text(model.config.name),
            "longest_text": service.limits.text_characters,
        }
    )


async def list_models(request: Request) -> Response:
    """The one model that is loaded."""
    return JSONResponse({"object": "list", "data": [_model(request.app.state.service)]})


async def retrieve_model(request: Request) -> Response:
    """The model, by its name or by one of OpenAI's that stands for it."""
    service: Service = request.app.state.service
    _require_model({"model": request.path_params["name"]}, service)
    return JSONResponse(_model(service))


def _model(service: Service) -> dict[str, object]:
    return {"id": service.model.config.name, "object": "model", "created": 0, "owned_by": _OWNER}


def _required(fields: dict[str, Any], name: str) -> Any:
    if fields.get(name) is None:
        raise Refusal(400, f"The field {name} is missing.", "missing_required_parameter", name)
    return fields[name]


def _one_of(fields: dict[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    value = default if fields.get(name) is None else fields[name]
    if value not in known:
        raise Refusal(400, f"{name} is {_shown(value)}; wanted {', '.join(known)}.", "invalid_value", name)
    return str(value)


def _require_model(fields: dict[str, Any], service: Service) -> None:
    name = _required(fields, "model")
    known = (service.model.config.name, *_OPENAI_MODELS)
    if name not in known:
        sentence = f"There is no model {_shown(name)}; this server has {known[0]!r}."
        raise Refusal(404, sentence, "model_not_found", "model")


def _voice(fields: dict[str, Any], service: Service) -> VoiceSource:
    voice = _required(fields, "voice")
    name = voice.get("id") if isinstance(voice, dict) else voice
    if not isinstance(name, str):
        raise Refusal(400, 'voice is neither a name nor {"id": a name}.', "invalid_type", "voice")
    return service.voices.named(name)


def _speed(fields: dict[str, Any]) -> float:
    speed = 1.0 if fields.get("speed") is None else fields["speed"]
    if not (type(speed) is int or (type(speed) is float and math.isfinite(speed))):
        raise Refusal(400, f"speed is {_shown(speed)}; wanted a number.", "invalid_type", "speed")
    if not SLOWEST <= speed <= FASTEST:
        sentence = f"speed is {_shown(speed)}; wanted {SLOWEST:g} to {FASTEST:g}."
        raise Refusal(400, sentence, "invalid_value", "speed")
    return float(speed)


def _require_form(form: str, rate_hz: int) -> None:
    try:
        require_format(form, rate_hz)
    except ValueError as error:
        raise Refusal(400, str(error), "invalid_value", "response_format") from None


def _shown(value: Any) -> str:
    """Any value of a request, short: lists inside lists, too, and numbers of a thousand digits."""
    return _SHORT.repr(value)
