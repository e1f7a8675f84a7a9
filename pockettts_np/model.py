"""TTSModel: load a model, make voices, generate speech."""

import logging
import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from .audio.recording import as_recording, end_on_pause, read_audio
from .audio.resampling import resample
from .audio.samples import mono
from .conditioners.text import Script, count_tokens, make_script, require_script_of
from .conditioners.tokenizer.protocol import Tokenizer
from .config.config import Config
from .files.memory import File
from .hub import catalogue, fetch
from .hub.errors import HubError
from .hub.voices import NO_CLONING, ONE_VOICE, CatalogueVoice, GivenVoice, SavedVoice, require_voice, voice_of
from .language import pauses
from .language.pauses import Pause
from .loading import model_source
from .loading.int8_cache import load_kept
from .loading.model_source import ModelSource
from .loading.single_file import write_model
from .loading.voice import OtherModelError, VoiceState, load_voice, read_voice, require_voice_of
from .models.flow_lm import FlowLM
from .models.mimi import MimiDecoder, MimiEncoder
from .synthesis.generation import Sampling, require_whole
from .synthesis.live_text import Prompter, Speaker, SpeechStream, prompts, speak_pieces
from .synthesis.noise import Noise, draws
from .synthesis.options import SamplingOptions
from .synthesis.shared_steps import SharedSteps
from .synthesis.utterance import Performer
from .threads.cores import thread_count
from .timing.timestamps import TimedAudio, WordClock
from .weights.safetensors_file import SafetensorsFile

logger = logging.getLogger(__name__)

MAX_TOKENS_PER_CHUNK = 50
TRUNCATE_SECONDS = 30
TOKENS_PER_SECOND = 3.0  # slower than anybody speaks: bounds the length of speech that never ends
SPARE_SECONDS = 2.0

NO_TIMESTAMPS = (
    "The times of words are not known for {name}: which of its attention heads follow the text has not been found out. "
    "Name them as timestamp_heads in its configuration; `python -m tools.voice.align_heads` finds them."
)
NO_CHECKPOINT = (
    "{path} cannot be read: training checkpoints (.pt) need torch; convert the weights to .safetensors and name them "
    "in a configuration, given as --config (config= in Python)."
)

_NEEDS_LARGER = (
    f"A voice other than the built-in one needs the model {catalogue.DEFAULT_LANGUAGE}, and that cannot be fetched: "
    "{why} get_default_voice() needs nothing."
)

_settling = threading.Lock()  # one thread settles which model a nameless one is


