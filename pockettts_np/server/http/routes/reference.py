"""POST /tts, as the server of pocket-tts 4.0.1 has it, and with what OpenAI's clients can ask for."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ...limits import Refusal
from ...service import Service
from ...voices import Voices, VoiceSource
from ..requests.body import place_for_upload, read_form
from ..requests.fields import QueryFields
from ..requests.form import Form, UploadedFile
from .speech import speech_answer


async def text_to_speech(request: Request) -> Response:
    """Speech of `text`, by default a WAV, in the voice `voice_url` (a name or an address), `voice_wav` (a file) or the
    default; other fields as OpenAI's clients send them."""
    service: Service = request.app.state.service
    async with place_for_upload(request):
        form = await read_form(request, service.limits)
        if "text" not in form:
            raise Refusal(422, "The field text is missing.", "missing", "text")
        text = service.require_text(_string(form, "text", "a text"), "text")
        voice = await _voice(form, service)
    fields = QueryFields({name: value for name, value in form.items() if isinstance(value, str)})
    return speech_answer(service, fields, text, voice, "wav", "generated_speech")


def _string(form: Form, name: str, wanted: str) -> str | None:
    value = form.get(name)
    if isinstance(value, UploadedFile):
        raise Refusal(400, f"{name} is a file; wanted {wanted}.", "invalid_type", name)
    return value


async def _voice(form: Form, service: Service) -> VoiceSource:
    name, file = _string(form, "voice_url", "a name or an address"), form.get("voice_wav")
    if name is not None and file is not None:
        raise Refusal(400, "Both voice_url and voice_wav were given; choose one of them.", "two_voices")
    if file is not None:
        return await _uploaded(file, service)
    return service.voices.default if name is None else _named(name, service.voices)


async def _uploaded(file: UploadedFile | str, service: Service) -> VoiceSource:
    if isinstance(file, str):
        raise Refusal(400, "voice_wav is a text; wanted a file.", "invalid_type", "voice_wav")
    n_bytes = len(file.content)
    if n_bytes > service.limits.upload_bytes:
        sentence = f"voice_wav has {n_bytes} bytes; wanted at most {service.limits.upload_bytes}."
        raise Refusal(413, sentence, "request_too_large", "voice_wav")
    return await asyncio.to_thread(service.voices.uploaded, file.content, file.name)  # which hashes all of it


def _named(name: str, voices: Voices) -> VoiceSource:
    return voices.linked(name) if "://" in name else voices.named(name, "voice_url")
