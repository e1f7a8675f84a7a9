"""TTSModel: load a model, make voices, generate speech."""

import logging
import math
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from . import catalogue, generation, hub
from .audio import end_on_pause, read_audio, resample
from .config import Config, load_config
from .flow_lm import FlowLM
from .generation import Sampling
from .mimi import MimiDecoder, MimiEncoder
from .noise import Noise, draws
from .pipeline import ahead
from .quantize import open_model, write_model
from .text import prepare_text_prompt, split_into_chunks
from .tokenizer import Tokenizer, load_tokenizer
from .voice import VoiceState, load_voice
from .weights import Source, Weights, open_checkpoint, open_flow_lm, open_mimi

logger = logging.getLogger(__name__)

MAX_TOKENS_PER_CHUNK = 50
TRUNCATE_SECONDS = 30
TOKENS_PER_SECOND = 3.0  # slower than anybody speaks: bounds the length of speech that never ends
SPARE_SECONDS = 2.0
FADE_IN_HZ = 200  # 5 ms
MAX_FRAMES_AHEAD = 64  # the language model waits when the decoder, or whoever takes the sound, falls so far behind

NO_CLONING = (
    "This model cannot clone a voice: {why}. Use a catalogue voice ({voices}) or a saved .safetensors voice; "
    "for cloning, accept the terms of the weights at https://huggingface.co/kyutai/pocket-tts and set HF_TOKEN."
)