@dataclass(eq=False, repr=False)
class TTSModel(SamplingOptions):
    """A loaded model. It holds no state of any utterance: any number of threads may generate from it at once.

    `temp`, `sampler_decode_steps`, `noise_clamp` and `eos_threshold` may be set at any time; speech that begins
    afterwards follows them.
    """

    config: Config
    tokenizer: Tokenizer
    flow_lm: FlowLM
    encoder: MimiEncoder | None
    decoder: MimiDecoder
    sampling: Sampling
    own_voice: VoiceState | None = None  # of a model in one file, what it starts with
    files: tuple[SafetensorsFile, ...] = ()  # that parts of the model still lie in
    threads: int = field(default_factory=thread_count)  # that make one speech
    steps: SharedSteps = field(default_factory=SharedSteps)  # in which callers meet, also those of a `replace`d model
    larger: Callable[..., "TTSModel"] | None = None  # loads the model that takes the place of one that nobody named

    def __repr__(self) -> str:
        return f"<TTSModel {self.config.name or 'without a name'}: {self.sampling}, {self.threads} threads>"

    @classmethod
    def load_model(
        cls,
        language: str | None = None,
        config: str | File | None = None,
        temp: float | None = None,
        sampler_decode_steps: int = 1,
        noise_clamp: float | None = None,
        eos_threshold: float | None = None,
        quantize: bool = False,
        checkpoint: str | Path | None = None,
        lsd_decode_steps: int | None = None,
        threads: int | None = None,
    ) -> "TTSModel":
        """Load a model by name (`language`) or one's own by its configuration file (`config`).

        Without either, it is english where its files are in the local cache. Where they are not, the first voice
        settles it: `get_default_voice` and `get_initial_state` are those of the small built-in model, which needs no
        download; any other voice of `get_state_for_audio_prompt` makes it english, which is then fetched.

        Args:
            language: a released model, such as "english", "german_24l" or "english_2m_2026-10", fetched where the
                cache lacks it; or "builtin".
            config: path or address of a .yaml or .toml file instead, or of a model that `quantize_model` wrote; such a
                model may also be in memory (`files.read_into_memory`), where nobody can write into its file.
            temp: variance of the noise; by default the model's own.
            sampler_decode_steps: steps from noise to latent.
            noise_clamp: largest magnitude of the noise.
            eos_threshold: EOS logit that ends speech; by default the model's own.
            quantize: hold the language model's matrices as int8 and the codec's as float16: less memory, and faster.
                Of a released model, that form is kept as one file in the user's cache (`loading.int8_cache`).
            checkpoint: refused with what to do, as training checkpoints (.pt) need torch.
            lsd_decode_steps: the old name of `sampler_decode_steps`.
            threads: how many work at one speech; by default as POCKETTTS_NP_THREADS says, else one a usable core, at
                most four. What is spoken does not depend on it.

        Raises:
            FileNotFoundError: no such model, configuration or weights.
            ValueError: a damaged file, or one that belongs to another configuration; an impossible option.
            TypeError: an option that is no number, or no whole one where that is needed.
            ModuleNotFoundError: a configuration in YAML, and PyYAML is not installed.
            OSError: the weights cannot be fetched; the message says what to do.
        """
        if checkpoint is not None:
            raise ValueError(NO_CHECKPOINT.format(path=checkpoint))
        if lsd_decode_steps is not None:
            logger.warning("lsd_decode_steps is deprecated, use sampler_decode_steps")
            sampler_decode_steps = lsd_decode_steps
        n_threads = thread_count(threads)
        source = model_source.find(language, config)
        model = _load_kept(source) if quantize and isinstance(source, str) else None
        model = model or cls._build(model_source.open_source(source, quantize))
        defaults = model.sampling
        sampling = Sampling(
            defaults.temperature if temp is None else temp,
            sampler_decode_steps,
            noise_clamp,
            defaults.eos_threshold if eos_threshold is None else eos_threshold,
        )
        larger = None
        if language is None and config is None and source == catalogue.builtin_file():
            larger = partial(
                cls.load_model,
                catalogue.DEFAULT_LANGUAGE,
                temp=temp,
                sampler_decode_steps=sampler_decode_steps,
                noise_clamp=noise_clamp,
                eos_threshold=eos_threshold,
                quantize=quantize,
            )
        return replace(model, sampling=sampling, threads=n_threads, larger=larger)

    @classmethod
    def _build(cls, source: ModelSource, sampling: Sampling | None = None) -> "TTSModel":
        config, weights = source.config, source.weights
        mimi = weights.scope("mimi").held_as(source.plan.codec)
        has_encoder = config.mimi.has_encoder and mimi.has("encoder")
        flow_lm = FlowLM.load(weights.scope("flow_lm").held_as(source.plan.language_model), config)
        model = cls(
            config,
            source.tokenizer,
            flow_lm,
            MimiEncoder.load(mimi, config.mimi) if has_encoder else None,
            MimiDecoder.load(mimi, config.mimi),
            sampling or Sampling(config.default_temperature, 1, None, config.default_eos_threshold),
            own_voice=read_voice(source.voice, flow_lm) if source.voice else None,
            files=weights.files(),
        )
        weights.release()
        return model

    @property
    def sample_rate(self) -> int:
        """Samples a second of all sound in and out, in Hz."""
        return self.config.mimi.sample_rate

    @property
    def device(self) -> str:
        """Where the model computes: the CPU, always."""
        return "cpu"

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
                or an hf:// address, or the bytes of such a file; the name of a catalogue voice; or floating-point
                samples [n] or [channels, n] in ±1 at `sample_rate` (what soundfile reads is [n, channels]: give its
                transpose).
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
        voice = voice_of(audio_conditioning)
        if isinstance(voice, CatalogueVoice):
            voice = voice.saved_for(self.config)
        if isinstance(voice, SavedVoice):
            return load_voice(fetch.local_file(voice.source), self.flow_lm, stop=stop, model_name=self.config.name)
        self._require_cloning()
        samples, rate_hz = read_audio(fetch.local_file(voice.source), max_seconds)
        return self._clone(resample(samples, rate_hz, self.sample_rate), stop)

    def _settle(self, first_voice: GivenVoice | np.ndarray | None) -> None:
        """Make a model that nobody named the larger one, if the first voice asked for is not the built-in model's."""
        if self.larger is None:
            return
        with _settling:
            if self.larger is not None and not (first_voice is None or self._has_made(first_voice)):
                try:
                    larger = self.larger()
                except HubError as error:
                    raise type(error)(_NEEDS_LARGER.format(why=error)) from error
                vars(self).update(vars(larger), threads=self.threads)
            self.larger = None

    def _has_made(self, given: GivenVoice | np.ndarray) -> bool:
        """Whether it is a saved voice of this very model. Errors where it can be no voice of any."""
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

    def _set(self, argument: str, value: Any, sampling: Sampling) -> None:
        super()._set(argument, value, sampling)
        if self.larger is not None:
            self.larger = partial(self.larger, **{argument: value})

    def get_default_voice(self) -> VoiceState:
        """The voice to start with: the one in a model's own file; else a released model's catalogue voice, by language;
        for one's own weights the recording behind the voice alba, or where they cannot clone, `get_initial_state`.

        Raises:
            ValueError: as `get_state_for_audio_prompt`.
            OSError: the voice or the recording cannot be fetched.
        """
        self._settle(None)
        if self.own_voice is not None:
            return self.own_voice.copy()
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

    def _require_cloning(self) -> None:
        if self.has_voice_cloning:
            return
        if self.config.name == catalogue.BUILTIN:
            raise ValueError(ONE_VOICE)
        why = "its weights come without an encoder" if self.encoder is None else "its speaker projection is empty"
        raise ValueError(NO_CLONING.format(why=why, voices=", ".join(catalogue.VOICES)))

    def _clone(self, samples: np.ndarray, stop: threading.Event | None) -> VoiceState:
        assert self.encoder is not None
        encoded = self.encoder(end_on_pause(samples, self.sample_rate), self.threads, stop)
        state = self.flow_lm.init_state()
        self.flow_lm.prompt(self.flow_lm.embed_voice(encoded), state, self.threads, stop)
        return state

    def generate_audio(
        self,
        model_state: VoiceState,
        text_to_generate: str | Script,
        max_tokens: int = MAX_TOKENS_PER_CHUNK,
        frames_after_eos: int | None = None,
        copy_state: bool = True,
        noise: Noise = None,
    ) -> np.ndarray:
        """The whole speech, float32 samples [n]; arguments and errors as `generate_audio_stream`."""
        stream = self.generate_audio_stream(
            model_state, text_to_generate, max_tokens, frames_after_eos, copy_state, noise=noise
        )
        return np.concatenate([np.zeros(0, np.float32), *stream])

    @overload
    def generate_audio_stream(
        self,
        model_state: VoiceState,
        text_to_generate: str | Script,
        max_tokens: int = ...,
        frames_after_eos: int | None = ...,
        copy_state: bool = ...,
        stop: threading.Event | None = ...,
        noise: Noise = ...,
        *,
        timestamps: Literal[False] = ...,
    ) -> Generator[np.ndarray]: ...

    @overload
    def generate_audio_stream(
        self,
        model_state: VoiceState,
        text_to_generate: str | Script,
        max_tokens: int = ...,
        frames_after_eos: int | None = ...,
        copy_state: bool = ...,
        stop: threading.Event | None = ...,
        noise: Noise = ...,
        *,
        timestamps: Literal[True],
    ) -> Generator[TimedAudio]: ...

    def generate_audio_stream(
        self,
        model_state: VoiceState,
        text_to_generate: str | Script,
        max_tokens: int = MAX_TOKENS_PER_CHUNK,
        frames_after_eos: int | None = None,
        copy_state: bool = True,
        stop: threading.Event | None = None,
        noise: Noise = None,
        *,
        timestamps: bool = False,
    ) -> Generator[np.ndarray] | Generator[TimedAudio]:
        """Speech while it is made: float32 samples [n], n a multiple of a frame (80 ms) but beside pauses.

        Args:
            model_state: a voice from `get_state_for_audio_prompt`.
            text_to_generate: any length, or its `script`; it is cleaned up, split into sentences and packed into
                chunks. Pauses such as `[pause:500ms]` and `<break time="1.5s"/>` (`language.pauses`) become that many
                samples of silence, beside what silence the speech itself ends with.
            max_tokens: longest chunk, in tokens; each is spoken from a copy of the voice. A script is cut already.
            frames_after_eos: frames of 80 ms spoken after the model has ended; by default the model's own choice.
            copy_state: False continues in `model_state` itself, which then holds the speech too.
            stop: set it to end the speech within a frame.
            noise: a seed, a `numpy.random.Generator`, or standard-normal draws [n_frames, latent_dim], one row a frame.
            timestamps: yield `TimedAudio` instead: the same samples, with words and when each is spoken.

        Raises:
            ValueError: nothing to say, a pause that is too long, another model's voice or script, unusable noise, or
                timestamps of a model whose `timestamp_heads` are not known; raised before the first chunk.
            TypeError: `model_state` is no voice, the text no string, a count no whole number, or `noise` none of the
                above.
            OSError: somebody has written into the model's files since it was loaded.
            FloatingPointError: damaged weights made NaN, while speaking.
        """
        _require_counts(max_tokens, frames_after_eos)
        require_voice_of(self.flow_lm, model_state)
        if isinstance(text_to_generate, Script):
            script = text_to_generate
            require_script_of(self.tokenizer, script, self.config)
            if max_tokens != MAX_TOKENS_PER_CHUNK:
                raise ValueError(f"max_tokens is {max_tokens}, but a script is cut already: give it to script().")
        else:
            script = self.script(text_to_generate, max_tokens)
        clock = self._word_clock(script) if timestamps else None
        rows = draws(noise, self.config.mimi.latent_dim)
        stop = stop or threading.Event()
        speech = self._performer.perform(script, model_state, rows, stop, frames_after_eos, copy_state, clock)
        return speech if clock is None else clock.timed(speech)

    def script(self, text: str, max_tokens: int = MAX_TOKENS_PER_CHUNK) -> Script:
        """What `generate_audio_stream` would speak of a text: its chunks, each as token ids, and its pauses.

        Raises:
            ValueError: nothing to say, or a pause that is too long.
            TypeError: no string.
        """
        if not isinstance(text, str):
            raise TypeError(f"The text is a {type(text).__name__}; wanted a string, or what script() returns.")
        return make_script(self.tokenizer, pauses.parts(text), max_tokens, self.config)

    def scripts(self, pieces: Iterable[str], max_tokens: int = MAX_TOKENS_PER_CHUNK) -> Iterator[Script]:
        """The scripts, of a prompt or a pause each, in which `generate_from` speaks a text that comes in pieces.

        Each is made when it is asked for; a piece is taken when those before it are used up.

        Raises:
            ValueError: `max_tokens` out of range; a malformed pause when it comes.
        """
        _require_counts(max_tokens, None)
        prompter = Prompter(lambda text: count_tokens(self.tokenizer, text, self.config), max_tokens)
        return (self._script_of(prompt, max_tokens) for prompt in prompts(prompter, pieces))

    def _script_of(self, prompt: str | Pause, max_tokens: int) -> Script:
        """Fading out at the end: whether a pause follows is not known yet."""
        return make_script(self.tokenizer, [prompt, Pause(Fraction(0))], max_tokens, self.config)

    def generate_from(
        self,
        model_state: VoiceState,
        pieces: Iterable[str],
        max_tokens: int = MAX_TOKENS_PER_CHUNK,
        frames_after_eos: int | None = None,
        stop: threading.Event | None = None,
        noise: Noise = None,
    ) -> Generator[np.ndarray]:
        """Speech of a text that comes in pieces, such as a language model's tokens: float32 samples [n].

        Each sentence is spoken once it is complete (`language.sentences`), with those that are complete beside it as
        far as `max_tokens` allows; a piece is taken when all before it is spoken. Where the text should be read while
        its speech is made, use `stream`. A sentence that the model cannot read is left out with a warning.

        Args:
            model_state: a voice from `get_state_for_audio_prompt`.
            pieces: strings of any length, cut anywhere.
            max_tokens: longest chunk, in tokens.
            frames_after_eos: frames of 80 ms spoken after the model has ended; by default the model's own choice.
            stop: set it to end the speech within a frame.
            noise: as for `generate_audio_stream`.

        Raises:
            ValueError, TypeError: as `generate_audio_stream`; a pause that is too long when it comes.
        """
        speaker = self._speaker(model_state, max_tokens, frames_after_eos, noise)
        return speak_pieces(speaker, [pieces] if isinstance(pieces, str) else pieces, stop or threading.Event())

    def stream(
        self,
        model_state: VoiceState,
        max_tokens: int = MAX_TOKENS_PER_CHUNK,
        frames_after_eos: int | None = None,
        noise: Noise = None,
    ) -> SpeechStream:
        """Speech of a text that is being written: one thread writes it, another iterates over samples, float32 [n].

        Args:
            model_state: a voice from `get_state_for_audio_prompt`.
            max_tokens: longest chunk, in tokens.
            frames_after_eos: frames of 80 ms spoken after the model has ended; by default the model's own choice.
            noise: as for `generate_audio_stream`.

        Raises:
            ValueError, TypeError: as `generate_audio_stream`; what a text raises, `SpeechStream.write` does.
        """
        return SpeechStream(self._speaker(model_state, max_tokens, frames_after_eos, noise))

    def _speaker(self, voice: VoiceState, max_tokens: int, frames_after_eos: int | None, noise: Noise) -> Speaker:
        _require_counts(max_tokens, frames_after_eos)
        require_voice_of(self.flow_lm, voice)
        rows = draws(noise, self.config.mimi.latent_dim)

        def speak(prompt: str | Pause, stop: threading.Event) -> Generator[np.ndarray]:
            script = self._script_of(prompt, max_tokens)
            return self._performer.perform(script, voice, rows, stop, frames_after_eos)

        return Speaker(lambda text: count_tokens(self.tokenizer, text, self.config), max_tokens, speak)

    def _word_clock(self, script: Script) -> WordClock:
        heads = self.config.timestamp_heads
        if not heads:
            raise ValueError(NO_TIMESTAMPS.format(name=self.config.name or "this model"))
        prompts = [chunk.ids for chunk in script.chunks]
        return WordClock(
            heads, self.tokenizer, script.drafts, prompts, self.sample_rate, self.config.mimi.frame_samples
        )

    @property
    def _performer(self) -> Performer:
        """Who speaks one utterance. OSError: somebody has written into the model's files."""
        for file in self.files:
            file.require_unchanged()
        return Performer(
            self.flow_lm, self.decoder, self.config, self.sampling, self.threads, self.steps, self.longest_frames
        )

    def longest_frames(self, n_tokens: int) -> int:
        """Frames of 80 ms after which speech of `n_tokens` tokens is cut off; the reference's rule."""
        return math.ceil((n_tokens / TOKENS_PER_SECOND + SPARE_SECONDS) * self.config.mimi.frame_rate)


