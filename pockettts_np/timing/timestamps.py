"""When each word is spoken: told while the speech is made, as soon as it is certain.

It is read off the attention heads that a configuration names as `timestamp_heads`. Those of the released models were
found by the project pocket-tts-timestamped (github.com/dpm63/pocket-tts-timestamped), with the weights of 2026-01 to
2026-09; those of the built-in voice by `python -m tools.voice.align_heads`.
"""

import math
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from ..conditioners.tokenizer.protocol import Tokenizer
from ..config.config import TimestampHead
from ..language.rules import Draft
from ..models.flow_lm import FlowLM
from ..modules.attention import KVCache
from .alignment import TextEar, TextPath
from .letters import Letter, Word, letters, spans, spoken_letters, word_spans, words_of

HOPS_PER_SECOND = 100  # steps in which loudness is measured
SILENT_DB = -30.0  # beside the loudest step of a word
CLOSURE_HOPS = 8  # silence shorter than 80 ms at the end of a word belongs to it, as in a t that is not released


@dataclass(frozen=True, eq=False, repr=False)
class TimedAudio:
    """A piece of speech, and the words that it made certain: most of them were spoken up to half a second before.

    Attributes:
        samples: float32 [n] at the model's sample rate; none in a last piece that only brings words.
        words: in order, with their times in seconds from the first sample of the speech.
    """

    samples: np.ndarray
    words: tuple[Word, ...]

    def __repr__(self) -> str:
        return f"<TimedAudio: {len(self.samples)} samples, {len(self.words)} words>"

    @classmethod
    def joined(cls, pieces: Iterable["TimedAudio"]) -> "TimedAudio":
        """A whole speech from its pieces."""
        samples, words = [np.zeros(0, np.float32)], list[Word]()
        for piece in pieces:
            samples.append(piece.samples)
            words += piece.words
        return cls(np.concatenate(samples), tuple(words))


class Loudness:
    """The level of all that was heard, in steps of 10 ms."""

    def __init__(self, rate_hz: int) -> None:
        self._hop_samples = rate_hz // HOPS_PER_SECOND
        self._levels: list[float] = []  # root mean squares
        self._rest = np.zeros(0, np.float32)  # less than a step

    def hear(self, samples: np.ndarray) -> None:
        samples = np.concatenate([self._rest, samples])
        n_hops = len(samples) // self._hop_samples
        hops, self._rest = np.split(samples, [n_hops * self._hop_samples])
        squares = np.square(hops.reshape(n_hops, self._hop_samples), dtype=np.float64)
        self._levels += np.sqrt(squares.mean(axis=1)).tolist()

    def without_silence(self, start_s: float, end_s: float) -> tuple[float, float]:
        """The part of a word that is heard, less the silence before it, and after it where that is long."""
        first = math.ceil(start_s * HOPS_PER_SECOND - 1e-6)
        levels = np.array(self._levels[first : math.floor(end_s * HOPS_PER_SECOND + 1e-6)])
        if len(levels) == 0:
            return start_s, end_s
        heard = np.flatnonzero(levels >= levels.max() * 10 ** (SILENT_DB / 20))
        if heard[0] > 0:
            start_s = (first + int(heard[0])) / HOPS_PER_SECOND
        if len(levels) - 1 - heard[-1] >= CLOSURE_HOPS:
            end_s = (first + int(heard[-1]) + 1) / HOPS_PER_SECOND
        return start_s, end_s


@dataclass(eq=False, repr=False)
class _Speech:
    """The chunk that is being spoken."""

    start_samples: int
    rows: list[np.ndarray]
    path: TextPath
    spoken: list[Letter]
    n_read: int = 0  # rows
    n_timed: int = 0  # letters


