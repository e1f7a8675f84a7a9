"""The folder of a server's own voices: what is in it now, and what callers with the key add and remove.

A name becomes a file's name only after it was found harmless, and a file appears only when it is whole.
"""

import logging
import os
import re
import threading
from collections.abc import Collection
from pathlib import Path

from ..audio.recording import RECORDING_SUFFIXES
from ..errors import sentence
from ..files.writing import replacing_file
from ..hub.voices import SAVED_SUFFIX
from .limits import Refusal

logger = logging.getLogger(__name__)

MOST_FILES = 1000
LONGEST_NAME = 64  # characters
_NAME = re.compile(rf"\w[\w .-]{{0,{LONGEST_NAME - 1}}}(?<![ .])")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # files of no folder, on Windows


class VoiceFolder:
    """Voices as files, by name: recordings and saved voices. Any thread."""

    def __init__(self, folder: Path, with_recordings: bool) -> None:
        """Recordings are voices where the model can clone."""
        self._folder = folder
        self._suffixes = (*(RECORDING_SUFFIXES if with_recordings else ()), SAVED_SUFFIX)
        self._nameless: set[Path] = set()  # files that callers cannot name, told of in the log
        self._changing = threading.Lock()

    def files(self) -> dict[str, Path]:
        """The voices, as they are now, by name; a saved voice before a recording."""
        try:
            paths = [path for path in self._folder.iterdir() if path.suffix in self._suffixes and path.is_file()]
        except OSError as error:
            logger.warning("The folder of voices cannot be read: %s", sentence(error))
            return {}
        paths.sort(key=lambda path: (path.suffix == SAVED_SUFFIX, path.name))
        return {path.stem: path for path in paths if self._has_name(path)}

    def add(self, name: str, file_name: str, content: bytes) -> None:
        """Keep a voice under a name that `require_name` takes. Refusal: 409 there is one, 507 too many, 503 no room."""
        suffix = self.require_suffix(file_name)
        with self._changing:
            there = self.files()
            if name.casefold() in map(str.casefold, there):  # one file, where the disk does not tell letters apart
                says = f"There is a voice {name!r} already; remove it, or take another name."
                raise Refusal(409, says, "voice_exists", "name")
            if len(there) >= MOST_FILES:
                raise Refusal(507, f"The server keeps {MOST_FILES} voices and no more.", "too_many_voices")
            try:
                with replacing_file(self._folder / f"{name}{suffix}") as file:
                    file.write(content)
            except OSError as error:
                logger.error("The voice %r cannot be kept: %s", name, sentence(error))
                raise Refusal(
                    503, "The voice cannot be kept; the log of the server says why.", "unavailable"
                ) from error

    def remove(self, name: str) -> None:
        """Remove a voice, in all its forms. Refusal: 404 there is none."""
        with self._changing:
            if name not in self.files():
                raise Refusal(404, f"The server keeps no voice {name[:100]!r}.", "voice_not_found", "name")
            try:
                for suffix in self._suffixes:
                    (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
            except OSError as error:
                logger.error("The voice %r cannot be removed: %s", name, sentence(error))
                says = "The voice cannot be removed; the log of the server says why."
                raise Refusal(503, says, "unavailable") from error

    def require_suffix(self, file_name: str) -> str:
        """The ending by which the file will be read. Refusal 400: it is that of no voice."""
        suffix = Path(file_name).suffix.lower()
        if suffix not in self._suffixes:
            says = f"The file's name ends in {suffix[:20]!r}; wanted {', '.join(self._suffixes)}."
            raise Refusal(400, says, "invalid_value", "file")
        return suffix

    def _has_name(self, path: Path) -> bool:
        """Whether callers can name the file; one that they cannot is told of once."""
        try:
            path.stem.encode()
        except UnicodeEncodeError:  # bytes of another encoding
            if path not in self._nameless:
                logger.warning("Left out, as its name is not UTF-8: %r", os.fsencode(path))
            self._nameless.add(path)
            return False
        return True


def require_name(name: str, taken: Collection[str]) -> str:
    """A name that a caller may give to a voice. Refusal 400: another file's, or no file's on some system."""
    if not _NAME.fullmatch(name) or _DEVICES.fullmatch(name) or len(name.encode()) > 2 * LONGEST_NAME:
        says = f"{name[:100]!r} is no name for a voice; wanted letters, digits, spaces, _, - and dots."
        raise Refusal(400, says, "invalid_value", "name")
    if name.lower() in taken:
        raise Refusal(400, f"The name {name!r} means another voice already; take another.", "invalid_value", "name")
    return name