@dataclass(frozen=True)
class TTSModel:
    """A loaded model. It holds no state of any utterance: any number of threads may generate from it at once."""

    config: Config
    tokenizer: Tokenizer
    flow_lm: FlowLM
    encoder: MimiEncoder | None
    decoder: MimiDecoder
    sampling: Sampling
    threads: int = field(default_factory=lambda: min(2, len(_usable_cores())))

    @classmethod
    def load_model(
        cls,
        language: str | None = None,
        config: str | Path | None = None,
        temp: float | None = None,
        sampler_decode_steps: int = 1,
        noise_clamp: float | None = None,
        eos_threshold: float | None = None,
        quantize: bool = False,
    ) -> "TTSModel":
        """Load a released model by name (`language`, by default english) or one's own by its configuration file.

        Args:
            language: a released configuration, such as "english", "german_24l" or "english_2m_2026-10".
            config: path or address of a .yaml or .toml file instead, or of a model that `quantize_model` wrote.
            temp: variance of the noise; by default the model's own.
            sampler_decode_steps: steps from noise to latent.
            noise_clamp: largest magnitude of the noise.
            eos_threshold: EOS logit that ends speech; by default the model's own.
            quantize: hold the language model's matrices as int8 and the codec's as float16: less memory, and faster.

        Raises:
            FileNotFoundError: no such model, configuration or weights.
            ValueError: a damaged file, or one that belongs to another configuration.
            OSError: the weights cannot be fetched; the message says what to do.
        """
        settings, weights, tokenizer = _open(language, config, quantize)
        sampling = Sampling(
            settings.default_temperature if temp is None else temp,
            sampler_decode_steps,
            noise_clamp,
            settings.default_eos_threshold if eos_threshold is None else eos_threshold,
        )
        _require_sampling(sampling)
        return cls._build(settings, weights, tokenizer, sampling)

    @classmethod
    def _build(cls, config: Config, weights: Weights, tokenizer: Tokenizer, sampling: Sampling) -> "TTSModel":
        mimi = weights.scope("mimi")
        if weights.matrix_dtype is np.int8:
            mimi = replace(mimi, matrix_dtype=np.float16)  # int8 in the codec is audible
        has_encoder = config.mimi.has_encoder and mimi.has("encoder")
        model = cls(
            config,
            tokenizer,
            FlowLM.load(weights.scope("flow_lm"), config),
            MimiEncoder.load(mimi, config.mimi) if has_encoder else None,
            MimiDecoder.load(mimi, config.mimi),
            sampling,
        )
        weights.finish()
        return model

    @property
    def sample_rate(self) -> int:
        """Samples a second of all sound in and out, in Hz."""
        return self.config.mimi.sample_rate

    @property
    def has_voice_cloning(self) -> bool:
        """Whether a voice can be made from a recording."""
        return self.encoder is not None and self.flow_lm.speaker_projection is not None

    def get_state_for_audio_prompt(
        self, audio_conditioning: str | Path | np.ndarray, truncate: bool = False
    ) -> VoiceState:
        """A voice, for any number of utterances.

        Args:
            audio_conditioning: a recording (wav, flac, mp3, ogg) or a saved .safetensors voice, as a path, an https://
                or an hf:// address; the name of a catalogue voice; or samples [n] or [channels, n] at `sample_rate`.
            truncate: use only the first 30 seconds of a recording.

        Raises:
            ValueError: no speech in it, another model's voice, or a model that cannot clone.
            OSError: the file cannot be read or fetched.
        """
        if isinstance(audio_conditioning, np.ndarray):
            return self._clone(_mono(audio_conditioning))
        name = str(audio_conditioning)
        if isinstance(audio_conditioning, str) and name in catalogue.VOICES:
            return self._catalogue_voice(name)
        if _is_saved_voice(name):
            return load_voice(hub.local_path(audio_conditioning), self.flow_lm)
        self._require_cloning()
        samples, rate_hz = read_audio(
            hub.local_path(audio_conditioning), max_seconds=TRUNCATE_SECONDS if truncate else None
        )
        return self._clone(resample(samples, rate_hz, self.sample_rate))

    def get_initial_state(self) -> VoiceState:
        """The voice of a model that has only one of its own: the learnt beginning of a voice, and nothing after it."""
        state = self.flow_lm.init_state()
        rows = self.flow_lm.before_voice(np.zeros((0, len(self.flow_lm.input_linear.bias)), np.float32))
        self.flow_lm.prompt(rows, state)
        return state

    def _catalogue_voice(self, name: str) -> VoiceState:
        if not self.config.released:
            raise ValueError(
                f"The catalogue voice {name!r} was made with the weights of a released model; a model of one's own "
                "cannot use it. Give a recording or a saved voice instead."
            )
        path = hub.local_path(catalogue.voice_state_address(self.config.name, name))
        return load_voice(path, self.flow_lm)

    def _require_cloning(self) -> None:
        if self.has_voice_cloning:
            return
        why = "its weights come without an encoder" if self.encoder is None else "its speaker projection is empty"
        raise ValueError(NO_CLONING.format(why=why, voices=", ".join(catalogue.VOICES)))

    def _clone(self, samples: np.ndarray) -> VoiceState:
        self._require_cloning()
        assert self.encoder is not None
        rows = self.flow_lm.embed_voice(self.encoder(end_on_pause(samples, self.sample_rate), self.threads))
        state = self.flow_lm.init_state()
        self.flow_lm.prompt(rows, state, self.threads)
        return state

    def generate_audio(
        self,
        model_state: VoiceState,
        text_to_generate: str,
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

    def generate_audio_stream(
        self,
        model_state: VoiceState,
        text_to_generate: str,
        max_tokens: int = MAX_TOKENS_PER_CHUNK,
        frames_after_eos: int | None = None,
        copy_state: bool = True,
        stop: threading.Event | None = None,
        noise: Noise = None,
    ) -> Generator[np.ndarray]:
        """Speech while it is made: float32 samples [n], n a multiple of a frame (80 ms).

        Args:
            model_state: a voice from `get_state_for_audio_prompt`.
            text_to_generate: any length; it is cleaned up, split into sentences and packed into chunks.
            max_tokens: longest chunk; each is spoken from a copy of the voice.
            frames_after_eos: frames spoken after the model has ended; by default the model's own choice.
            copy_state: False continues in `model_state` itself, which then holds the speech too.
            stop: set it to end the speech within a frame.
            noise: a seed, a `numpy.random.Generator`, or standard-normal draws [n_frames, latent_dim], one row a frame.

        Raises:
            ValueError: nothing to say, another model's voice, or unusable noise; raised before the first chunk.
        """
        _require_counts(max_tokens, frames_after_eos)
        self._require_own(model_state)
        chunks = split_into_chunks(self.tokenizer, text_to_generate, max_tokens, self.config)
        rows = draws(noise, self.config.mimi.latent_dim)
        stop = stop or threading.Event()
        return self._speak(model_state, chunks, frames_after_eos, copy_state, stop, rows)

    def _speak(
        self,
        voice: VoiceState,
        chunks: Sequence[str],
        frames_after_eos: int | None,
        copy_state: bool,
        stop: threading.Event,
        rows: Iterator[np.ndarray],
    ) -> Generator[np.ndarray]:
        for chunk in chunks:
            if stop.is_set():
                return
            text, after_eos = prepare_text_prompt(chunk, self.config)
            ids = self.tokenizer.encode(text)
            max_frames = self.longest_frames(len(ids))
            state = voice.copy(spare_rows=len(ids) + max_frames) if copy_state else voice
            self.flow_lm.prompt(self.flow_lm.text(ids), state, self.threads)
            latents = generation.generate_latents(
                self.flow_lm,
                state,
                self.sampling,
                rows,
                max_frames,
                self._after_eos(frames_after_eos, after_eos),
                stop,
            )
            batches = ahead(latents, MAX_FRAMES_AHEAD) if self.threads > 1 else generation.one_by_one(latents)
            with closing(batches):
                yield from generation.decode(self.flow_lm, self.decoder, batches, self.sample_rate // FADE_IN_HZ)

    def longest_frames(self, n_tokens: int) -> int:
        """Frames after which speech of so many tokens is cut off."""
        return math.ceil((n_tokens / TOKENS_PER_SECOND + SPARE_SECONDS) * self.config.mimi.frame_rate)

    def _after_eos(self, given: int | None, guess: int) -> int:
        if given is not None:
            return given
        recommended = self.config.model_recommended_frames_after_eos
        return guess + 2 if recommended is None else recommended

    def _require_own(self, voice: VoiceState) -> None:
        if not isinstance(voice, VoiceState):
            raise TypeError(f"The voice is a {type(voice).__name__}; wanted what get_state_for_audio_prompt returns.")
        own, given = self.flow_lm.init_state().sizes, voice.sizes
        if own != given:
            raise ValueError(
                f"The voice belongs to another model: it has {given[0]} layers with {given[1]} heads of {given[2]}; "
                f"this model has {own[0]} with {own[1]} of {own[2]}. Make the voice again with this model."
            )


def _is_saved_voice(address: str) -> bool:
    """Whether a path or an address, without a revision (hf://…@main) or a query (https://…?download), is one."""
    if address.startswith("hf://"):
        address = address.rpartition("@")[0] or address
    elif address.startswith(("http://", "https://")):
        address = urlsplit(address).path
    return address.endswith(".safetensors")


def _usable_cores() -> Sequence[int]:
    if hasattr(os, "sched_getaffinity"):
        return list(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def _require_sampling(sampling: Sampling) -> None:
    if not (math.isfinite(sampling.temperature) and sampling.temperature >= 0):
        raise ValueError(f"The temperature is {sampling.temperature}; wanted a number from 0 up.")
    if sampling.n_steps < 1:
        raise ValueError(f"sampler_decode_steps is {sampling.n_steps}; wanted at least 1.")
    if sampling.noise_clamp is not None and not sampling.noise_clamp > 0:
        raise ValueError(f"noise_clamp is {sampling.noise_clamp}; wanted a positive number, or none.")
    if math.isnan(sampling.eos_threshold):
        raise ValueError("eos_threshold is NaN; wanted a number.")


def _require_counts(max_tokens: int, frames_after_eos: int | None) -> None:
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}; wanted at least 1.")
    if frames_after_eos is not None and frames_after_eos < 0:
        raise ValueError(f"frames_after_eos is {frames_after_eos}; wanted 0 or more.")


def _mono(samples: np.ndarray) -> np.ndarray:
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"The samples are {samples.dtype}; wanted floating-point numbers in ±1.")
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise ValueError(f"The samples have shape {list(samples.shape)}; wanted [n] or [channels, n].")
    if not np.isfinite(samples).all():
        raise ValueError("The samples hold NaN or infinity.")
    return np.asarray(samples if samples.ndim == 1 else samples.mean(axis=0), np.float32)


def quantize_model(path: str | Path, language: str | None = None, config: str | Path | None = None) -> None:
    """Write a model with int8 weights, its configuration and its tokenizer as one file for `load_model(config=…)`.

    Errors as `load_model`, and OSError where the file cannot be written.
    """
    settings, weights, tokenizer = _open(language, config, quantize=True)
    sampling = Sampling(settings.default_temperature, 1, None, settings.default_eos_threshold)
    TTSModel._build(settings, weights, tokenizer, sampling)  # checks every tensor and tells which are matrices
    write_model(path, weights, settings)


def _open(language: str | None, config: str | Path | None, quantize: bool) -> tuple[Config, Weights, Tokenizer]:
    if language is not None and config is not None:
        raise ValueError("Both language and config were given; choose one of them.")
    source = (language or catalogue.DEFAULT_LANGUAGE) if config is None else hub.local_path(config)
    if isinstance(source, Path) and source.suffix == ".safetensors":
        return open_model(source)
    settings = load_config(source)
    table = settings.flow_lm.lookup_table
    tokenizer = load_tokenizer(hub.local_path(table.tokenizer_path), table.n_bins, table.tokenizer)
    return settings, _open_weights(settings, quantize), tokenizer


def _open_weights(config: Config, quantize: bool) -> Weights:
    """The tensors of all files that the configuration names, under the released names.

    As in the reference, `mimi.weights_path` replaces the codec of a bundle, and the language model's own file needs it.
    """
    if config.flow_lm.weights_path and not config.mimi.weights_path:
        raise ValueError("flow_lm.weights_path needs mimi.weights_path beside it, for the codec.")
    sources: dict[str, Source] = {}
    files = []
    if config.weights_path:
        gated, spare = config.weights_path, config.weights_path_without_voice_cloning
        path, _ = hub.fetch_first([gated, spare] if spare else [gated])
        sources, files = open_checkpoint(path), [path]
    elif config.flow_lm.weights_path:
        path = hub.local_path(config.flow_lm.weights_path)
        sources, files = open_flow_lm(path), [path]
    if not files:
        raise ValueError("The configuration names no weights: set weights_path, or flow_lm.weights_path.")
    if config.mimi.weights_path:
        path = hub.local_path(config.mimi.weights_path)
        sources = {name: source for name, source in sources.items() if not name.startswith("mimi.")}
        sources |= open_mimi(path)
        files.append(path)
    label = " and ".join(str(path) for path in files)
    return Weights(label, sources, np.int8, np.float16) if quantize else Weights(label, sources)
