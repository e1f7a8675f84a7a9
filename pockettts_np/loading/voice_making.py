"""Making voices with a loaded model: of recordings, saved voices, names, and none at all."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..audio.recording import as_recording, end_on_pause, read_audio
from ..audio.resampling import resample
from ..audio.samples import mono
from ..config.config import Config
from ..hub import catalogue, fetch
from ..hub.errors import HubError
from ..hub.voices import (
    NO_CLONING,
    NO_OTHER_VOICE,
    CatalogueVoice,
    GivenVoice,
    Recording,
    SavedVoice,
    require_voice,
    voice_of,
)
from ..models.flow_lm import FlowLM
from ..models.mimi import MimiEncoder
from ..weights.safetensors_file import SafetensorsFile
from .headers import PROMPT
from .own_voices import builtin_voices
from .voice import OtherModelError, VoiceState, load_voice, require_voice_of, voice_tensors

logger = logging.getLogger(__name__)

TRUNCATE_SECONDS = 30

# What was set on a nameless model stays with the one that takes its place.
_SETTINGS = ("threads", "reading", "gaps", "loudness", "voices")

_NEEDS_LARGER = (
    f"A voice other than the built-in one needs the model {catalogue.DEFAULT_LANGUAGE}, and that cannot be fetched: "
    "{why} get_default_voice() needs nothing."
)

_settling = threading.Lock()  # one thread settles which model a nameless one is


_GIVE_VOICES = "Give a folder of voices as --voices, or in Python set the model's `voices`."

NamedVoices = Mapping[str, VoiceState | GivenVoice] | Callable[[str], VoiceState] | None


class _LiveCast(dict[str | None, VoiceState]):
    """Voices by name, each found when it is first asked for: where there is none, the first one speaks on."""

    def __init__(self, first: VoiceState, find: Callable[[str], VoiceState]) -> None:
        super().__init__({None: first})
        self._find = find

    def __missing__(self, name: str | None) -> VoiceState:
        assert name is not None
        try:
            self[name] = self._find(name)
        except ValueError as error:
            logger.warning("%s The voice stays.", error)
            self[name] = self[None]
        return self[name]


class VoiceMaking:
    """What of a model makes voices."""

    config: Config
    flow_lm: FlowLM
    encoder: MimiEncoder | None
    own_voice: VoiceState | None
    own_voices: Mapping[str, VoiceState]  # by name, the default first
    threads: int
    voices: NamedVoices  # that a text may call by name
    other: Callable[[str], Any] | None  # loads, by its name, what takes the place of a model that nobody named

    @property
    def sample_rate(self) -> int:
        """Samples a second of all sound in and out, in Hz."""
        return self.config.mimi.sample_rate

    @property
    def has_voice_cloning(self) -> bool:
        """Whether a voice can be made from a recording."""
        return self.encoder is not None and self.flow_lm.speaker_projection is not None

    def get_state_for_audio_prompt(
        self,
        audio_conditioning: GivenVoice | np.ndarray,
        truncate: bool = False,
        stop: threading.Event | None = None,
    ) -> VoiceState:
        """A voice, for any number of utterances.

        Args:
            audio_conditioning: a recording (wav, flac, mp3, ogg) or a saved .safetensors voice, as a path, an https://
                or an hf:// address, or the bytes of such a file; the name of one of the model's `own_voices` or of a
                catalogue voice; or floating-point samples [n] or [channels, n] in ±1 at `sample_rate` (what soundfile
                reads is [n, channels]: give its transpose).
            truncate: use only the first 30 seconds of a recording.
            stop: set it to give the work up.

        Raises:
            ValueError: no speech in it, another model's voice, or a model that cannot clone.
            TypeError: none of these.
            OSError: the file cannot be read or fetched.
            concurrent.futures.CancelledError: `stop` was set.
        """
        self._settle(audio_conditioning)
        max_seconds = TRUNCATE_SECONDS if truncate else None
        if isinstance(audio_conditioning, np.ndarray):
            self._require_cloning()
            return self._clone(as_recording(audio_conditioning, self.sample_rate, max_seconds), stop)
        if isinstance(audio_conditioning, str) and audio_conditioning in self.own_voices:
            return self.own_voices[audio_conditioning].copy()
        voice = self._saved_or_recording(audio_conditioning)
        if isinstance(voice, SavedVoice):
            return load_voice(fetch.local_file(voice.source), self.flow_lm, stop=stop, model_name=self.config.name)
        self._require_cloning()
        samples, rate_hz = read_audio(fetch.local_file(voice.source), max_seconds)
        return self._clone(resample(samples, rate_hz, self.sample_rate), stop)

    def _saved_or_recording(self, given: GivenVoice) -> SavedVoice | Recording:
        """What a voice that is not one of the model's own is read from. ValueError, TypeError: it cannot be."""
        voice = voice_of(given)
        if not isinstance(voice, CatalogueVoice):
            return voice
        if self.config.name == catalogue.BUILTIN:
            raise ValueError(self._no_other_voice)
        return voice.saved_for(self.config)

    def stored_form(self, given: GivenVoice | np.ndarray) -> dict[str, np.ndarray]:
        """What a model's file holds of a voice: rows that no model has read stay so, as they take a fraction of the
        room. Errors as `get_state_for_audio_prompt`."""
        state = self.get_state_for_audio_prompt(given)
        if not isinstance(given, np.ndarray):
            voice = self._saved_or_recording(given)
            if isinstance(voice, SavedVoice):
                file = SafetensorsFile(fetch.local_file(voice.source))
                if set(file.names()) == {PROMPT}:
                    return {PROMPT: file.float32(PROMPT)}
        return voice_tensors(state)

    def _settle(self, first_voice: GivenVoice | np.ndarray | None) -> None:
        """Make a model that nobody named the other one, if the first voice asked for is a reason for that."""
        if self.other is None:
            return
        with _settling:
            if self.other is not None and (language := self._language_of(first_voice)) != self.config.name:
                try:
                    other = self.other(language)
                except HubError as error:
                    raise type(error)(_NEEDS_LARGER.format(why=error)) from error
                vars(self).update(vars(other), **{name: getattr(self, name) for name in _SETTINGS})
            self.other = None

    def _language_of(self, first_voice: GivenVoice | np.ndarray | None) -> str:
        """The built-in model for a voice of its own, english for any other; without a voice, the model that it is."""
        if first_voice is None:
            return self.config.name
        if isinstance(first_voice, str) and first_voice in builtin_voices():
            return catalogue.BUILTIN
        is_builtin = self.config.name == catalogue.BUILTIN
        return catalogue.BUILTIN if is_builtin and self._has_made(first_voice) else catalogue.DEFAULT_LANGUAGE

    def _has_made(self, given: GivenVoice | np.ndarray) -> bool:
        """Whether it is a saved voice of this very model. Errors where it can be no voice of any."""
        if isinstance(given, np.ndarray):
            mono(given)
            return False
        if isinstance(given, str):
            require_voice(given, self.own_voices)
        voice = voice_of(given)
        if not isinstance(voice, SavedVoice):
            return False
        try:
            load_voice(fetch.local_file(voice.source), self.flow_lm)
        except OtherModelError:
            return False
        return True

    def get_default_voice(self) -> VoiceState:
        """The voice to start with: the one in a model's own file, or the first of those in it; else a released model's
        catalogue voice, by language; for one's own weights the recording behind the voice alba, or where they cannot
        clone, `get_initial_state`.

        Raises:
            ValueError: as `get_state_for_audio_prompt`.
            OSError: the voice or the recording cannot be fetched.
        """
        self._settle(None)
        if self.own_voice is not None:
            return self.own_voice.copy()
        if self.own_voices:
            return self.own_voices[next(iter(self.own_voices))].copy()
        if self.config.released:
            return self.get_state_for_audio_prompt(catalogue.default_voice(self.config.name))
        if self.has_voice_cloning:
            return self.get_state_for_audio_prompt(catalogue.VOICES[catalogue.DEFAULT_VOICE])
        return self.get_initial_state()

    def get_initial_state(self) -> VoiceState:
        """The voice of a model that has only one of its own: the learnt beginning of a voice, and nothing after it.

        Returns:
            One row where the model has such a beginning, else none; the text follows it.
        """
        self._settle(None)
        state = self.flow_lm.init_state()
        rows = self.flow_lm.before_voice(np.zeros((0, self.flow_lm.input_linear.n_out), np.float32))
        self.flow_lm.prompt(rows, state)
        return state

    def get_named_voice(self, name: str) -> VoiceState:
        """A voice by the name that a text gives it: one of `voices`, else of the model's own, else of the catalogue. No
        name opens a file.

        ValueError: there is none of that name. OSError: it cannot be read or fetched.
        """
        named = self.voices if isinstance(self.voices, Mapping) else {}
        known = [*dict.fromkeys([*named, *self.own_voices, *(catalogue.VOICES if self.config.released else ())])]
        if callable(self.voices):
            voice = self.voices(name)
        elif name in known:
            given = named.get(name, name)
            voice = given if isinstance(given, VoiceState) else self.get_state_for_audio_prompt(given)
        else:
            wanted = f"Wanted one of: {', '.join(known)}." if known else _GIVE_VOICES
            raise ValueError(f"The text calls for the voice {name[:100]!r}, which is not there. {wanted}")
        require_voice_of(self.flow_lm, voice)
        return voice

    def _cast(self, first: VoiceState, names: Iterable[str]) -> Mapping[str | None, VoiceState]:
        """The voices of a text by their names; None is the one that it begins with. Errors as `get_named_voice`."""
        return {None: first, **{name: self.get_named_voice(name) for name in names}}

    def _live_cast(self, first: VoiceState) -> Mapping[str | None, VoiceState]:
        """The same for a text whose names are not known yet."""
        return _LiveCast(first, self.get_named_voice)

    def _require_cloning(self) -> None:
        if self.has_voice_cloning:
            return
        if self.config.name == catalogue.BUILTIN:
            raise ValueError(self._no_other_voice)
        why = "its weights come without an encoder" if self.encoder is None else "its speaker projection is empty"
        raise ValueError(NO_CLONING.format(why=why, voices=", ".join([*self.own_voices, *catalogue.VOICES])))

    @property
    def _no_other_voice(self) -> str:
        """Of the built-in model."""
        return NO_OTHER_VOICE.format(own=", ".join(self.own_voices))

    def _clone(self, samples: np.ndarray, stop: threading.Event | None) -> VoiceState:
        assert self.encoder is not None
        encoded = self.encoder(end_on_pause(samples, self.sample_rate), self.threads, stop)
        state = self.flow_lm.init_state()
        self.flow_lm.prompt(self.flow_lm.embed_voice(encoded), state, self.threads, stop)
        return state
