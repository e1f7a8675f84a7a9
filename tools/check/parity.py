"""How far this package is from the reference, model by model: the largest error over the largest value.

    pip install torch==2.13.0            # the CPU build, first
    pip install . -r tools/golden/requirements.txt
    python -m tools.check.parity [--frames 40] [--voice ref.wav] [--json] MODEL.yaml...

Both load the same files and start every frame from the same recorded noise. The columns:

    voice        keys and values of the recording, the worst layer
    latents, EOS a run in which the model hears itself
    fed          the same, but the last latent is always the reference's: the error of single steps
    audio, by 1  those latents of the reference decoded in one call, and frame by frame
    speech       generate_audio from end to end, with the voice each made of the recording
    to it        the reference with a voice saved here; against itself with its own
    from it      this package with a voice that the reference saved; against the reference

The exit status is 1 when any is over 1e-4. Random weights can be chaotic, so that a rounding error grows from frame to
frame; `fed` then stays small while `latents` does not.
"""

import argparse
import copy
import json
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from pocket_tts import TTSModel as Reference
from pocket_tts.models.model_state import export_model_state as save_reference
from pocket_tts.modules.stateful_module import increment_steps, init_states
from safetensors.numpy import load_file

from pockettts_np import TTSModel, export_model_state
from tools.golden.reference_probe import recorded_noise, rows, stacked_cache, tapped

TEXT = "This program will read the file and write the result to the standard output."
LARGEST_ERROR = 1e-4
ALWAYS_ENDING = -1e9  # an EOS threshold: the first frame that may end the speech does, so that the length is known
FIRST_EOS_FRAME = 6
COLUMNS = ("voice", "latents", "EOS", "fed", "audio", "by 1", "speech", "to it", "from it")


def error(got: np.ndarray, want: np.ndarray) -> float:
    if got.shape != want.shape:
        raise ValueError(f"shape {got.shape} here, {want.shape} in the reference")
    return float(np.abs(got.astype(np.float64) - want).max() / np.abs(want).max())


def reference_latents(model: Reference, voice: dict, tokens: torch.Tensor, draws: np.ndarray):
    """(latents [F, L], EOS logits [F]) of the reference."""
    state, latents = copy.deepcopy(voice), []
    model._expand_kv_cache(state, model._flow_lm_current_end(state) + tokens.shape[1] + len(draws))
    latent = torch.full((1, 1, model.flow_lm.ldim), float("nan"))
    with recorded_noise(model, draws), torch.no_grad():
        model._run_flow_lm_and_increment_step(model_state=state, text_tokens=tokens)
        with tapped({"eos": model.flow_lm.out_eos}) as seen:
            for _ in draws:
                latent, _ = model._run_flow_lm_and_increment_step(model_state=state, backbone_input_latents=latent)
                latents.append(rows(latent, False)[0])
    return np.stack(latents), np.array([logit.item() for logit in seen["eos"]])


def our_latents(model: TTSModel, voice, ids: list[int], draws: np.ndarray, fed: np.ndarray | None = None):
    """(latents [F, L], EOS logits [F]) here; the model hears itself, or the latents `fed`."""
    flow_lm, state, latents, logits = model.flow_lm, voice.copy(), [], []
    flow_lm.prompt(flow_lm.text(ids), state)
    times, std = flow_lm.flow_net.time_table(1), np.float32(np.sqrt(model.sampling.temperature))
    heard = None
    for i, draw in enumerate(draws):
        z, logit = flow_lm.step(heard, state)
        latents.append(flow_lm.flow_net.sample(z[None], (std * draw)[None], times)[0])
        logits.append(logit)
        heard = latents[-1] if fed is None else fed[i]
    return np.stack(latents), np.array(logits)


