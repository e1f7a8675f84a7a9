"""What tools.bench measures of this package: the operations of worker.Engine."""

import dataclasses
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pockettts_np import TTSModel, __version__, export_model_state
from pockettts_np.commands.inspection.measure import source_of
from pockettts_np.conditioners.text import prepare_text_prompt
from pockettts_np.loading.voice import VoiceState
from pockettts_np.model import quantize_model
from pockettts_np.models.mimi import DecoderState
from pockettts_np.synthesis.passage import Passage, latents_alone
from tools.bench.worker import MAX_TOKENS, NEVER, TEXT, Job, relative_error


def _source(job: Job) -> dict[str, str]:
    """Where the model is: int8 weights in the file that `pockettts-np quantize` makes."""
    if job.quantize:
        return {"config": f"{job.folder}/int8.safetensors"}
    return source_of(job.model)


def prepare(job: Job) -> None:
    """Make the file with int8 weights, once."""
    path = Path(job.folder) / "int8.safetensors"
    if job.quantize and not path.exists():
        quantize_model(path, **_source(job._replace(quantize=False)))


def model_options(job: Job) -> list[str]:
    return [f"--{name}={value}" for name, value in _source(job).items()]


def run_command(arguments: list[str], frames: int) -> None:
    """pockettts-np, speaking for `frames` frames."""
    from pockettts_np.__main__ import main

    own = TTSModel.longest_frames
    TTSModel.longest_frames = lambda model, n_tokens: frames  # type: ignore[method-assign,assignment]
    try:
        status = main(arguments)
    finally:
        TTSModel.longest_frames = own  # type: ignore[method-assign]
    if status != 0:
        raise RuntimeError("pockettts-np failed: see its message.")


def library_versions() -> dict[str, str]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = {name: version(name) for name in ("numpy", "numba", "llvmlite")}
    return {"pockettts_np": __version__, **versions, blas["name"]: blas["version"]}


class Engine:
    def __init__(self, job: Job) -> None:
        class FixedLength(TTSModel):
            def longest_frames(self, n_tokens: int) -> int:
                return job.frames

        source = _source(job)
        model = FixedLength.load_model(source.get("language"), source.get("config"), eos_threshold=NEVER)
        self.model = dataclasses.replace(model, threads=job.cores)
        mimi = model.config.mimi
        self.sample_rate_hz, self.frame_samples = model.sample_rate, mimi.frame_samples
        self.voice_width = model.config.flow_lm.transformer.d_model
        self.latent_dim = mimi.latent_dim
        self.condition_dim = model.config.flow_lm.condition_dim
        self.head_input = (mimi.frame_stride, mimi.decoder_head.dimension)
        self.frames = job.frames
        self._ids = model.tokenizer.encode(prepare_text_prompt(TEXT, model.config)[0])
        self.n_text_tokens = len(self._ids)
        self._times = model.flow_lm.flow_net.time_table(model.sampling.n_steps)

    def versions(self) -> dict[str, str]:
        return library_versions()

    def clone(self, samples: np.ndarray) -> VoiceState:
        return self.model.get_state_for_audio_prompt(samples)

    def save_voice(self, voice: VoiceState, path: str) -> None:
        export_model_state(voice, path)

    def load_voice(self, path: str) -> VoiceState:
        return self.model.get_state_for_audio_prompt(path)

    def cache(self, voice: VoiceState) -> np.ndarray:
        return voice.rows()

    def speak(
        self, voice: VoiceState, stop: threading.Event | None = None, noise: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        return self.model.generate_audio_stream(voice, TEXT, max_tokens=MAX_TOKENS, stop=stop, noise=noise)

    def copy_voice(self, voice: VoiceState) -> VoiceState:
        return voice.copy(spare_rows=self.n_text_tokens + self.frames)

    def prompt_text(self, state: VoiceState) -> None:
        self.model.flow_lm.prompt(self.model.flow_lm.text(self._ids), state, self.model.threads)

    def prompt_rows(self, rows: np.ndarray, state: VoiceState) -> None:
        self.model.flow_lm.prompt(rows, state, self.model.threads)

    def empty_state(self, n_rows: int) -> VoiceState:
        return self.model.flow_lm.init_state().copy(spare_rows=n_rows)

    def steps(self, state: VoiceState, noise: np.ndarray) -> np.ndarray:
        model = self.model
        limits = len(noise), model.config.min_frames_before_eos, 0
        passage = Passage(model.flow_lm, state, model.sampling, iter(noise), *limits, threading.Event())
        return np.stack(list(latents_alone(passage)))

    def flow_net(self, condition: np.ndarray, noise: np.ndarray) -> np.ndarray:
        return self.model.flow_lm.flow_net.sample(condition[None], noise[None], self._times)[0]

    def decoder_state(self, n_frames: int) -> DecoderState:
        return self.model.decoder.init_state()

    def decode(self, latents: np.ndarray, state: DecoderState) -> np.ndarray:
        return self.model.decoder(self.model.flow_lm.denormalize(latents), state)

    def head(self, rows: np.ndarray, state: DecoderState) -> np.ndarray:
        return self.model.decoder.head(rows, state.head)

    def contradictions(self, voice: VoiceState, noise: np.ndarray) -> dict[str, float]:
        """Largest error, relative to the largest value, of what must not change the result."""
        at_once = self.decode(noise, self.decoder_state(len(noise)))
        state = self.decoder_state(len(noise))
        by_frame = np.concatenate([self.decode(noise[i : i + 1], state) for i in range(len(noise))])
        rows = np.random.default_rng(1).standard_normal((30, self.voice_width), np.float32)
        whole, by_row = self.empty_state(len(rows)), self.empty_state(len(rows))
        self.prompt_rows(rows, whole)
        for i in range(len(rows)):
            self.prompt_rows(rows[i : i + 1], by_row)
        one, two = (
            dataclasses.replace(self.model, threads=n).generate_audio(voice, TEXT, max_tokens=MAX_TOKENS, noise=noise)
            for n in (1, 2)
        )
        return {
            "decoding frame by frame and in one call": relative_error(by_frame, at_once),
            "prompting row by row and in one call": relative_error(self.cache(by_row), self.cache(whole)),
            "speaking with one thread and with two": relative_error(one, two),
        }
