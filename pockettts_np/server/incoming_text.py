"""A text that one client writes while it is spoken."""

import queue
from collections.abc import Iterator

from .limits import Refusal, require_characters
from .turns import Turn


class IncomingText:
    """Text that a coroutine writes and a job reads: what is there at once, until `close`."""

    def __init__(self, max_characters: int) -> None:
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._n_characters_left = max_characters
        self.is_awaited = False  # all that is written was spoken

    def write(self, text: object) -> None:
        """Go on. Refusal: no text, or it becomes too long."""
        text = require_characters(text, "text")
        self._n_characters_left -= len(text)
        if self._n_characters_left < 0:
            raise Refusal(400, "The text is too long; send it in parts.", "string_above_max_length")
        if text:
            self._pieces.put(text)

    def close(self) -> None:
        """The text is complete, or nobody wants it any more."""
        self._pieces.put(None)

    def pieces(self, turn: Turn) -> Iterator[str]:
        """For the job: what is written, as it comes. While there is nothing, others work."""
        while (piece := self._next(turn)) is not None:
            yield piece

    def _next(self, turn: Turn) -> str | None:
        try:
            return self._pieces.get_nowait()
        except queue.Empty:
            with turn.idle():
                self.is_awaited = True
                piece = self._pieces.get()
                self.is_awaited = False
            return piece