class WordClock:
    """Tells the words of one utterance, chunk by chunk: `follow` when a chunk begins, `end_chunk` when it was heard."""

    def __init__(
        self,
        heads: Sequence[TimestampHead],
        tokenizer: Tokenizer,
        drafts: Sequence[Draft],
        prompts: Sequence[Sequence[int]],
        rate_hz: int,
        frame_samples: int,
    ) -> None:
        """`drafts` hold what the user wrote, and how it is said; `prompts` are the ids of the chunks that say it."""
        self._heads, self._rate_hz, self._frame_samples = heads, rate_hz, frame_samples
        self._words, self._chunks = _places(tokenizer, drafts, prompts)
        self._n_told = 0
        self._n_chunks = 0
        self._times: list[tuple[float, float]] = []  # of the letters that are spoken, as far as certain
        self._speech: _Speech | None = None
        self._n_samples = 0
        self._loudness = Loudness(rate_hz)
        self._last_s = 0.0  # the end of the last word told

    def timed(self, speech: Generator[np.ndarray]) -> Generator[TimedAudio]:
        """The same samples, with the words."""
        with closing(speech):
            for samples in speech:
                yield TimedAudio(samples, self._hear(samples))
        if words := self._tell():
            yield TimedAudio(np.zeros(0, np.float32), words)

    def follow(self, flow_lm: FlowLM, state: KVCache, n_tokens: int) -> TextEar:
        """What listens to the language model in the next chunk, whose `n_tokens` tokens `state` has just read."""
        ear = TextEar.after_text(flow_lm.transformer, self._heads, state, n_tokens)
        spoken = self._chunks[self._n_chunks]
        self._speech = _Speech(self._n_samples, ear.rows, TextPath(n_tokens), spoken)
        self._n_chunks += 1
        return ear

    def end_chunk(self) -> None:
        """All of the chunk was said and heard."""
        assert self._speech is not None
        self._speech.path.finish()
        self._time_letters(self._speech)
        self._speech = None

    def _hear(self, samples: np.ndarray) -> tuple[Word, ...]:
        self._loudness.hear(samples)
        self._n_samples += len(samples)
        if self._speech is not None:
            speech = self._speech
            n_frames = (self._n_samples - speech.start_samples) // self._frame_samples
            for row in speech.rows[speech.n_read : n_frames]:  # the language model may be ahead
                speech.path.advance(row.mean(axis=0))
            speech.n_read = n_frames
            self._time_letters(speech)
        return self._tell()

    def _time_letters(self, speech: _Speech) -> None:
        bounds, frame_s = speech.path.bounds, self._frame_samples / self._rate_hz
        for letter in speech.spoken[speech.n_timed :]:
            if letter.token + 1 >= len(bounds):
                break
            begin, end = bounds[letter.token : letter.token + 2]
            start_s = speech.start_samples / self._rate_hz + begin * frame_s
            token_s = (end - begin) * frame_s
            self._times.append((start_s + letter.begin * token_s, start_s + letter.end * token_s))
            speech.n_timed += 1

    def _tell(self) -> tuple[Word, ...]:
        """The words that are certain and were not told yet."""
        told: list[Word] = []
        while self._n_told < len(self._words) and self._words[self._n_told][2] <= len(self._times):
            text, first, end = self._words[self._n_told]
            start_s = end_s = self._last_s
            if first < end:  # else nothing of it is spoken
                start_s, end_s = self._loudness.without_silence(self._times[first][0], self._times[end - 1][1])
            told.append(Word(text, max(start_s, self._last_s), max(end_s, self._last_s)))
            self._last_s = told[-1].end_s
            self._n_told += 1
        return tuple(told)


def _places(
    tokenizer: Tokenizer, drafts: Sequence[Draft], prompts: Sequence[Sequence[int]]
) -> tuple[list[tuple[str, int, int]], list[list[Letter]]]:
    """Each word with the spoken letters, from and to, that say it; the letters of each prompt."""
    chunks = [spoken_letters(tokenizer, ids) for ids in prompts]
    words = [word for draft in drafts for word in words_of(draft.written)]
    said = [
        letters(words)
        for draft in drafts
        for words in draft.said_for([start for start, _ in word_spans(draft.written)])
    ]
    found = spans("".join(said), "".join(spelled for spelled, _ in chunks))
    places = []
    n_letters = end = 0
    for word, of_word in zip(words, said, strict=True):
        places_of_word = found[n_letters : n_letters + len(of_word)]
        n_letters += len(of_word)
        first, end = (places_of_word[0][0], places_of_word[-1][1]) if of_word else (end, end)
        places.append((word, first, end))
    return places, [spoken for _, spoken in chunks]
