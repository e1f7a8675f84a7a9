"""Errors as the sentences that users read."""

import errno
import os


def sentence(error: Exception) -> str:
    """An error as one line for the user."""
    if isinstance(error, MemoryError) or _is_lack_of_memory(error):
        return "There is not enough memory; take a shorter recording or a smaller model."
    if isinstance(error, FileNotFoundError) and error.filename is None and _has_no_working_folder():
        return "The working folder has been deleted; change to another one."
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return f"{where}{'the disk is full' if full else error.strerror}."
    if isinstance(error, (OSError, ValueError, ImportError, FloatingPointError)):
        text = " ".join(str(error).splitlines())
        return text if text.endswith((".", "?")) else f"{text}."
    what = " ".join(f"{type(error).__name__}: {error}".splitlines())
    return f"{what}. This is a fault of the program: run it again with --traceback and report what it shows."


def _is_lack_of_memory(error: Exception) -> bool:
    """What a limit of addresses raises where a file is mapped, and where a thread asks for its stack."""
    return (isinstance(error, OSError) and error.errno == errno.ENOMEM) or str(error) == "can't start new thread"


def _has_no_working_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return True
    return False
