"""GET /tts?text=…: an address that is a sound, for `<audio src>`, games and OBS.

The same address is always the same speech, so that a player which asks for its parts (Safari) gets parts of one.
"""

import hashlib
from collections import OrderedDict

from starlette.requests import Request
from starlette.responses import Response

from ...limits import Refusal
from ...service import Service
from ...voices import VoiceSource
from ..answers.ranges import whole_answer
from ..answers.speech import SpeechResponse, WholeSpeech
from ..answers.wrapping import Bare
from ..requests.fields import QueryFields
from ..requests.spoken import delivery_of, form_of, is_whole

MOST_KEPT_BYTES = 32_000_000
_HEADERS = {"Cache-Control": "no-cache"}
_SEED = "0"


class Recent:
    """The speeches that were last made as a whole, up to so many bytes."""

    def __init__(self, max_bytes: int = MOST_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._contents: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        if key in self._contents:
            self._contents.move_to_end(key)
        return self._contents.get(key)

    def clear(self) -> None:
        """Forget all: a voice that a text calls may be another one now."""
        self._contents.clear()

    def put(self, key: str, content: bytes) -> None:
        self._contents[key] = content
        while sum(map(len, self._contents.values())) > self._max_bytes:
            self._contents.popitem(last=False)


async def listen(request: Request) -> Response:
    """Speech of `text` in `voice`, by default the server's, in `format`, by default WAV.

    All of it is made before any is sent where the text is short, or a part of it is asked for (Range).
    """
    service: Service = request.app.state.service
    fields = QueryFields({"seed": _SEED, **request.query_params, "response_format": _format(request)})
    text = service.require_text(fields.required("text"), "text")
    if fields.switch("return_timing") or fields.text("stream_format") not in (None, "audio"):
        sentence = "GET /tts answers with sound alone; the times of words come with POST /v1/audio/speech."
        raise Refusal(400, sentence, "invalid_value", "return_timing")
    voice = _voice(fields, service)
    form, media_type = form_of(fields, service)
    as_whole = _is_in_parts(request, text, service) or is_whole(fields, text, form, service)
    delivery = delivery_of(fields, service, as_whole=as_whole)
    if request.method == "HEAD":
        head = Response(None, 200, _HEADERS | {"Accept-Ranges": "bytes"}, media_type)
        del head.headers["content-length"]  # which only the speech itself would tell
        return head
    if not as_whole:
        return SpeechResponse(service.speech(text, voice, form, delivery), Bare(media_type), _HEADERS)
    recent: Recent = request.app.state.recent
    key = hashlib.sha256(repr((text, voice.key, form, delivery)).encode()).hexdigest()
    if (content := recent.get(key)) is not None:
        return whole_answer(request.scope, content, media_type, _HEADERS)
    speech = service.speech(text, voice, form, delivery)
    return WholeSpeech(speech, Bare(media_type), _HEADERS, lambda content: recent.put(key, content))


def _format(request: Request) -> str | None:
    params = request.query_params
    return params.get("format") or params.get("response_format") or "wav"


def _voice(fields: QueryFields, service: Service) -> VoiceSource:
    name = fields.text("voice")
    return service.voices.named(name) if name else service.voices.default


def _is_in_parts(request: Request, text: str, service: Service) -> bool:
    return "range" in request.headers and len(text) <= service.limits.whole_characters
