"""The answer to a request for speech, whichever path it comes by."""

from starlette.responses import Response

from ...limits import Refusal
from ...service import Service
from ...voices import VoiceSource
from ..answers.speech import NOT_STORED, SpeechResponse, WholeSpeech
from ..answers.wrapping import Bare, Events
from ..requests.fields import Fields
from ..requests.spoken import delivery_of, form_of, is_whole


def speech_answer(
    service: Service,
    fields: Fields,
    text: str,
    voice: VoiceSource,
    default_form: str = "mp3",
    file_stem: str | None = None,
) -> Response:
    """Speech in the format asked for, as sound or as events, sent as it is made or as a whole; a browser saves it under
    `file_stem`. Refusal 400."""
    form, media_type = form_of(fields, service, default_form)
    as_events = fields.one_of("stream_format", ("audio", "sse"), "audio") == "sse"
    with_words = bool(fields.switch("return_timing"))
    if with_words and not as_events:
        sentence = 'return_timing needs "stream_format": "sse": sound alone has no room for the times of words.'
        raise Refusal(400, sentence, "invalid_value", "return_timing")
    as_whole = is_whole(fields, text, "" if as_events else form, service)
    speech = service.speech(text, voice, form, delivery_of(fields, service, with_words, as_whole))
    if as_events:
        return SpeechResponse(speech, Events(with_words))
    headers = dict(NOT_STORED)
    if file_stem is not None:
        suffix = fields.get("response_format") or default_form
        headers["Content-Disposition"] = f"attachment; filename={file_stem}.{suffix}"
    return (WholeSpeech if as_whole else SpeechResponse)(speech, Bare(media_type), headers)
