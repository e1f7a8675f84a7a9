"""How a command runs: the standard streams that it has, its log on standard error, and how a signal ends it."""

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr

_ENDING_SIGNALS = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")  # the last on Windows alone


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
def usable_streams() -> Iterator[None]:
    """Let messages go nowhere where there is no standard error, and print what the encoding has no letter for.

    A program may be started with any of its streams closed, or, without a console, have none.
    """
    _keep_files_off_closed_streams()
    with ExitStack() as stack:
        if sys.stderr is None:
            nothing = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
            stack.enter_context(redirect_stderr(nothing))
        if isinstance(sys.stdout, io.TextIOWrapper):
            stack.callback(_replace_unknown_letters, sys.stdout, sys.stdout.errors)
            _replace_unknown_letters(sys.stdout, "backslashreplace")
        yield


def _replace_unknown_letters(stream: io.TextIOWrapper, errors: str | None) -> None:
    if not stream.closed:
        stream.reconfigure(errors=errors)


def _keep_files_off_closed_streams() -> None:
    """Take the numbers of closed streams, so that no file gets one, into which a library then prints."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


@contextmanager
def leave_on_signals() -> Iterator[None]:
    """Let the signals that end a program unwind it, so that temporary files go. What nohup ignores stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _ENDING_SIGNALS if hasattr(signal, name)]
    previous = {number: signal.getsignal(number) for number in numbers}
    previous = {number: handler for number, handler in previous.items() if handler not in (signal.SIG_IGN, None)}
    for number in previous:
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
