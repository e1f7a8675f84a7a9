"""How a caller wants a text spoken, and what is handed to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..audio.samples import Samples
from ..language.prompts import Gaps
from ..language.reading import Reading
from ..model import TTSModel
from ..timing.letters import Word
from ..timing.timestamps import TimedAudio


@dataclass(frozen=True)
class Delivery:
    """What one caller may choose, beside the text and the voice. The defaults are the model's own."""

    speed: float = 1.0  # times the natural pace, in the same pitch
    seed: int | None = None  # of the noise: the same speech each time
    temperature: float | None = None  # variance of the noise
    with_words: bool = False  # tell when each word is spoken
    reading: Reading | None = None  # of the text
    as_whole: bool = False  # in one piece, whose header knows its length
    ssml: bool | None = None  # whether the text is a document of SSML; None: where it begins as one
    gaps: Gaps | None = None  # silence after sentences and paragraphs
    loudness: float | None = None  # in LUFS, of every voice

    def model(self, model: TTSModel) -> TTSModel:
        """The model as this caller wants it: the same weights."""
        if self.reading is not None:
            model = replace(model, reading=self.reading)
        if self.gaps is not None:
            model = replace(model, gaps=self.gaps)
        if self.loudness is not None:
            model = replace(model, loudness=self.loudness)
        if self.temperature is None:
            return model
        return replace(model, sampling=replace(model.sampling, temperature=self.temperature))

    def noise(self) -> np.random.Generator | None:
        """What the whole speech draws from."""
        return None if self.seed is None else np.random.default_rng(self.seed)


@dataclass(frozen=True)
class Spoken:
    """A piece of speech as bytes of some format, and the words that it made certain, in seconds from the beginning."""

    content: bytes
    words: tuple[Word, ...] = ()


class WordsTold:
    """The words of one speech on their way around the encoder, which takes sound alone."""

    def __init__(self, rate_hz: int, speed: float) -> None:
        self._rate_hz = rate_hz
        self._speed = speed
        self._n_samples = 0  # heard, at the natural pace
        self._begin_s = 0.0  # of the script that is spoken
        self._words: list[Word] = []

    def begin_script(self) -> None:
        """From here on, words are counted from the next sample."""
        self._begin_s = self._n_samples / self._rate_hz

    def samples_of(self, pieces: Iterable[TimedAudio | Samples]) -> Iterator[Samples]:
        """The sound of the pieces; their words are kept until they are taken."""
        for piece in pieces:
            samples = piece.samples if isinstance(piece, TimedAudio) else piece
            if isinstance(piece, TimedAudio):
                self._words += map(self._as_heard, piece.words)
            self._n_samples += len(samples)
            yield samples

    def taken(self) -> tuple[Word, ...]:
        """The words that were told since this was last called."""
        words, self._words = tuple(self._words), []
        return words

    def _as_heard(self, word: Word) -> Word:
        start_s, end_s = ((self._begin_s + at_s) / self._speed for at_s in (word.start_s, word.end_s))
        return Word(word.text, start_s, end_s)
