"""TTSModel: load a model, make voices, generate speech."""

import logging
import math
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np

from .conditioners.script import Script, require_script_of
from .conditioners.text import MAX_TOKENS_PER_CHUNK
from .conditioners.tokenizer.protocol import Tokenizer
from .config.config import Config
from .files.memory import File
from .hub import catalogue
from .hub.voices import GivenVoice
from .language.lexicon import GivenLexicon
from .language.prompts import NO_GAPS, Gaps
from .language.reading import Reading
from .loading import model_source
from .loading.int8_cache import load_kept
from .loading.model_source import ModelSource
from .loading.single_file import write_model
from .loading.voice import OwnVoices, VoiceState, read_voice, require_voice_of, voice_tensors
from .loading.voice_making import NamedVoices, VoiceMaking
from .models.flow_lm import FlowLM
from .models.mimi import MimiDecoder, MimiEncoder
from .synthesis.generation import Sampling, require_whole
from .synthesis.live_text import Item, Speaker, SpeechStream, speak_pieces
from .synthesis.loudness import VoiceLevels, require_loudness
from .synthesis.noise import Noise, draws
from .synthesis.options import SamplingOptions
from .synthesis.scripting import Scripting, require_max_tokens
from .synthesis.shared_steps import SharedSteps
from .synthesis.speech import Running, Speech, Stop, asynchronous
from .synthesis.utterance import Performer
from .threads.cores import thread_count
from .timing.timestamps import TimedAudio, WordClock
from .weights.safetensors_file import SafetensorsFile

logger = logging.getLogger(__name__)

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


