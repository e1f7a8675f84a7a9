"""How pieces of speech are wrapped: as they are, as server-sent events, or as the lines of Kokoro-FastAPI."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ....timing.letters import Word
from ...delivery import Spoken
from ...limits import Refusal
from .refusals import in_openai_form


class Wrapping(Protocol):
    """The form of a body that grows."""

    @property
    def media_type(self) -> str:
        """Of the body."""

    def piece(self, spoken: Spoken) -> bytes:
        """A piece of speech, as it is sent."""

    def end(self) -> bytes:
        """What says that all was sent."""

    def error(self, refusal: Refusal) -> bytes | None:
        """What says that no more comes, too late for a status. None: the body cannot say it, and stays without end."""


@dataclass(frozen=True)
class Bare:
    """The bytes of the speech alone."""

    media_type: str

    def piece(self, spoken: Spoken) -> bytes:
        return spoken.content

    def end(self) -> bytes:
        return b""

    def error(self, refusal: Refusal) -> bytes | None:
        return None


@dataclass(frozen=True)
class Events:
    """OpenAI's server-sent events, with the words where they are asked for."""

    with_words: bool = False
    media_type: str = "text/event-stream"

    def piece(self, spoken: Spoken) -> bytes:
        words = {"words": as_objects(spoken.words)} if self.with_words else {}
        return _event({"type": "speech.audio.delta", "audio": in_base64(spoken.content), **words})

    def end(self) -> bytes:
        return _event({"type": "speech.audio.done"})

    def error(self, refusal: Refusal) -> bytes | None:
        return _event({"type": "error", **in_openai_form(refusal)})


@dataclass(frozen=True)
class Captions:
    """The JSON objects of Kokoro-FastAPI's captioned speech, one a line."""

    audio_format: str  # the media type of the speech in them
    with_words: bool = True
    media_type: str = "application/json"

    def piece(self, spoken: Spoken) -> bytes:
        words = [
            {"word": word.text, "start_time": round(word.start_s, 3), "end_time": round(word.end_s, 3)}
            for word in spoken.words
        ]
        timestamps = words if self.with_words else None
        caption = {"audio": in_base64(spoken.content), "audio_format": self.audio_format, "timestamps": timestamps}
        return json.dumps(caption).encode() + b"\n"

    def end(self) -> bytes:
        return b""

    def error(self, refusal: Refusal) -> bytes | None:
        return None


def as_objects(words: Iterable[Word], begin_s: float = 0.0) -> list[dict[str, object]]:
    """Words as OpenAI's transcriptions have them: the word as it was written, and seconds, `begin_s` later."""
    return [
        {"word": word.text, "start": round(begin_s + word.start_s, 3), "end": round(begin_s + word.end_s, 3)}
        for word in words
    ]


def in_base64(content: bytes) -> str:
    """Bytes in a text."""
    return base64.b64encode(content).decode()


def _event(event: dict[str, object]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()
