"""The voices that callers can ask for: by name, by upload and, where that is allowed, by address.

A name is looked up, never opened: no request can reach a file that the server's owner has not put there.
"""

import hashlib
import logging
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path

from ..errors import sentence
from ..files.memory import InMemoryFile
from ..hub.catalogue import VOICES
from ..hub.voices import SavedVoice, voice_of
from ..loading.voice import VoiceState, load_voice
from ..loading.voice_making import TRUNCATE_SECONDS
from ..model import TTSModel
from .fetching.fetch import fetch
from .languages import language_code
from .limits import Limits, Refusal
from .turns import Turn
from .voice_folder import VoiceFolder

logger = logging.getLogger(__name__)

DEFAULT = "default"
# OpenAI's voices, which its clients name, and who speaks for them where the model has the catalogue and speaks English.
# Programs name alloy when nobody chooses, so that is the server's own.
OPENAI_VOICES = {
    "alloy": DEFAULT,
    "ash": "charles",
    "ballad": "george",
    "cedar": "michael",
    "coral": "anna",
    "echo": "paul",
    "fable": "peter_yearsley",
    "marin": "mary",
    "nova": "vera",
    "onyx": "javert",
    "sage": "jane",
    "shimmer": "eve",
    "verse": "marius",
}
_ADDRESS = re.compile(r"(https?|hf)://", re.IGNORECASE)


@dataclass(frozen=True)
class VoiceSource:
    """A voice that was asked for and may be had; `load` makes it, in a worker's thread."""

    key: str  # names the content
    load: Callable[[Turn], VoiceState]
    is_kept: bool = True  # in memory, by its key


