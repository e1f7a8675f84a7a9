"""When each word is spoken: told while the speech is made, as soon as it is certain.

It is read off the attention heads that a configuration names as `timestamp_heads`. Those of the released models were
found by the project pocket-tts-timestamped (github.com/dpm63/pocket-tts-timestamped), with the weights of 2026-01 to
2026-09; those of the built-in voice by `python -m tools.voice.align_heads`.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from ..conditioners.script import Script
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


@dataclass(frozen=True)
class Mark:
    """A place of a text that was given a name, and when it is reached, in seconds from the first sample."""

    name: str
    time_s: float


@dataclass(frozen=True, eq=False, repr=False)
class TimedAudio:
    """A piece of speech, and the words that it made certain: most of them were spoken up to half a second before.

    Attributes:
        samples: float32 [n] at the model's sample rate; none in a last piece that only brings words.
        words: in order, with their times in seconds from the first sample of the speech.
        marks: those that stand beside these words.
    """

    samples: np.ndarray
    words: tuple[Word, ...]
    marks: tuple[Mark, ...] = ()

    def __repr__(self) -> str:
        return f"<TimedAudio: {len(self.samples)} samples, {len(self.words)} words>"

    @classmethod
    def joined(cls, pieces: Iterable["TimedAudio"]) -> "TimedAudio":
        """A whole speech from its pieces."""
        samples, words, marks = [np.zeros(0, np.float32)], list[Word](), list[Mark]()
        for piece in pieces:
            samples.append(piece.samples)
            words += piece.words
            marks += piece.marks
        return cls(np.concatenate(samples), tuple(words), tuple(marks))


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


class Timeline:
    """When speech is heard that was made: parts of it faster or slower than it was made, none after another."""

    def __init__(self) -> None:
        self._made_s, self._heard_s, self._speeds = [0.0], [0.0], [1.0]

    def go_on(self, made_s: float, speed: float) -> None:
        """From `made_s` on, it is heard so many times faster."""
        if speed != self._speeds[-1]:
            self._heard_s.append(self.heard(made_s))
            self._made_s.append(made_s)
            self._speeds.append(speed)

    def heard(self, made_s: float) -> float:
        """The time of hearing, of a time of making."""
        i = bisect_right(self._made_s, made_s) - 1
        return self._heard_s[i] + (made_s - self._made_s[i]) / self._speeds[i]


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
    """Tells the words of one speech, script by script: `read` each script, and hand what is heard of it to `timed`.

    Whoever performs the scripts calls `follow`, `hear` and `end_chunk`.
    """

    def __init__(self, heads: Sequence[TimestampHead], tokenizer: Tokenizer, rate_hz: int, frame_samples: int) -> None:
        self._heads, self._tokenizer = heads, tokenizer
        self._rate_hz, self._frame_samples = rate_hz, frame_samples
        self._words: list[_Place] = []
        self._chunks: list[list[Letter]] = []
        self._n_told = 0
        self._n_chunks = 0
        self._times: list[tuple[float, float]] = []  # of the letters that are spoken, as far as certain
        self._n_letters = 0  # of all scripts
        self._speech: _Speech | None = None
        self._n_samples = 0  # as they were made
        self._loudness = Loudness(rate_hz)
        self._timeline = Timeline()
        self._last_s = 0.0  # the end of the last word told

    def read(self, script: Script) -> None:
        """Take what is spoken next: its drafts hold what the user wrote, and how it is said."""
        words, chunks = _places(self._tokenizer, script, self._n_letters)
        self._words += words
        self._chunks += chunks
        self._n_letters += sum(map(len, chunks))

    def timed(self, speech: Generator[np.ndarray]) -> Generator[TimedAudio]:
        """The same samples, with the words."""
        with closing(speech):
            for samples in speech:
                yield TimedAudio(samples, *self._tell())
        words, marks = self._tell()
        if words:
            yield TimedAudio(np.zeros(0, np.float32), words, marks)

    def follow(self, flow_lm: FlowLM, state: KVCache, n_tokens: int) -> TextEar:
        """What listens to the language model in the next chunk, whose `n_tokens` tokens `state` has just read."""
        ear = TextEar.after_text(flow_lm.transformer, self._heads, state, n_tokens)
        spoken = self._chunks[self._n_chunks]
        self._speech = _Speech(self._n_samples, ear.rows, TextPath(n_tokens), spoken)
        self._n_chunks += 1
        return ear

    def hear(self, samples: np.ndarray, speed: float) -> None:
        """What was made next [n], and how many times faster it is heard."""
        self._timeline.go_on(self._n_samples / self._rate_hz, speed)
        self._loudness.hear(samples)
        self._n_samples += len(samples)
        if self._speech is not None:
            speech = self._speech
            n_frames = (self._n_samples - speech.start_samples) // self._frame_samples
            for row in speech.rows[speech.n_read : n_frames]:  # the language model may be ahead
                speech.path.advance(row.mean(axis=0))
            speech.n_read = n_frames
            self._time_letters(speech)

    def end_chunk(self) -> None:
        """All of the chunk was said and heard."""
        assert self._speech is not None
        self._speech.path.finish()
        self._time_letters(self._speech)
        self._speech = None

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

    def _tell(self) -> tuple[tuple[Word, ...], tuple[Mark, ...]]:
        """The words that are certain and were not told yet, and the marks beside them."""
        words: list[Word] = []
        marks: list[Mark] = []
        while self._n_told < len(self._words) and self._words[self._n_told].end <= len(self._times):
            place = self._words[self._n_told]
            start_s = end_s = self._last_s
            if place.first < place.end:  # else nothing of it is spoken
                first, last = self._times[place.first], self._times[place.end - 1]
                start_s, end_s = self._loudness.without_silence(first[0], last[1])
            start_s, end_s = max(start_s, self._last_s), max(end_s, self._last_s)
            words.append(Word(place.text, self._timeline.heard(start_s), self._timeline.heard(end_s)))
            marks += (Mark(name, words[-1].start_s) for name in place.marks_before)
            marks += (Mark(name, words[-1].end_s) for name in place.marks_after)
            self._last_s = end_s
            self._n_told += 1
        return tuple(words), tuple(marks)


@dataclass(frozen=True)
class _Place:
    """A word, which of all spoken letters say it, and the marks at both of its ends."""

    text: str
    first: int
    end: int
    marks_before: tuple[str, ...]
    marks_after: tuple[str, ...]


def _places(tokenizer: Tokenizer, script: Script, n_before: int) -> tuple[list[_Place], list[list[Letter]]]:
    """The words of a script, before which so many letters are spoken; the letters of each of its chunks."""
    chunks = [spoken_letters(tokenizer, chunk.ids) for chunk in script.chunks]
    starts = [[start for start, _ in word_spans(draft.written)] for draft in script.drafts]
    words = [word for draft in script.drafts for word in words_of(draft.written)]
    said = [
        letters(share) for draft, begun in zip(script.drafts, starts, strict=True) for share in draft.said_for(begun)
    ]
    marks = [
        beside for draft, given in zip(script.drafts, script.marks, strict=True) for beside in _marks(draft, given)
    ]
    found = spans("".join(said), "".join(spelled for spelled, _ in chunks))
    places = []
    n_letters = end = 0
    for word, of_word, beside in zip(words, said, marks, strict=True):
        places_of_word = found[n_letters : n_letters + len(of_word)]
        n_letters += len(of_word)
        first, end = (places_of_word[0][0], places_of_word[-1][1]) if of_word else (end, end)
        places.append(_Place(word, n_before + first, n_before + end, *beside))
    return places, [spoken for _, spoken in chunks]


def _marks(draft: Draft, marks: Sequence[tuple[int, str]]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """For each word of a draft, the marks before it, and those after it where no word follows."""
    spans = word_spans(draft.written)
    before: list[list[str]] = [[] for _ in spans]
    after: list[list[str]] = [[] for _ in spans]
    for place, name in marks:
        following = bisect_left([end for _, end in spans], place + 1)
        if following < len(spans):
            before[following].append(name)
        elif spans:
            after[-1].append(name)
    return [(tuple(b), tuple(a)) for b, a in zip(before, after, strict=True)]
