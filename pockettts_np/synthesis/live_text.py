"""Speech of a text that is still being written, by the thread that listens: sentence after sentence."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

from ..conditioners.script import Script
from ..language.markdown.passages import Passages
from ..language.pauses import AS_IT_IS, Manner, Pause
from ..language.prompts import NO_GAPS, Gaps, Prompt
from ..language.sentences import Sentences

MAX_WAITING = 1000  # sentences and pauses written ahead

Item = str | Pause | Manner  # what is spoken in one go, or stands between


@dataclass(frozen=True)
class Prompter:
    """Cuts a text into what the model reads in one go."""

    count_tokens: Callable[[str], int]
    max_tokens: int  # longest prompt
    passages: Callable[[], Passages | None] = field(default=lambda: None, kw_only=True)  # take marks out of a text
    gaps: Gaps = field(default=NO_GAPS, kw_only=True)

    def sentences(self) -> Sentences:
        """A new text."""
        return Sentences(self.count_tokens, self.max_tokens, self.passages(), self.gaps)

    def joined(self, first: Item, second: Item) -> str | None:
        """Both sentences as one prompt, or None: they do not fit, or one is no sentence."""
        if not (isinstance(first, str) and isinstance(second, str)):
            return None
        both = f"{first} {second}"
        return both if self.count_tokens(both) <= self.max_tokens else None

    def next_prompt(self, waiting: deque[Item]) -> Item:
        """Take what comes next, and with a sentence the next ones that fit into one prompt with it."""
        first = waiting.popleft()
        while waiting and (both := self.joined(first, waiting[0])) is not None:
            first = both
            waiting.popleft()
        return first


class LiveScripts:
    """Makes scripts of the items of one text, in the manner that stands."""

    def __init__(self, make: Callable[[list[Prompt | Pause]], Script]) -> None:
        self._make = make
        self._manner = AS_IT_IS

    def script(self, item: Item) -> Script | None:
        """Fading out at the end: whether a pause follows is not known yet. None for a change of the manner."""
        if isinstance(item, Manner):
            self._manner = item
            return None
        return self._make([item if isinstance(item, Pause) else Prompt(item, self._manner), Pause(Fraction(0))])


@dataclass(frozen=True)
class Speaker(Prompter):
    """A voice, ready to speak one item after another: samples, float32 [n], or these with words."""

    speak: Callable[[Item, threading.Event], Generator[Any]]


def prompts(prompter: Prompter, pieces: Iterable[str]) -> Iterator[Item]:
    """What to speak in one go each of a text in pieces. It is cut no further than to the sentence after the prompt that
    is asked for, and a piece is taken only when the one before it is used up."""
    sentences = prompter.sentences()
    for piece, last in _with_end(pieces):
        held: Item | None = None
        for item in sentences.feed(piece, last):
            both = None if held is None else prompter.joined(held, item)
            if held is not None and both is None:
                yield held
            held = both or item
        if held is not None:
            yield held


def speak_pieces(speaker: Speaker, pieces: Iterable[str], stop: threading.Event) -> Generator[Any]:
    """Speech of a text in pieces, of which one is taken only when all before it is spoken."""
    for prompt in prompts(speaker, pieces):
        yield from speaker.speak(prompt, stop)
        if stop.is_set():
            return


def _with_end(pieces: Iterable[str]) -> Iterable[tuple[str, bool]]:
    for piece in pieces:
        yield piece, False
    yield "", True


class SpeechStream:
    """A text being written and its speech: one thread writes, another iterates over its sound.

    A complete sentence is spoken at once, those that are complete meanwhile together as far as they fit into a prompt.
    `with` closes the text at the end of the block; an error in the block is raised in the iteration too, once what is
    complete is spoken. An error in the iteration is raised in the next `write`, and where the listener has left or
    cancelled, `write` raises `concurrent.futures.CancelledError`, which ends the block and goes no further.
    """

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._sentences = speaker.sentences()
        self._writing = threading.Lock()
        self._changed = threading.Condition()  # guards all below
        self._waiting: deque[Item] = deque()
        self._closed = False  # nothing more is written
        self._writer_error: Exception | None = None
        self._heard = False  # somebody listens, or did
        self._ended = threading.Event()  # nobody listens any more
        self._listener_error: Exception | None = None

    def write(self, text: str) -> None:
        """Go on with the text, in pieces of any size. Waits while 1000 sentences are ahead of the speech.

        Raises:
            ValueError: the text is closed.
            RuntimeError: 1000 sentences are waiting, and nobody has begun to listen.
            CancelledError: nobody listens any more. Any other error is that of the listener.
        """
        self._require_open()
        self._feed(text, complete=False)

    def flush(self) -> None:
        """What is written is complete: speak it without waiting for more."""
        self._require_open()
        self._feed("", complete=True)

    def close(self) -> None:
        """The text is complete: the iteration ends when it is spoken."""
        if self._closed or self._ended.is_set():
            return
        self._feed("", complete=True)
        self._close(None)

    def cancel(self) -> None:
        """Say no more: the iteration ends within a frame. Any thread may call it at any time."""
        self._end(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self.close()
        elif isinstance(error, CancelledError) and self._ended.is_set():
            return True
        elif isinstance(error, Exception):
            self._close(error)
        else:  # Ctrl-C does not wait for the end of the speech
            self.cancel()
        return False

    def __iter__(self) -> Generator[Any]:
        with self._changed:
            if self._heard:
                raise RuntimeError("This speech has been listened to already; begin another with stream().")
            self._heard = True
            self._changed.notify_all()
        error: Exception | None = None
        try:
            while (item := self._next()) is not None:
                with closing(self._speaker.speak(item, self._ended)) as speech:
                    for sound in speech:
                        if self._ended.is_set():
                            return
                        yield sound
        except Exception as raised:
            error = raised
            raise
        finally:
            self._end(error)

    def _next(self) -> Item | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed or self._ended.is_set())
            if self._ended.is_set():
                return None
            if self._waiting:
                item = self._speaker.next_prompt(self._waiting)
                self._changed.notify_all()
                return item
            if self._writer_error is not None:
                raise self._writer_error
            return None

    def _feed(self, text: str, complete: bool) -> None:
        try:
            with self._writing:
                for item in self._sentences.feed(text, complete):
                    self._put(item)
        except Exception as error:
            self._close(error)
            raise

    def _put(self, item: Item) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < MAX_WAITING or not self._heard or self._ended.is_set())
            self._require_open()
            if len(self._waiting) >= MAX_WAITING:
                raise RuntimeError(
                    f"{MAX_WAITING} sentences are written and nobody listens: iterate over the speech in another "
                    "thread, or use generate_from."
                )
            self._waiting.append(item)
            self._changed.notify_all()

    def _require_open(self) -> None:
        if self._listener_error is not None:
            raise self._listener_error
        if self._closed:
            raise ValueError("The text of this speech is closed; begin another with stream().")
        if self._ended.is_set():
            raise CancelledError("Nobody listens to this speech any more: it was cancelled, or its listener left.")

    def _close(self, error: Exception | None) -> None:
        with self._changed:
            if not self._closed and not self._ended.is_set():
                self._closed, self._writer_error = True, error
            self._changed.notify_all()

    def _end(self, error: Exception | None) -> None:
        with self._changed:
            self._ended.set()
            self._listener_error = self._listener_error or error
            self._changed.notify_all()
