"""One model that many callers speak with: their texts and voices in, pieces of sound out."""

import io
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractAsyncContextManager, closing, suppress
from dataclasses import replace

from ..audio.effects import closing_silence, processed
from ..audio.encoding import encoded, open_sink
from ..audio.samples import Samples
from ..conditioners.script import Script
from ..language.pauses import Pause, require_bounded
from ..language.ssml.document import begins_as_document, is_document
from ..model import TTSModel
from .delivery import Delivery, Spoken, WordsTold
from .incoming_text import IncomingText
from .jobs import JobQueue
from .limits import Limits, Refusal, require_characters
from .turns import Turn
from .voices import Voices, VoiceSource

_AS_IT_IS = Delivery()


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
        self, text: str | IncomingText, voice: VoiceSource, form: str, delivery: Delivery = _AS_IT_IS
    ) -> AbstractAsyncContextManager[AsyncIterator[Spoken]]:
        """Speech in one of `audio.encoding.FORMATS`, from this request's turn on; none before the first sound.

        A text that is still being written is spoken sentence by sentence; it must be closed when the block is left.
        Errors as `refusal_of` knows them.
        """
        return self.jobs.results(lambda turn: self._speech(text, voice, form, delivery, turn))

    async def require_voice(self, voice: VoiceSource) -> None:
        """Make the voice, when its turn comes. Errors as `refusal_of` knows them."""

        def load(turn: Turn) -> Generator[None]:
            self.voices.state(voice, turn)
            yield None

        async with self.jobs.results(load) as results:
            await anext(results)

    def _speech(
        self, text: str | IncomingText, voice: VoiceSource, form: str, delivery: Delivery, turn: Turn
    ) -> Generator[Spoken]:
        rate_hz = self.model.sample_rate
        told = WordsTold(rate_hz, delivery.speed)
        with closing(self._sound(text, voice, delivery, told, turn)) as blocks:
            heard = _with_silence(processed(blocks, rate_hz, speed=delivery.speed), rate_hz)
            contents = _whole(heard, form, rate_hz) if delivery.as_whole else encoded(heard, form, rate_hz)
            for content in contents:
                yield Spoken(content, told.taken())
        if words := told.taken():
            yield Spoken(b"", words)

    def _sound(
        self, text: str | IncomingText, voice: VoiceSource, delivery: Delivery, told: WordsTold, turn: Turn
    ) -> Generator[Samples]:
        """Speech, one chunk in a turn: between two of them, nothing is held but the voice."""
        models = {is_alone: delivery.model(model) for is_alone, model in self._models.items()}
        noise = delivery.noise()
        with suppress(CancelledError):  # the caller left
            state, pauses = self.voices.state(voice, turn), []
            for script in self._whole_scripts(models[False], text, delivery.ssml, turn):
                pauses += [part for part in script.parts if isinstance(part, Pause)]
                require_bounded(pauses)  # those between sentences and paragraphs among them
                timestamps = self.model.word_clock(script) if delivery.with_words else False
                told.begin_script()
                for part in script.in_turns():
                    model = replace(models[self.jobs.n_running == 1], voices=self.voices.called(state, turn))
                    speech = model.generate_audio_stream(
                        state, part, stop=turn.stop, noise=noise, timestamps=timestamps
                    )
                    with closing(speech) as pieces:
                        yield from told.samples_of(pieces)
                    turn.pass_on()
                    if turn.stop.is_set():
                        return

    def _whole_scripts(
        self, model: TTSModel, text: str | IncomingText, ssml: bool | None, turn: Turn
    ) -> Iterable[Script]:
        if isinstance(text, IncomingText):
            begins, pieces = begins_as_document(text.pieces(turn))
            if not (begins if ssml is None else ssml):
                return model.scripts(pieces)
            text, ssml = "".join(pieces), True
        ssml = is_document(text) if ssml is None else ssml
        script = model.script(text, ssml=ssml)
        for name in script.voices:
            self.voices.named(name)
        longest = self.limits.chunk_tokens
        if all(len(chunk.ids) <= longest for chunk in script.chunks):
            return [script]
        if ssml:
            sentence = f"More than {longest} tokens of the SSML have no punctuation to cut at. Put in full stops."
            raise Refusal(400, sentence, "text_without_punctuation")
        return model.scripts([text])  # which cuts between words where it must


def _whole(blocks: Iterable[Samples], form: str, rate_hz: int) -> Iterator[bytes]:
    """All of a speech in one piece, whose header knows how long it is."""
    file = io.BytesIO()
    with open_sink(file, form, rate_hz) as sink:
        for block in blocks:
            sink.write(block)
    yield file.getvalue()


def _with_silence(blocks: Generator[Samples], rate_hz: int) -> Generator[Samples]:
    yield from blocks
    yield closing_silence(rate_hz)
