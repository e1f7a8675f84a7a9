"""Child processes of a test."""

import os
import signal
import sys
import traceback
from collections.abc import Callable


def in_a_fork(function: Callable[[], object], seconds: int) -> int:
    """The status of a child process that calls a function; one that hangs is ended by a signal."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]