def reference_audio(model: Reference, latents: np.ndarray, frames_a_call: int) -> np.ndarray:
    mimi, steps = model.mimi, int(model.mimi.encoder_frame_rate / model.mimi.frame_rate)
    state, parts = init_states(mimi, 1, steps * len(latents)), []
    with torch.no_grad():
        codec_latents = (torch.from_numpy(latents) * model.flow_lm.emb_std + model.flow_lm.emb_mean)[None]
        for part in codec_latents.split(frames_a_call, dim=1):
            parts.append(mimi.decode_from_latent(part, state)[0, 0])
            increment_steps(mimi, state, steps * part.shape[1])
    return torch.cat(parts).numpy()


def our_audio(model: TTSModel, latents: np.ndarray, frames_a_call: int) -> np.ndarray:
    state, codec_latents = model.decoder.init_state(), model.flow_lm.denormalize(latents)
    starts = range(0, len(latents), frames_a_call)
    return np.concatenate([model.decoder(codec_latents[i : i + frames_a_call], state) for i in starts])


def compare(path: Path, recording: Path, n_frames: int) -> dict[str, float]:
    """The errors of one model, by column."""
    here = TTSModel.load_model(config=path, eos_threshold=ALWAYS_ENDING)
    there = Reference.load_model(config=str(path), eos_threshold=ALWAYS_ENDING)
    draws = np.random.default_rng(0).standard_normal((n_frames + 1, there.flow_lm.ldim)).astype(np.float32)
    tokens = there.flow_lm.conditioner.prepare(TEXT)
    after_eos = n_frames - FIRST_EOS_FRAME

    def speech_here(voice) -> np.ndarray:
        return here.generate_audio(voice, TEXT, frames_after_eos=after_eos, noise=draws)

    def speech_there(voice) -> np.ndarray:
        with recorded_noise(there, draws):
            return there.generate_audio(voice, TEXT, frames_after_eos=after_eos).numpy()

    voice, its_voice = here.get_state_for_audio_prompt(recording), there.get_state_for_audio_prompt(recording)
    with tempfile.TemporaryDirectory() as folder:
        ours, its = Path(folder, "ours.safetensors"), Path(folder, "its.safetensors")
        export_model_state(voice, ours)
        save_reference(its_voice, its)
        saved = load_file(ours)
        layers = [saved[f"{name}/cache"][:, 0] for name in its_voice]
        speech = speech_there(its_voice)
        to_it = error(speech_there(there.get_state_for_audio_prompt(ours)), speech)
        from_it = error(speech_here(here.get_state_for_audio_prompt(its)), speech)
    want, want_eos = reference_latents(there, its_voice, tokens, draws[:n_frames])
    latents, eos = our_latents(here, voice, tokens[0].tolist(), draws[:n_frames])
    fed, _ = our_latents(here, voice, tokens[0].tolist(), draws[:n_frames], fed=want)
    pairs = zip(layers, stacked_cache(its_voice), strict=True)
    errors = (
        max(error(layer[i], want_layer[i]) for layer, want_layer in pairs for i in range(2)),
        error(latents, want),
        error(eos, want_eos),
        error(fed, want),
        error(our_audio(here, want, n_frames), reference_audio(there, want, n_frames)),
        error(our_audio(here, want, 1), reference_audio(there, want, 1)),
        error(speech_here(voice), speech),
        to_it,
        from_it,
    )
    return dict(zip(COLUMNS, errors, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="configurations (.yaml) with local weights")
    parser.add_argument("--frames", type=int, default=40, help="frames of speech, at least 7 (default 40)")
    parser.add_argument("--voice", type=Path, default=Path(__file__).parents[2] / "ref.wav", help="recording to clone")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    if not args.json:
        print(f"{'model':28}" + "".join(f"{name:>9}" for name in COLUMNS))
    worst = 0.0
    for path in args.models:
        errors = compare(path, args.voice, args.frames)
        worst = max(worst, *errors.values())
        line = json.dumps({"model": path.stem} | errors)
        table = f"{path.stem:28}" + "".join(f"{value:9.1e}" for value in errors.values())
        print(line if args.json else table, flush=True)
    sys.exit(worst > LARGEST_ERROR)


if __name__ == "__main__":
    main()