def _require_counts(max_tokens: int, frames_after_eos: int | None) -> None:
    require_whole("max_tokens", max_tokens)
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}; wanted at least 1.")
    if frames_after_eos is not None:
        require_whole("frames_after_eos", frames_after_eos)
        if frames_after_eos < 0:
            raise ValueError(f"frames_after_eos is {frames_after_eos}; wanted 0 or more.")


def quantize_model(
    path: str | Path,
    language: str | None = None,
    config: str | Path | None = None,
    voice: GivenVoice | np.ndarray | None = None,
) -> None:
    """Write a model with int8 weights, its configuration and its tokenizer as one file for `load_model(config=…)`.

    The matrices of the language model become int8 with a scale for each output, those of the codec float16.

    Args:
        path: the .safetensors file to write; it appears only once complete.
        language: as for `load_model`; without it and `config`, english, as the built-in model is quantised already.
        config: as for `load_model`.
        voice: as for `get_state_for_audio_prompt`; the file then holds it as the voice to start with.

    Raises:
        ValueError: the model is quantised already; else as `load_model` and `get_state_for_audio_prompt`.
        OSError: the weights cannot be fetched, or the file cannot be written.
    """
    if language is None and config is None:
        language = catalogue.DEFAULT_LANGUAGE
    source = model_source.open_source(model_source.find(language, config), quantize=True)
    state = None if voice is None else TTSModel._build(source).get_state_for_audio_prompt(voice)
    write_model(path, source.weights, source.config, state)


def _load_kept(language: str) -> TTSModel | None:
    """A released model with int8 weights, from the file that an earlier load has kept or this one keeps."""
    return load_kept(
        model_source.load_config(language),
        build=lambda path: TTSModel._build(model_source.open_source(path)),
        write=lambda path: quantize_model(path, language),
    )
