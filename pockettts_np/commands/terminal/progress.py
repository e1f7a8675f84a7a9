"""What the command line shows: status lines that are written over, and tables."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ...audio.samples import Samples
from ...files.usage import megabytes
from ...hub.download import reporting


class StatusLine:
    """A line on standard error, written over and over where that is a terminal, cleared at the end."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, *error: object) -> None:
        self.show("")

    def show(self, text: str) -> None:
        if self._shown:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)


class Progress:
    """How far the speech is, as a status line."""

    def __init__(self, rate_hz: int, frame_samples: int, shown: bool) -> None:
        self._rate_hz = rate_hz
        self._frame_samples = frame_samples
        self._line = StatusLine(shown)
        self._start = time.perf_counter()
        self._n_samples = 0

    def watch(self, chunks: Iterable[Samples]) -> Iterator[Samples]:
        """Hand on the chunks and count what is in them."""
        for chunk in chunks:
            self._n_samples += len(chunk)
            self._line.show(str(self))
            yield chunk

    def __str__(self) -> str:
        seconds = self._n_samples / self._rate_hz
        speed = seconds / (time.perf_counter() - self._start)
        return f"{self._n_samples // self._frame_samples} frames, {seconds:.1f} s of speech, {speed:.1f} × real time"

    def close(self) -> None:
        """Clear the line."""
        self._line.show("")


def bar(done: int, total: int, width: int = 24) -> str:
    """How much is done, as a bar of `width` characters in brackets."""
    filled = width * done // total
    return f"[{'#' * filled}{'.' * (width - filled)}]"


class FetchBar:
    """How far a file is that is being fetched, as a status line."""

    WIDTH = 24
    _PAUSE_S = 0.1  # between two drawings

    def __init__(self, line: StatusLine) -> None:
        self._line = line
        self._name = ""
        self._first_bytes = 0
        self._start = self._drawn = 0.0

    def __call__(self, done_bytes: int, total_bytes: int | None, name: str) -> None:
        """What `hub.download.reporting` calls."""
        now = time.perf_counter()
        if name != self._name or not done_bytes:
            self._name, self._first_bytes, self._start, self._drawn = name, done_bytes, now, -self._PAUSE_S
        if done_bytes == total_bytes:
            self._line.show("")
        elif now >= self._drawn + self._PAUSE_S:
            self._drawn = now
            self._line.show(self._text(done_bytes, total_bytes, now - self._start))

    def _text(self, done_bytes: int, total_bytes: int | None, seconds: float) -> str:
        speed = (done_bytes - self._first_bytes) / max(seconds, self._PAUSE_S)
        known = ""
        if total_bytes:
            known = f" of {megabytes(total_bytes)} {bar(done_bytes, total_bytes, self.WIDTH)}"
        return f"{self._name}: {megabytes(done_bytes)}{known} {megabytes(int(speed))}/s"


@contextmanager
def show_fetching(quiet: bool) -> Iterator[None]:
    """A bar for every file that is fetched meanwhile."""
    with StatusLine(not quiet) as line, reporting(FetchBar(line)):
        yield


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text, the first a header, as columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
