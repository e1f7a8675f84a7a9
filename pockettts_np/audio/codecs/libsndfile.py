"""What libsndfile encodes: FLAC, Vorbis, Opus and MP3."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from ...files.writing import start_of
from ..samples import Samples, in_range, speech_block, to_int16

_PAGE_MS = 80.0  # a second by default, which is too long to wait for the first sound
_SET_OGG_PAGE_LATENCY_MS = 0x1302  # sndfile.h; Opus alone obeys


class LibsndfileStream:
    """What libsndfile encodes. It writes to memory first: an error in its own callback would be lost."""

    def __init__(
        self, file: BinaryIO, name: str, rate_hz: int, container: str, codec: str, options: Mapping[str, Any]
    ) -> None:
        """`container`, `codec` and `options` are those of soundfile; `name` is for people."""
        import soundfile

        self._file = file
        self._start = start_of(file)
        self._n_bytes = 0
        self._written = _Written()
        self._is_int16 = codec == "PCM_16"
        self._error = soundfile.SoundFileError
        self._cannot = f"libsndfile cannot write {name} at {rate_hz} samples a second; take another rate or wav."
        with self._sentence():
            self._sound = soundfile.SoundFile(self._written, "w", rate_hz, 1, codec, format=container, **options)
        _shorten_pages(soundfile, self._sound)

    def write(self, samples: Samples) -> None:
        with self._sentence():
            self._sound.write(to_int16(speech_block(samples)) if self._is_int16 else in_range(samples))
        self._hand_on()

    def close(self) -> None:
        with self._sentence():
            self._sound.close()
        self._hand_on()

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise ValueError(self._cannot) from error

    def _hand_on(self) -> None:
        for position, data in self._written.taken():
            if position == self._n_bytes:
                self._file.write(data)
                self._n_bytes += len(data)
            elif self._start is not None:  # a header that now knows the length
                self._file.seek(self._start + position)
                self._file.write(data)
                self._file.seek(0, os.SEEK_END)
        self._file.flush()


class _Written:
    """A file that remembers which bytes were written where, for libsndfile."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self._position = 0
        self._n_bytes = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append((self._position, piece))
        self._position += len(piece)
        self._n_bytes = max(self._n_bytes, self._position)
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._n_bytes}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def taken(self) -> list[tuple[int, bytes]]:
        pieces = self._pieces[:]
        self._pieces.clear()
        return pieces


def _shorten_pages(soundfile: Any, sound: Any) -> None:
    """Ask for short pages where soundfile lets its library be asked, which is not part of its interface."""
    with suppress(AttributeError):
        page_ms = soundfile._ffi.new("double *", _PAGE_MS)
        soundfile._snd.sf_command(sound._file, _SET_OGG_PAGE_LATENCY_MS, page_ms, 8)