@dataclass(eq=False, repr=False)
class TTSModel(SamplingOptions, VoiceMaking, Scripting):
    """A loaded model. It holds no state of any utterance: any number of threads may generate from it at once.

    What may be set at any time, for speech that begins afterwards: `temp`, `sampler_decode_steps`, `noise_clamp`,
    `eos_threshold`; `reading`; `gaps`, the silence after sentences and paragraphs; `loudness`, in LUFS, to which every
    voice is brought; and `voices`, which a text may call by name. Leaving a `with` block ends all of its speech.
    """

    config: Config
    tokenizer: Tokenizer
    flow_lm: FlowLM
    encoder: MimiEncoder | None
    decoder: MimiDecoder
    sampling: Sampling
    own_voice: VoiceState | None = None  # of a model in one file, what it starts with
    own_voices: Mapping[str, VoiceState] = field(default_factory=dict)  # its named ones, the default first
    files: tuple[SafetensorsFile, ...] = ()  # that parts of the model still lie in
    threads: int = field(default_factory=thread_count)  # that make one speech
    reading: Reading = Reading()  # noqa: RUF009  # it is frozen
    gaps: Gaps = NO_GAPS
    loudness: float | None = None  # None: as each voice is
    voices: NamedVoices = None  # None: its own, and those of the catalogue
    levels: VoiceLevels = field(default_factory=VoiceLevels)  # shared with copies, as is what follows
    running: Running = field(default_factory=Running)
    steps: SharedSteps = field(default_factory=SharedSteps)  # in which callers meet, also those of a `replace`d model
    other: Callable[[str], "TTSModel"] | None = None  # loads, by name, what takes the place of one that nobody named

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
        normalize: bool | str = False,
        lexicon: GivenLexicon | Sequence[GivenLexicon] | None = None,
        threads: int | None = None,
    ) -> "TTSModel":
        """Load a model by name (`language`) or one's own by its configuration file (`config`).

        Without either, it is english where its files are in the local cache, else the small built-in model, which needs
        no download; and the first voice settles it. `get_default_voice` and `get_initial_state` are those of this
        model; a name of a built-in voice makes it the built-in one, and any other voice of
        `get_state_for_audio_prompt` makes it english, which is then fetched.

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
            normalize: read Markdown, HTML, numbers and abbreviations as a person does, not as the reference prepares
                them; or the language to read them in, where it is not the model's. The built-in voice always does.
            lexicon: own pronunciations (`language.lexicon`), which come before all other rules: a file of lines such as
                `nginx = engine x`, read again when it changes; a dictionary; or a list of these.
            threads: how many work at one speech; by default as POCKETTTS_NP_THREADS says, else one a usable core, at
                most four. What is spoken does not depend on it.

        Raises:
            FileNotFoundError: no such model, configuration, weights or lexicon.
            ValueError: a damaged file, or one that belongs to another configuration; an impossible option.
            TypeError: an option that is no number, or no whole one where that is needed.
            ModuleNotFoundError: a configuration in YAML, and PyYAML is not installed; or a language to normalize, and
                num2words is not.
            OSError: the weights cannot be fetched; the message says what to do.
        """
        if checkpoint is not None:
            raise ValueError(NO_CHECKPOINT.format(path=checkpoint))
        if lsd_decode_steps is not None:
            logger.warning("lsd_decode_steps is deprecated, use sampler_decode_steps")
            sampler_decode_steps = lsd_decode_steps
        reading = Reading.given(normalize, lexicon)
        reading.of(language or "").require()
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
        other = None
        if language is None and config is None:
            other = partial(
                cls.load_model,
                temp=temp,
                sampler_decode_steps=sampler_decode_steps,
                noise_clamp=noise_clamp,
                eos_threshold=eos_threshold,
                quantize=quantize,
            )
        reading.of(model.config.name).require()
        return replace(model, sampling=sampling, reading=reading, threads=n_threads, other=other)

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
            own_voices=OwnVoices(source.voices, flow_lm),
            files=weights.files(),
        )
        weights.release()
        return model

    @property
    def device(self) -> str:
        """Where the model computes: the CPU, always."""
        return "cpu"

    def _set(self, argument: str, value: Any, sampling: Sampling) -> None:
        super()._set(argument, value, sampling)
        if self.other is not None:
            self.other = partial(self.other, **{argument: value})

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
    ) -> Speech[np.ndarray]: ...

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
        timestamps: Literal[True] | WordClock,
    ) -> Speech[TimedAudio]: ...

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
        timestamps: bool | WordClock,
    ) -> Speech[np.ndarray] | Speech[TimedAudio]: ...

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
        timestamps: bool | WordClock = False,
    ) -> Speech[np.ndarray] | Speech[TimedAudio]:
        """Speech while it is made: float32 samples [n], n a multiple of a frame (80 ms) but beside pauses.

        Args:
            model_state: a voice from `get_state_for_audio_prompt`.
            text_to_generate: any length, or its `script`; it is cleaned up, split into sentences and packed into
                chunks. Pauses such as `[pause:500ms]` and `<break time="1.5s"/>` (`language.pauses`) become that many
                samples of silence, beside what silence the speech itself ends with; `[voice:NAME]` changes the voice.
            max_tokens: longest chunk, in tokens; each is spoken from a copy of the voice. A script is cut already.
            frames_after_eos: frames of 80 ms spoken after the model has ended; by default the model's own choice.
            copy_state: False continues in `model_state` itself, which then holds the speech too.
            stop: set it to end the speech within a frame.
            noise: a seed, a `numpy.random.Generator`, or standard-normal draws [n_frames, latent_dim], one row a frame.
            timestamps: yield `TimedAudio` instead: the same samples, with words and when each is spoken. The parts of
                one script (`Script.in_turns`), spoken one after another, share its `word_clock`.

        Returns:
            A generator; leaving a `with` block of it ends the speech.

        Raises:
            ValueError: nothing to say, more than an hour of pauses, a voice that is not there, another model's voice or
                script, unusable noise, or timestamps of a model whose `timestamp_heads` are not known; raised before
                the first chunk.
            TypeError: `model_state` is no voice, the text no string, a count no whole number, or `noise` none of the
                above.
            OSError: somebody has written into the model's files since it was loaded, or a voice cannot be fetched.
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
        clock = timestamps if isinstance(timestamps, WordClock) else self.word_clock(script) if timestamps else None
        rows, cast, stop = draws(noise, self.config.mimi.latent_dim), self._cast(model_state, script.voices), Stop(stop)
        speech = self._performer.perform(script, cast, rows, stop, frames_after_eos, copy_state, clock)
        if clock is None:
            return self.running.add(Speech(speech, stop))
        return self.running.add(Speech(clock.timed(speech), stop))

    def agenerate_audio_stream(
        self, model_state: VoiceState, text_to_generate: str | Script, **options: Any
    ) -> AsyncGenerator[Any]:
        """`generate_audio_stream` for `async for`: its arguments but `stop`, and its errors at the first step.

        A thread of its own speaks, some frames ahead of who listens; it ends when the iteration does.
        """
        return asynchronous(
            lambda stop: self.generate_audio_stream(model_state, text_to_generate, stop=stop, **options)
        )

    def word_clock(self, script: Script | None = None) -> WordClock:
        """What tells when the words of a script are spoken, from its first sample on, and of those that it reads later.

        Raises:
            ValueError: the model's `timestamp_heads` are not known.
        """
        heads = self.config.timestamp_heads
        if not heads:
            raise ValueError(NO_TIMESTAMPS.format(name=self.config.name or "this model"))
        clock = WordClock(heads, self.tokenizer, self.sample_rate, self.config.mimi.frame_samples)
        if script is not None:
            clock.read(script)
        return clock

    @overload
    def generate_from(
        self,
        model_state: VoiceState,
        pieces: Iterable[str],
        max_tokens: int = ...,
        frames_after_eos: int | None = ...,
        stop: threading.Event | None = ...,
        noise: Noise = ...,
        *,
        timestamps: Literal[False] = ...,
    ) -> Speech[np.ndarray]: ...

    @overload
    def generate_from(
        self,
        model_state: VoiceState,
        pieces: Iterable[str],
        max_tokens: int = ...,
        frames_after_eos: int | None = ...,
        stop: threading.Event | None = ...,
        noise: Noise = ...,
        *,
        timestamps: Literal[True],
    ) -> Speech[TimedAudio]: ...

    @overload
    def generate_from(
        self,
        model_state: VoiceState,
        pieces: Iterable[str],
        max_tokens: int = ...,
        frames_after_eos: int | None = ...,
        stop: threading.Event | None = ...,
        noise: Noise = ...,
        *,
        timestamps: bool,
    ) -> Speech[np.ndarray] | Speech[TimedAudio]: ...

    def generate_from(
        self,
        model_state: VoiceState,
        pieces: Iterable[str],
        max_tokens: int = MAX_TOKENS_PER_CHUNK,
        frames_after_eos: int | None = None,
        stop: threading.Event | None = None,
        noise: Noise = None,
        *,
        timestamps: bool = False,
    ) -> Speech[np.ndarray] | Speech[TimedAudio]:
        """Speech of a text that comes in pieces, such as a language model's tokens: float32 samples [n].

        Each sentence is spoken once it is complete (`language.sentences`), with those that are complete beside it as
        far as `max_tokens` allows; a piece is taken when all before it is spoken. Where the text should be read while
        its speech is made, use `stream`. What the model cannot read is left out, and a voice that is not there does not
        change the voice, both with a warning.

        Args:
            model_state: a voice from `get_state_for_audio_prompt`.
            pieces: strings of any length, cut anywhere.
            max_tokens: longest chunk, in tokens.
            frames_after_eos: frames of 80 ms spoken after the model has ended; by default the model's own choice.
            stop: set it to end the speech within a frame.
            noise: as for `generate_audio_stream`.
            timestamps: as there.

        Raises:
            ValueError, TypeError: as `generate_audio_stream`.
        """
        stop, pieces = Stop(stop), [pieces] if isinstance(pieces, str) else pieces
        speaker = self._speaker(model_state, max_tokens, frames_after_eos, noise, timestamps)
        return self.running.add(Speech(speak_pieces(speaker, pieces, stop), stop))

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
        return self.running.add(SpeechStream(self._speaker(model_state, max_tokens, frames_after_eos, noise)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.running.cancel()

    def _speaker(
        self,
        voice: VoiceState,
        max_tokens: int,
        frames_after_eos: int | None,
        noise: Noise,
        timestamps: bool = False,
    ) -> Speaker:
        _require_counts(max_tokens, frames_after_eos)
        require_voice_of(self.flow_lm, voice)
        rows, cast, scripts = (
            draws(noise, self.config.mimi.latent_dim),
            self._live_cast(voice),
            self._live_scripts(max_tokens),
        )
        clock = self.word_clock() if timestamps else None

        def speak(item: Item, stop: threading.Event) -> Generator[Any]:
            if (script := scripts.script(item)) is None:
                return
            if clock is not None:
                clock.read(script)
            speech = self._performer.perform(script, cast, rows, stop, frames_after_eos, listener=clock)
            yield from speech if clock is None else clock.timed(speech)

        return Speaker(**vars(self._prompter(max_tokens)), speak=speak)

    @property
    def _performer(self) -> Performer:
        """Who speaks one utterance. OSError: somebody has written into the model's files."""
        require_loudness(self.loudness)
        for file in self.files:
            file.require_unchanged()
        return Performer(
            self.flow_lm,
            self.decoder,
            self.config,
            self.sampling,
            self.threads,
            self.steps,
            self.longest_frames,
            self._gain_db,
        )

    def _gain_db(self, voice: VoiceState) -> float:
        """What brings a voice to the loudness that is set. The first time, the voice says some words to be measured."""
        if self.loudness is None:
            return 0.0
        as_it_is = replace(self, loudness=None, reading=Reading(), voices=None)
        text = catalogue.default_text(self.config.name)
        return self.levels.gain_db(
            voice, self.loudness, lambda: as_it_is.generate_audio(voice, text, noise=0), self.sample_rate
        )

    def longest_frames(self, n_tokens: int) -> int:
        """Frames of 80 ms after which speech of `n_tokens` tokens is cut off; the reference's rule."""
        return math.ceil((n_tokens / TOKENS_PER_SECOND + SPARE_SECONDS) * self.config.mimi.frame_rate)


