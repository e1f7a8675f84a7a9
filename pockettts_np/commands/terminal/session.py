"""How a command runs: its log on standard error, and how a signal ends it."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def log_to_stderr(quiet: bool) -> Iterator[None]:
    """Show the package's log on standard error, over any progress line."""
    package = logging.getLogger(__package__.partition(".")[0])
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
