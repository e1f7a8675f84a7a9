"""POST /v1/audio/speech, as OpenAI's clients call it, and /dev/captioned_speech, as those of Kokoro-FastAPI do."""

from starlette.requests import Request
from starlette.responses import Response

from ...service import Service
from ..answers.speech import SpeechResponse
from ..answers.wrapping import Captions
from ..requests.body import read_json
from ..requests.fields import Fields
from ..requests.spoken import delivery_of, form_of, is_whole, require_model, voice_of
from .speech import speech_answer


async def create_speech(request: Request) -> Response:
    """Speech in the format asked for, sent as it is made. `instructions` are not followed: the models know none."""
    service: Service = request.app.state.service
    fields = await _fields(request)
    text = service.require_text(fields.required("input"), "input")
    voice = voice_of(fields, service)
    return speech_answer(service, fields, text, voice)


async def create_captioned_speech(request: Request) -> Response:
    """Speech in base64 with the times of its words: JSON objects, one a line, or one for all of it."""
    service: Service = request.app.state.service
    fields = await _fields(request, names_model=False)
    text = service.require_text(fields.required("input"), "input")
    voice = service.voices.default if fields.get("voice") is None else voice_of(fields, service)
    form, media_type = form_of(fields, service)
    with_words = fields.switch("return_timestamps") is not False
    as_whole = is_whole(fields, text, "", service)
    speech = service.speech(text, voice, form, delivery_of(fields, service, with_words, as_whole))
    return SpeechResponse(speech, Captions(media_type, with_words))


async def _fields(request: Request, names_model: bool = True) -> Fields:
    """What is sent, if it is for a model that is here."""
    service: Service = request.app.state.service
    fields = Fields(await read_json(request, service.limits))
    if names_model and not request.app.state.any_model:
        require_model(fields.required("model"), service)
    return fields
