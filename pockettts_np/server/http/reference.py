"""POST /tts and GET /health, as the server of pocket-tts 4.0.1 has them."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...version import __version__
from ..limits import Refusal
from ..service import Service
from ..voices import Voices, VoiceSource
from .answers import SpeechResponse
from .body import read_form


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


async def text_to_speech(request: Request) -> Response:
    """A growing WAV of `text` in the voice `voice_url` (a name or an address), `voice_wav` (a file) or the default."""
    service: Service = request.app.state.service
    max_bytes = service.limits.upload_bytes + service.limits.text_body_bytes
    async with _place(request), read_form(request, max_bytes, service.limits.body_seconds) as form:
        if "text" not in form:
            raise Refusal(422, "The field text is missing.", "missing", "text")
        text = service.require_text(form["text"], "text")
        voice = await _voice(form, service)
    return SpeechResponse(service.speech(text, voice, "wav"), "audio/wav", file_name="generated_speech.wav")


def _place(request: Request) -> AbstractAsyncContextManager[object]:
    """Room for the body: a small one is taken as it comes, of larger ones only so many at once."""
    service: Service = request.app.state.service
    uploads: asyncio.Semaphore = request.app.state.uploads
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) <= service.limits.text_body_bytes:
        return nullcontext()
    service.jobs.require_place()
    if uploads.locked():
        raise Refusal(429, "The server is receiving other uploads. Try again in 2 s.", "busy", retry_after_s=2)
    return uploads


async def _voice(form: FormData, service: Service) -> VoiceSource:
    name, file = form.get("voice_url"), form.get("voice_wav")
    if name is not None and file is not None:
        raise Refusal(400, "Both voice_url and voice_wav were given; choose one of them.", "two_voices")
    if file is not None:
        return await _uploaded(file, service)
    if name is None:
        return service.voices.default
    if not isinstance(name, str):
        raise Refusal(400, "voice_url is a file; wanted a name or an address.", "invalid_type", "voice_url")
    return _named(name, service.voices)


async def _uploaded(file: UploadFile | str, service: Service) -> VoiceSource:
    if isinstance(file, str):
        raise Refusal(400, "voice_wav is a text; wanted a file.", "invalid_type", "voice_wav")
    if (file.size or 0) > service.limits.upload_bytes:
        sentence = f"voice_wav has {file.size} bytes; wanted at most {service.limits.upload_bytes}."
        raise Refusal(413, sentence, "request_too_large", "voice_wav")
    return service.voices.uploaded(await file.read(), file.filename or "")


def _named(name: str, voices: Voices) -> VoiceSource:
    return voices.linked(name) if "://" in name else voices.named(name, "voice_url")
