"""POST /v1/audio/voices and DELETE /v1/audio/voices/{name}: voices that the server keeps, for callers with the key."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...limits import Refusal, refusal_of
from ...service import Service
from ...voice_folder import VoiceFolder, require_name
from ..requests.body import place_for_upload, read_form
from ..requests.form import Form, UploadedFile

_FILES = ("file", "audio_sample", "voice_wav")  # as the page, OpenAI's clients and the reference's name it


async def add_voice(request: Request) -> Response:
    """Keep the recording or saved voice `file` by `name`, once it is known to be a voice."""
    service: Service = request.app.state.service
    folder = _folder(request)
    async with place_for_upload(request):
        form = await read_form(request, service.limits)
        name = require_name(_name(form), service.voices.reserved())
        file = _file(form, service)
        folder.require_suffix(file.name)
        voice = await asyncio.to_thread(service.voices.uploaded, file.content, file.name, "file")
        try:
            await service.require_voice(voice)
        except Exception as error:
            if (refusal := refusal_of(error)) is None:
                raise
            raise refusal from error
        await asyncio.to_thread(folder.add, name, file.name, file.content)
        request.app.state.recent.clear()
    return JSONResponse({"id": name, "name": name, "object": "voice"}, 201)


async def remove_voice(request: Request) -> Response:
    """Remove a voice from the folder; those of the catalogue and the default stay."""
    name: str = request.path_params["name"]
    await asyncio.to_thread(_folder(request).remove, name)
    request.app.state.recent.clear()
    return JSONResponse({"id": name, "object": "voice", "deleted": True})


def _folder(request: Request) -> VoiceFolder:
    folder: VoiceFolder | None = request.app.state.service.voices.folder
    if folder is None or not request.app.state.edits_voices:
        says = "This server's voices are not changed over HTTP; start it with --edit-voices, --voices and a key."
        raise Refusal(403, says, "voice_editing_off")
    return folder


def _name(form: Form) -> str:
    name = form.get("name")
    if not isinstance(name, str):
        raise Refusal(400, "The field name is missing, or no text.", "missing_required_parameter", "name")
    return name


def _file(form: Form, service: Service) -> UploadedFile:
    file = next((form[name] for name in _FILES if name in form), None)
    if not isinstance(file, UploadedFile):
        raise Refusal(400, "The field file is missing, or no file.", "missing_required_parameter", "file")
    if len(file.content) > service.limits.upload_bytes:
        says = f"The file has {len(file.content)} bytes; wanted at most {service.limits.upload_bytes}."
        raise Refusal(413, says, "request_too_large", "file")
    return file
