"""One model that many callers speak with: their texts and voices in, pieces of sound out."""

import threading
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace

from ..audio.effects import closing_silence, processed
from ..audio.encoding import encoded
from ..audio.samples import Samples
from ..model import TTSModel
from .jobs import JobQueue
from .limits import Limits, Refusal
from .voices import Voices, VoiceSource


class Service:
    """The model, its voices, and the queue where its work waits."""

    def __init__(self, model: TTSModel, voices: Voices, limits: Limits) -> None:
        self._models = {True: model, False: replace(model, threads=1)}  # by whether it has the cores for itself
        self.model = model
        self.voices = voices
        self.limits = limits
        self.jobs = JobQueue(limits.n_workers, limits.n_waiting)

    def require_text(self, text: object, param: str) -> str:
        """The text of a request. Refusal 400: no text, nothing in it, or too much."""
        text = require_characters(text, param)
        if not text.strip():
            raise Refusal(400, f"{param} is empty: there is nothing to say.", "empty_text", param)
        longest = self.limits.text_characters
        if len(text) > longest:
            sentence = f"{param} has {len(text)} characters; wanted at most {longest}. Send it in parts."
            raise Refusal(400, sentence, "string_above_max_length", param)
        return text

    def speech(
        self, text: str | Iterable[str], voice: VoiceSource, form: str, speed: float = 1.0
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Bytes of speech in one of `audio.encoding.FORMATS`, once it is this request's turn; none before the first
        sound.

        A text in pieces is spoken sentence by sentence; waiting for a piece must end when the block is left. Errors
        as `refusal_of` knows them.
        """
        return self.jobs.results(lambda stop: self._speech(text, voice, form, speed, stop))

    def _speech(
        self, text: str | Iterable[str], voice: VoiceSource, form: str, speed: float, stop: threading.Event
    ) -> Generator[bytes]:
        rate_hz = self.model.sample_rate
        with closing(self._sound(text, voice, stop)) as blocks:
            yield from encoded(_with_silence(processed(blocks, rate_hz, speed=speed), rate_hz), form, rate_hz)

    def _sound(self, text: str | Iterable[str], voice: VoiceSource, stop: threading.Event) -> Generator[Samples]:
        state = self.voices.state(voice, stop)
        model = self._models[self.jobs.n_running == 1]
        script = model.script(text) if isinstance(text, str) else None
        if script and all(len(chunk.ids) <= self.limits.chunk_tokens for chunk in script.chunks):
            blocks = model.generate_audio_stream(state, script, stop=stop)
        else:  # a chunk without punctuation would be spoken from one cache: this cuts between words where it must
            blocks = model.generate_from(state, text, stop=stop)
        with closing(blocks):
            yield from blocks


def require_characters(text: object, param: str) -> str:
    """`text` as a string of characters. Refusal 400: it is none."""
    if text is None:
        raise Refusal(400, f"{param} is missing.", "missing_required_parameter", param)
    if not isinstance(text, str):
        raise Refusal(400, f"{param} is a {type(text).__name__}; wanted a string.", "invalid_type", param)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Refusal(400, f"{param} holds half of a surrogate pair; send whole characters.", "bad_text", param)
    return text


def _with_silence(blocks: Generator[Samples], rate_hz: int) -> Generator[Samples]:
    yield from blocks
    yield closing_silence(rate_hz)
