"""A text that one client writes while it is spoken."""

import queue
from collections.abc import Iterator

from .limits import Refusal
from .service import require_characters


class IncomingText:
    """Text that a coroutine writes and a thread reads: what is there at once, until `close`."""

    def __init__(self, max_characters: int, max_wait_seconds: float) -> None:
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._n_characters_left = max_characters
        self._max_wait_seconds = max_wait_seconds

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

    def __iter__(self) -> Iterator[str]:
        while (piece := self._next()) is not None:
            yield piece

    def _next(self) -> str | None:
        try:
            return self._pieces.get(timeout=self._max_wait_seconds)
        except queue.Empty:
            sentence = f"No text and no end of it came for {self._max_wait_seconds:g} seconds."
            raise Refusal(408, sentence, "request_timeout") from None
