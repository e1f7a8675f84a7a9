"""What int8 weights cost: a model against itself with `quantize=True`, on the same text, voice and noise.

    python -m tools.check.quantized MODEL.yaml…

Root mean square of the difference over that of the float32 value, in percent: of the condition that the backbone hands
to the flow net, both models reading the float32 model's latents; then of the latents and of the sound when each model
reads its own. Random weights give no speech, so the length is fixed and EOS ignored.
"""

import argparse
from pathlib import Path

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.loading.voice import VoiceState
from pockettts_np.synthesis.noise import draws, scale

TEXT = "This program will read the file and write the result to the standard output."
LARGEST_BACKBONE_PERCENT = 1.0


def run(model: TTSModel, voice: VoiceState, n_frames: int, read: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Conditions, latents and samples of `n_frames`; the model reads the latents `read`, else its own."""
    flow_lm, ids = model.flow_lm, model.tokenizer.encode(TEXT)
    state = voice.copy(spare_rows=len(ids) + n_frames)
    flow_lm.prompt(flow_lm.text(ids), state)
    noise = draws(0, model.config.mimi.latent_dim)
    times = flow_lm.flow_net.time_table(model.sampling.n_steps)
    conditions, latents, latent = [], [], None
    for frame in range(n_frames):
        z, _ = flow_lm.step(latent, state)
        conditions.append(z)
        start = scale(next(noise), model.sampling.temperature, None)
        latents.append(flow_lm.flow_net.sample(z[None], start[None], times)[0])
        latent = latents[-1] if read is None else read[frame]
    sound = model.decoder(flow_lm.denormalize(np.stack(latents)), model.decoder.init_state())
    return np.stack(conditions), np.stack(latents), sound


def percent(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(
        100 * np.sqrt(((got - wanted).astype(np.float64) ** 2).mean() / (wanted.astype(np.float64) ** 2).mean())
    )


def errors(config: Path, recording: Path, n_frames: int) -> dict[str, float]:
    wanted = TTSModel.load_model(config=config)
    voice = wanted.get_state_for_audio_prompt(recording) if wanted.has_voice_cloning else wanted.get_default_voice()
    conditions, latents, sound = run(wanted, voice, n_frames)
    got = TTSModel.load_model(config=config, quantize=True)
    own_conditions, _, _ = run(got, voice, n_frames, read=latents)
    _, own_latents, own_sound = run(got, voice, n_frames)
    return {
        "backbone": percent(own_conditions, conditions),
        "latents": percent(own_latents, latents),
        "sound": percent(own_sound, sound),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", type=Path, help="configurations with float32 or bfloat16 weights")
    parser.add_argument("--recording", type=Path, default=Path(__file__).parents[2] / "ref.wav")
    parser.add_argument("--frames", type=int, default=40)
    args = parser.parse_args()
    print("| model | backbone % | latents % | sound % |\n|---|---|---|---|")
    worst = 0.0
    for config in args.configs:
        found = errors(config, args.recording, args.frames)
        worst = max(worst, found["backbone"])
        print(f"| {config.stem} | " + " | ".join(f"{value:.2f}" for value in found.values()) + " |", flush=True)
    if worst > LARGEST_BACKBONE_PERCENT:
        raise SystemExit(f"The backbone is off by {worst:.2f} %; wanted at most {LARGEST_BACKBONE_PERCENT} %.")


if __name__ == "__main__":
    main()
