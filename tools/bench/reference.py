"""What tools.bench measures of the reference, pocket-tts on torch: the operations of worker.Engine.

Only the reference's own interpreter imports this file. EOS never comes and the length is fixed; all else is as shipped:
one torch thread, the language model and the decoder in a thread each.
"""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from pocket_tts import TTSModel
from pocket_tts.models import flow_lm as samplers
from pocket_tts.models.model_state import export_model_state
from pocket_tts.modules.stateful_module import increment_steps, init_states

from tools.bench.worker import MAX_TOKENS, NEVER, TEXT, Job

State = dict[str, dict[str, torch.Tensor]]
SAMPLERS = {
    "lsd": samplers.lsd_decode,
    "flow_matching": samplers.ot_decode,
    "drifting": samplers.drifting_decode,
    "pointwise": samplers.pointwise_decode,
}


def prepare(job: Job) -> None:
    """Nothing: the reference makes its int8 weights while loading."""


def _source(job: Job) -> dict[str, str]:
    return {"config" if Path(job.model).suffix in (".yaml", ".yml") else "language": job.model}


def model_options(job: Job) -> list[str]:
    named = [f"--{name}={value}" for name, value in _source(job).items()]
    return named + (["--quantize"] if job.quantize else [])


def run_command(arguments: list[str], frames: int) -> None:
    """pocket-tts, speaking for `frames` frames."""
    from pocket_tts.main import cli_app

    TTSModel._estimate_max_gen_len = lambda model, n_tokens: frames
    cli_app(arguments, standalone_mode=False)


@contextmanager
def replayed(rows: Iterator[np.ndarray]) -> Iterator[None]:
    """The reference draws its noise from `rows` of standard-normal numbers."""

    def draw(tensor: torch.Tensor, mean: float, std: float) -> torch.Tensor:
        return tensor.copy_(torch.from_numpy(next(rows)) * std)

    with mock.patch.object(torch.nn.init, "normal_", draw):
        yield


class Engine:
    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job.reference_threads)
        torch.set_grad_enabled(False)
        self.model = TTSModel.load_model(**_source(job), eos_threshold=NEVER, quantize=job.quantize)
        self.model._estimate_max_gen_len = lambda tokens: job.frames
        mimi, flow_lm = self.model.mimi, self.model.flow_lm
        self.sample_rate_hz, self.frame_samples = self.model.sample_rate, mimi.frame_size
        self.voice_width, self.condition_dim = flow_lm.dim, flow_lm.out_eos.in_features
        self.latent_dim = flow_lm.ldim
        self._stride = int(mimi.encoder_frame_rate / mimi.frame_rate)
        self.head_input = (self._stride, mimi.decoder.dimension)
        self.frames = job.frames
        self._tokens = flow_lm.conditioner.prepare(TEXT)
        self.n_text_tokens = self._tokens.shape[1]

    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in ("pocket-tts", "torch", "numpy")}

    def clone(self, samples: np.ndarray) -> State:
        return self.model.get_state_for_audio_prompt(torch.from_numpy(samples)[None])

    def save_voice(self, voice: State, path: str) -> None:
        export_model_state(voice, path)

    def load_voice(self, path: str) -> State:
        return self.model.get_state_for_audio_prompt(path)

    def cache(self, voice: State) -> np.ndarray:
        end = self.model._flow_lm_current_end(voice)
        return np.stack([layer["cache"][:, 0, :end].numpy() for layer in voice.values()])

    def speak(
        self, voice: State, stop: threading.Event | None = None, noise: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        chunks = self.model.generate_audio_stream(voice, TEXT, max_tokens=MAX_TOKENS, stop=stop)
        if noise is None:
            yield from (chunk.numpy() for chunk in chunks)
            return
        with replayed(iter([noise[0], *noise])):  # reading the text draws one row too, of no effect
            yield from (chunk.numpy() for chunk in chunks)

    def copy_voice(self, voice: State) -> State:
        state = copy.deepcopy(voice)
        end = self.model._flow_lm_current_end(state) + self.n_text_tokens + self.frames
        self.model._expand_kv_cache(state, end)
        return state

    def prompt_text(self, state: State) -> None:
        self.model._run_flow_lm_and_increment_step(model_state=state, text_tokens=self._tokens)

    def prompt_rows(self, rows: np.ndarray, state: State) -> None:
        conditioning = torch.from_numpy(rows)[None]
        self.model._run_flow_lm_and_increment_step(model_state=state, audio_conditioning=conditioning)

    def empty_state(self, n_rows: int) -> State:
        return init_states(self.model.flow_lm, 1, n_rows)

    def steps(self, state: State, noise: np.ndarray) -> np.ndarray:
        latent = torch.full((1, 1, self.model.flow_lm.ldim), float("nan"))
        latents = []
        with replayed(iter(noise)):
            for _ in noise:
                latent, _ = self.model._run_flow_lm_and_increment_step(model_state=state, backbone_input_latents=latent)
                latents.append(latent)
        return torch.cat(latents, dim=1)[0].numpy()

    def flow_net(self, condition: np.ndarray, noise: np.ndarray) -> np.ndarray:
        flow_lm, steps = self.model.flow_lm, self.model.sampler_decode_steps
        velocity = partial(flow_lm.flow_net, torch.from_numpy(condition)[None])
        return SAMPLERS[flow_lm.flow_type](velocity, torch.from_numpy(noise)[None], steps)[0].numpy()

    def decoder_state(self, n_frames: int) -> State:
        return init_states(self.model.mimi, 1, n_frames * self._stride)

    def decode(self, latents: np.ndarray, state: State) -> np.ndarray:
        flow_lm, mimi = self.model.flow_lm, self.model.mimi
        scaled = torch.from_numpy(latents)[None] * flow_lm.emb_std + flow_lm.emb_mean
        samples = mimi.decode_from_latent(scaled, state)
        increment_steps(mimi, state, self._stride * len(latents))
        return samples[0, 0].numpy()

    def head(self, rows: np.ndarray, state: State) -> np.ndarray:
        return self.model.mimi.decoder(torch.from_numpy(rows).T[None], state)[0, 0].numpy()

    def contradictions(self, voice: State, noise: np.ndarray) -> dict[str, float]:
        return {}
