"""Write the latents that the language model predicts, frame by frame in step with the teacher's speech.

`train_decoder --also` mixes them in, so that the decoder learns to speak clearly from predictions, which are
smoother than the encoder's latents.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from tools.voice.common import frames_of, load_npz, save_npz
from tools.voice.evaluate import load_language_model
from tools.voice.sentences import Sentences
from tools.voice.train_lm import disturbed, run, shifted
from tools.voice.training import autocast


@torch.no_grad()
def predict(model: torch.nn.Module, batch: dict, noise: float) -> torch.Tensor:  # [B, frames, 32]
    """Two passes: the second reads what the first predicted, as in free speech."""
    latents, start = batch["latents"], torch.zeros_like(batch["latents"])
    with autocast():
        guess = run(model, batch, disturbed(shifted(model, latents), noise), start)[0].float()
        mixed = shifted(model, torch.lerp(latents, guess, 0.7))
        return run(model, batch, mixed, start)[0].float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", type=Path)
    parser.add_argument("predicted", type=Path, help="folder to fill, one file for each of latents")
    parser.add_argument("folder", type=Path, help="holds tok.model and lm.pt")
    parser.add_argument("--lm", type=Path, help="default: FOLDER/lm.pt")
    parser.add_argument("--shards", type=Path, help="leave out the latents that have no speech there")
    parser.add_argument("--noise", type=float, default=0.3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_language_model(args.lm or args.folder / "lm.pt")
    args.predicted.mkdir(parents=True, exist_ok=True)
    for path in sorted(args.latents.glob("*.npz")):
        spoken = args.shards is None or (args.shards / path.name).exists()
        if spoken and not (args.predicted / path.name).exists():
            predict_shard(model, path, args)


def predict_shard(model: torch.nn.Module, path: Path, args: argparse.Namespace) -> None:
    """Sentences that the language model cannot use keep the encoder's latents."""
    data = Sentences(path, args.folder / "tok.model", model.sizes.get("voices", ()), n_held_out=0)
    latents, meta = load_npz(path, "latents")
    firsts = np.cumsum([0, *(frames_of(item["n_samples"]) for item in meta)])
    result = latents.copy()
    for group in np.array_split(sorted(data.items, key=lambda item: len(item["latents"])), 4):
        predicted = predict(model, data.collate(list(group), sampling=False), args.noise)
        for item, rows in zip(group, predicted, strict=True):
            first = firsts[item["index"]]
            result[first : first + len(item["latents"])] = rows[: len(item["latents"])].numpy()
    save_npz(args.predicted / path.name, meta, latents=result)
    error = float(np.mean((result.astype(np.float32) - latents) ** 2))
    print(f"{path.name}: mean squared difference {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