class Voices:
    """Finds voices, and keeps those last used in memory."""

    def __init__(
        self, model: TTSModel, default: VoiceState, limits: Limits, folder: Path | None = None, allow_urls: bool = False
    ) -> None:
        self._model = model
        self._limits = limits
        self.folder = None if folder is None else VoiceFolder(folder, model.has_voice_cloning)
        self._allow_urls = allow_urls
        self._cache = _Cache(limits.cached_voice_bytes)
        self.default = VoiceSource(DEFAULT, lambda turn: default)

    def reserved(self) -> set[str]:
        """Names that no file may take: each means another voice."""
        return {DEFAULT, *OPENAI_VOICES, *VOICES, *self._model.own_voices}

    def names(self) -> list[str]:
        """What `named` knows, the default first, without OpenAI's names."""
        catalogue = VOICES if self._model.config.released else ()
        return list(dict.fromkeys([DEFAULT, *self._files(), *self._model.own_voices, *catalogue]))

    def named(self, name: str, param: str = "voice") -> VoiceSource:
        """A voice by its name. Refusal 400: there is none of that name."""
        if name == DEFAULT:
            return self.default
        if path := self._files().get(name):
            return self._own(name, path)
        if name in self._model.own_voices:
            return VoiceSource(f"own {name}", lambda turn: self._model.own_voices[name], is_kept=False)
        if name in VOICES and self._model.config.released:
            return VoiceSource(f"catalogue {name}", lambda turn: self._of_catalogue(name, turn))
        if name in OPENAI_VOICES:
            return self._stand_in(OPENAI_VOICES[name])
        says = f"There is no voice {name[:100]!r}. Wanted one of: {', '.join(self.names())}."
        raise Refusal(400, says, "voice_not_found", param)

    def uploaded(self, content: bytes, file_name: str, param: str = "voice_wav") -> VoiceSource:
        """The voice in a recording (its first 30 seconds), or a saved voice.

        Refusal 400: an empty file, or a recording where the model cannot clone.
        """
        if not content:
            raise Refusal(400, "The uploaded voice is empty: 0 bytes.", "invalid_voice", param)
        file = InMemoryFile("The uploaded voice", content)
        is_saved = any(isinstance(voice_of(given), SavedVoice) for given in (file_name, file))
        self._require_usable(is_saved, param)
        key = f"{hashlib.sha256(content).hexdigest()} {is_saved}"
        return VoiceSource(key, lambda turn: self._made(file, is_saved, param, turn))

    def linked(self, address: str, param: str = "voice_url") -> VoiceSource:
        """The voice behind a http, https or hf address. Refusal 403: this server does not follow addresses."""
        if not _ADDRESS.match(address):
            raise Refusal(400, "The address of a voice must start with http://, https:// or hf://.", "bad_url", param)
        if not self._allow_urls:
            says = "This server takes no addresses of voices; upload the file, or start it with --allow-voice-urls."
            raise Refusal(403, says, "voice_urls_off", param)
        is_saved = isinstance(voice_of(address), SavedVoice)
        self._require_usable(is_saved, param)

        def load(turn: Turn) -> VoiceState:
            with turn.aside():
                content = fetch(address, self._limits.upload_bytes, self._limits.fetch_seconds, turn.stop)
            if turn.stop.is_set():
                raise CancelledError
            return self._made(InMemoryFile("The voice at that address", content), is_saved, param, turn)

        return VoiceSource(address, load)

    def called(self, first: VoiceState, turn: Turn) -> Callable[[str], VoiceState]:
        """What finds the voices that a text calls by name, where the callers of this server could name them too; a text
        that is still being written goes on in its `first` voice where there is none."""

        def find(name: str) -> VoiceState:
            try:
                source = self.named(name)
            except Refusal as refusal:
                logger.info("%s The voice stays.", refusal)
                return first
            return self.state(source, turn)

        return find

    def state(self, source: VoiceSource, turn: Turn) -> VoiceState:
        """The voice itself, from memory where it is there; for the thread of a job.

        Errors as the model's, or Refusal; CancelledError soon after the job is stopped.
        """
        found = self._cache.get(source.key)
        if found is None:
            found = source.load(turn)
            if source.is_kept:
                self._cache.put(source.key, found)
        return found

    def _files(self) -> dict[str, Path]:
        return {} if self.folder is None else self.folder.files()

    def _own(self, name: str, path: Path) -> VoiceSource:
        """A file of the folder: what is wrong with it is for the server's owner, in the log, and not for callers."""

        def load(turn: Turn) -> VoiceState:
            try:
                return self._model.get_state_for_audio_prompt(path, truncate=True, stop=turn.stop)
            except (OSError, ValueError) as error:
                logger.error("The voice %r cannot be used: %s", name, sentence(error))
                says = f"The voice {name!r} cannot be used at present; the log of the server says why."
                raise Refusal(503, says, "voice_unavailable") from error

        return VoiceSource(_version(path), load)

    def _stand_in(self, name: str) -> VoiceSource:
        """A voice for one of OpenAI's: the default where there is no other, or it cannot be fetched."""
        config = self._model.config
        if name == DEFAULT or not config.released or language_code(config.name) != "en":
            return self.default
        source = self.named(name)

        def load(turn: Turn) -> VoiceState:
            try:
                return self.state(source, turn)
            except OSError as error:
                logger.warning("The default voice speaks for %s, which cannot be had: %s", name, sentence(error))
                return self.state(self.default, turn)

        return VoiceSource(f"stand-in {name}", load, is_kept=False)

    def _of_catalogue(self, name: str, turn: Turn) -> VoiceState:
        with turn.aside():  # it may have to be fetched; to read it is no work
            return self._model.get_state_for_audio_prompt(name)

    def _require_usable(self, is_saved: bool, param: str) -> None:
        """What the model itself would say is for the server's owner, not for its callers."""
        if not is_saved and not self._model.has_voice_cloning:
            says = "This server's model cannot clone recordings; send a saved voice (.safetensors) or name one of: "
            raise Refusal(400, f"{says}{', '.join(self.names())}.", "cannot_clone", param)

    def _made(self, file: InMemoryFile, is_saved: bool, param: str, turn: Turn) -> VoiceState:
        try:
            if is_saved:  # said to be one: what is wrong with it is said of a saved voice
                return load_voice(file, self._model.flow_lm, self._longest_rows, turn.stop)
            return self._model.get_state_for_audio_prompt(file, truncate=True, stop=turn.stop)
        except ValueError as error:
            raise Refusal(400, str(error), "invalid_voice", param) from error

    @property
    def _longest_rows(self) -> int:
        """Of a caller's saved voice: as of a recording, whose rows follow one for the beginning of a voice."""
        return 1 + math.ceil(TRUNCATE_SECONDS * self._model.config.mimi.frame_rate)


def _version(path: Path) -> str:
    """Changes when the file does."""
    try:
        return f"{path} {path.stat().st_mtime_ns}"
    except OSError:  # which using it will tell
        return str(path)


class _Cache:
    """The voices last used, up to so many bytes. Any thread."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._voices: OrderedDict[str, VoiceState] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> VoiceState | None:
        with self._lock:
            if key in self._voices:
                self._voices.move_to_end(key)
            return self._voices.get(key)

    def put(self, key: str, voice: VoiceState) -> None:
        with self._lock:
            self._voices[key] = voice
            while len(self._voices) > 1 and sum(map(_n_bytes, self._voices.values())) > self._max_bytes:
                self._voices.popitem(last=False)


def _n_bytes(voice: VoiceState) -> int:
    return voice.keys.nbytes + voice.values.nbytes
