"""Wyoming's events: one JSON line each, with data and payload behind it; what they ask for, and what the server is."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from wyoming.event import Event, async_read_event
from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from ...version import __version__
from ..languages import language_code
from ..limits import Refusal
from ..service import Service
from ..voices import VoiceSource

IDLE_SECONDS = 300.0  # for which a client may ask nothing and hear nothing
_KYUTAI = Attribution("Kyutai", "https://github.com/kyutai-labs/pocket-tts")


class BoundedReader:
    """A stream of which no event can ask too much, or be awaited too long once it has begun."""

    def __init__(
        self, reader: asyncio.StreamReader, max_bytes: int, max_seconds: float, is_busy: Callable[[], bool]
    ) -> None:
        """While it `is_busy`, the next event may come at any time."""
        self._reader = reader
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._is_busy = is_busy
        self.has_ended = False

    async def readline(self) -> bytes:
        first = await self._first_byte()
        self.has_ended = not first
        if first in (b"", b"\n"):
            return first
        try:
            return first + await self._in_time(self._reader.readline())
        except ValueError:  # the limit of asyncio
            raise Refusal(413, "An event's line is over 64 kB; send long text as its data.", "too_large") from None

    async def readexactly(self, n_bytes: int) -> bytes:
        if n_bytes > self._max_bytes:
            raise Refusal(413, f"An event announces {n_bytes} bytes; wanted {self._max_bytes} at most.", "too_large")
        return await self._in_time(self._reader.readexactly(n_bytes))

    async def _first_byte(self) -> bytes:
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    return await self._reader.read(1)
            except TimeoutError:
                if not self._is_busy():
                    raise Refusal(408, f"Nothing was asked for {IDLE_SECONDS:g} seconds.", "request_timeout") from None

    async def _in_time(self, reading: Coroutine[Any, Any, bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._max_seconds):
                return await reading
        except TimeoutError:
            sentence = f"The rest of an event did not come within {self._max_seconds:g} seconds."
            raise Refusal(408, sentence, "request_timeout") from None


async def next_event(reader: BoundedReader) -> Event | None:
    """The next event, or None at the end of them. Refusal: what comes is no event."""
    try:
        event = await async_read_event(reader)  # type: ignore[arg-type]  # of the two methods that it uses
    except (KeyError, TypeError, AttributeError, RecursionError):
        event = None
    if event is None and reader.has_ended:
        return None
    if event is None or not (event.type and isinstance(event.type, str) and isinstance(event.data, dict)):
        raise Refusal(400, "That is not a Wyoming event.", "bad_event")
    return event


def is_ssml(event: Event) -> bool | None:
    """Whether the text is a document of SSML; None where the client does not say. Refusal 400: it is something else."""
    form = event.data.get("text_format")
    if form not in (None, "text", "ssml"):
        raise Refusal(400, f"text_format is {str(form)[:50]!r}; wanted text or ssml.", "invalid_value", "text_format")
    return None if form is None else form == "ssml"


def voice_of(event: Event, service: Service) -> VoiceSource:
    """The voice by its name; a language alone is that of the model."""
    voice: Any = event.data.get("voice") or {}
    name = voice.get("name") if isinstance(voice, dict) else voice
    if name is None:
        return service.voices.default
    if not isinstance(name, str):
        raise Refusal(400, "The voice's name is not a string.", "invalid_type", "voice")
    return service.voices.named(name)


def info_of(service: Service) -> Info:
    """What Home Assistant shows."""
    model = service.model.config.name
    language = language_code(model) or "en"
    voices = [
        TtsVoice(
            name=name,
            attribution=_KYUTAI,
            installed=True,
            description=name,
            version=None,
            languages=[language],
        )
        for name in service.voices.names()
    ]
    program = TtsProgram(
        name="pockettts-np",
        attribution=_KYUTAI,
        installed=True,
        description=f"Pocket TTS, model {model}",
        version=__version__,
        voices=voices,
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program])
