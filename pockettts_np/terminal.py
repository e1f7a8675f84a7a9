"""What the command line shows and how it ends: progress, log, signals, and errors as sentences."""

import errno
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .audio import Samples


class Progress:
    """How far the speech is: one line, written over and over where standard error is a terminal."""

    def __init__(self, rate_hz: int, frame_samples: int, shown: bool) -> None:
        self._rate_hz = rate_hz
        self._frame_samples = frame_samples
        self._shown = shown and sys.stderr.isatty()
        self._start = time.perf_counter()
        self._n_samples = 0

    def watch(self, chunks: Iterable[Samples]) -> Iterator[Samples]:
        """Hand on the chunks and count what is in them."""
        for chunk in chunks:
            self._n_samples += len(chunk)
            if self._shown:
                print(f"\r{self}\x1b[K", end="", file=sys.stderr, flush=True)
            yield chunk

    def __str__(self) -> str:
        seconds = self._n_samples / self._rate_hz
        speed = seconds / (time.perf_counter() - self._start)
        return f"{self._n_samples // self._frame_samples} frames, {seconds:.1f} s of speech, {speed:.1f} × real time"

    def close(self) -> None:
        """Clear the line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def log_to_stderr(quiet: bool) -> Iterator[None]:
    """Show the package's log on standard error, over any progress line."""
    package = logging.getLogger(__package__)
    handler = logging.StreamHandler()
    clear_line = "\r\x1b[K" if sys.stderr.isatty() else ""
    handler.setFormatter(logging.Formatter(f"{clear_line}%(levelname)s: %(message)s"))
    level, propagate = package.level, package.propagate
    package.addHandler(handler)
    package.setLevel(logging.ERROR if quiet else logging.INFO)
    package.propagate = False
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        package.propagate = propagate


@contextmanager
def leave_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the program, so that temporary files go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def sentence(error: Exception) -> str:
    """An error as one line for the user."""
    if isinstance(error, MemoryError):
        return "There is not enough memory; take a shorter recording or a smaller model."
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return f"{where}{'the disk is full' if full else error.strerror}."
    if isinstance(error, (OSError, ValueError, ImportError)):
        text = " ".join(str(error).splitlines())
        return text if text.endswith((".", "?")) else f"{text}."
    what = " ".join(f"{type(error).__name__}: {error}".splitlines())
    return f"{what}. This is a fault of the program: run it again with --traceback and report what it shows."
