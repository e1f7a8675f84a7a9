"""Speech to the loudspeaker while it is made, through sounddevice (PortAudio), an optional extra."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoding import Sink
from .samples import Samples, speech_block

AHEAD_SECONDS = 30.0  # `write` waits while more than this is still to be heard
FILL_SECONDS = 0.2  # there before sound begins, also again after a gap: one pause is better than many
_CHECK_SECONDS = 0.2
_DEVICE_STOPPED = "The sound device stopped before the speech had ended."


def require_player() -> Any:
    """The module sounddevice. ImportError: it is not installed, or PortAudio is not; OSError: no loudspeaker."""
    try:
        import sounddevice
    except ImportError:
        raise ImportError("To play speech, sounddevice is needed: pip install 'pockettts-np[play]'.") from None
    except OSError:
        raise ImportError("To play speech, PortAudio is needed: apt install libportaudio2, or the like.") from None
    try:
        sounddevice.query_devices(kind="output")
    except (sounddevice.PortAudioError, ValueError):
        raise OSError("There is no device to play speech on; write it to a file instead.") from None
    return sounddevice


@contextmanager
def playing(rate_hz: int) -> Iterator[Sink]:
    """A sink that plays what it is given; the block ends when all was heard, or at once with an exception.

    Where speech is made too slowly, there are pauses; nothing is lost. Raises ImportError and OSError as
    require_player does, and OSError when the device refuses the rate or disappears.
    """
    sounddevice = require_player()
    player = _Player(rate_hz, sounddevice.CallbackStop)
    try:
        stream = sounddevice.OutputStream(
            samplerate=rate_hz, channels=1, dtype="float32", callback=player.fill, finished_callback=player.ended.set
        )
        with stream:
            try:
                yield player
                player.close()
            except BaseException:
                stream.abort()
                raise
    except sounddevice.PortAudioError as error:
        raise OSError(f"The sound device cannot play {rate_hz} samples a second: {error}") from None


class _Player:
    """A queue of samples: the program fills it, PortAudio's thread empties it."""

    def __init__(self, rate_hz: int, stop: type[Exception]) -> None:
        self.ended = threading.Event()
        self._rate_hz = rate_hz
        self._stop = stop
        self._blocks: deque[Samples] = deque()
        self._n_waiting = 0
        self._is_whole = False  # nothing more will come
        self._is_dry = True
        self._changed = threading.Condition()

    def write(self, samples: Samples) -> None:
        """Queue float samples [n] in ±1."""
        block = np.clip(speech_block(samples), -1, 1)
        with self._changed:
            while self._n_waiting > AHEAD_SECONDS * self._rate_hz and not self.ended.is_set():
                self._changed.wait(_CHECK_SECONDS)
            self._blocks.append(block)
            self._n_waiting += len(block)
        if self.ended.is_set():
            raise OSError(_DEVICE_STOPPED)

    def close(self) -> None:
        """Wait until all was heard."""
        with self._changed:
            self._is_whole = True
        while not self.ended.wait(_CHECK_SECONDS):
            pass  # in short waits, which Ctrl-C can end on every system
        if self._n_waiting:
            raise OSError(_DEVICE_STOPPED)

    def fill(self, out: NDArray[np.float32], n_samples: int, time: Any, status: Any) -> None:
        """PortAudio asks for the next samples [n_samples, 1]."""
        out[:] = 0
        with self._changed:
            if self._is_dry and self._n_waiting < FILL_SECONDS * self._rate_hz and not self._is_whole:
                return
            self._is_dry = self._take(out[:, 0]) < n_samples
            self._changed.notify()
            if self._is_dry and self._is_whole:
                raise self._stop

    def _take(self, out: NDArray[np.float32]) -> int:
        n_taken = 0
        while self._blocks and n_taken < len(out):
            block = self._blocks.popleft()
            part = block[: len(out) - n_taken]
            out[n_taken : n_taken + len(part)] = part
            n_taken += len(part)
            if len(part) < len(block):
                self._blocks.appendleft(block[len(part) :])
        self._n_waiting -= n_taken
        return n_taken