def _require_counts(max_tokens: int, frames_after_eos: int | None) -> None:
    require_max_tokens(max_tokens)
    if frames_after_eos is not None:
        require_whole("frames_after_eos", frames_after_eos)
        if frames_after_eos < 0:
            raise ValueError(f"frames_after_eos is {frames_after_eos}; wanted 0 or more.")


def quantize_model(
    path: str | Path,
    language: str | None = None,
    config: str | Path | None = None,
    voice: GivenVoice | np.ndarray | Mapping[str, GivenVoice | np.ndarray] | None = None,
) -> None:
    """Write a model with int8 weights, its configuration and its tokenizer as one file for `load_model(config=…)`.

    The matrices of the language model become int8 with a scale for each output, those of the codec float16.

    Args:
        path: the .safetensors file to write; it appears only once complete.
        language: as for `load_model`; without it and `config`, english, as the built-in model is quantised already.
        config: as for `load_model`.
        voice: as for `get_state_for_audio_prompt`; the file then holds it as the voice to start with. Or several by
            their names, which the model then has as `own_voices`; the first is the one to start with.

    Raises:
        ValueError: the model is quantised already; else as `load_model` and `get_state_for_audio_prompt`.
        OSError: the weights cannot be fetched, or the file cannot be written.
    """
    if language is None and config is None:
        language = catalogue.DEFAULT_LANGUAGE
    source = model_source.open_source(model_source.find(language, config), quantize=True)
    if voice is None:
        write_model(path, source.weights, source.config)
        return
    model = TTSModel._build(source)
    if isinstance(voice, Mapping):
        voices = {name: model.stored_form(given) for name, given in voice.items()}
        write_model(path, source.weights, source.config, voices=voices)
    else:
        state = model.get_state_for_audio_prompt(voice)
        write_model(path, source.weights, source.config, voice_tensors(state))


def _load_kept(language: str) -> TTSModel | None:
    """A released model with int8 weights, from the file that an earlier load has kept or this one keeps."""
    return load_kept(
        model_source.load_config(language),
        build=lambda path: TTSModel._build(model_source.open_source(path)),
        write=lambda path: quantize_model(path, language),
    )
