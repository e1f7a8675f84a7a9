"""Voices from whatever they are given as: a name, a saved voice, a recording or samples."""

from dataclasses import dataclass

import numpy as np

from ..audio.recording import as_recording, end_on_pause, read_audio, resample
from ..audio.samples import Samples, mono
from ..config.config import Config
from ..hub import catalogue, fetch
from ..hub.voices import NO_CLONING, ONE_VOICE, CatalogueVoice, GivenVoice, SavedVoice, require_voice, voice_of
from ..models.flow_lm import FlowLM
from ..models.mimi import MimiEncoder
from .voice import OtherModelError, VoiceState, load_voice


@dataclass(frozen=True, eq=False, repr=False)
class VoiceMaker:
    """Makes the voices of one model."""

    config: Config
    flow_lm: FlowLM
    encoder: MimiEncoder | None
    threads: int

    @property
    def can_clone(self) -> bool:
        """Whether a voice can be made from a recording."""
        return self.encoder is not None and self.flow_lm.speaker_projection is not None

    def make(self, given: GivenVoice | np.ndarray, max_seconds: float | None = None) -> VoiceState:
        """A voice, of which `max_seconds` of a recording count; else as `TTSModel.get_state_for_audio_prompt`."""
        if isinstance(given, np.ndarray):
            self._require_cloning()
            return self._clone(as_recording(given, self.config.mimi.sample_rate, max_seconds))
        voice = voice_of(given)
        if isinstance(voice, CatalogueVoice):
            voice = voice.saved_for(self.config)
        if isinstance(voice, SavedVoice):
            return load_voice(fetch.local_file(voice.source), self.flow_lm)
        self._require_cloning()
        samples, rate_hz = read_audio(fetch.local_file(voice.source), max_seconds)
        return self._clone(resample(samples, rate_hz, self.config.mimi.sample_rate))

    def has_saved(self, given: GivenVoice | np.ndarray) -> bool:
        """Whether this is a saved voice, and one of this model. Errors where it can be no voice of any."""
        if isinstance(given, np.ndarray):
            mono(given)
            return False
        if isinstance(given, str):
            require_voice(given)
        voice = voice_of(given)
        if not isinstance(voice, SavedVoice):
            return False
        try:
            load_voice(fetch.local_file(voice.source), self.flow_lm)
        except OtherModelError:
            return False
        return True

    def beginning(self) -> VoiceState:
        """The learnt beginning of a voice, where the model has one, and nothing after it."""
        state = self.flow_lm.init_state()
        rows = self.flow_lm.before_voice(np.zeros((0, self.flow_lm.input_linear.n_out), np.float32))
        self.flow_lm.prompt(rows, state)
        return state

    def _clone(self, samples: Samples) -> VoiceState:
        assert self.encoder is not None
        rows = self.flow_lm.embed_voice(self.encoder(end_on_pause(samples, self.config.mimi.sample_rate), self.threads))
        state = self.flow_lm.init_state()
        self.flow_lm.prompt(rows, state, self.threads)
        return state

    def _require_cloning(self) -> None:
        if self.can_clone:
            return
        if self.config.name == catalogue.BUILTIN:
            raise ValueError(ONE_VOICE)
        why = "its weights come without an encoder" if self.encoder is None else "its speaker projection is empty"
        raise ValueError(NO_CLONING.format(why=why, voices=", ".join(catalogue.VOICES)))
