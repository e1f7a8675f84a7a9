"""Train the feature encoder, a small variational autoencoder, and freeze it: everything else learns its latents.

It is trained once, on the first shards. Dimensions whose posterior noise is at least their spread carry nothing and are
zeroed; the others are scaled to mean 0 and deviation 1. Retraining it makes every decoder and language model checkpoint
useless.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import nn

from tools.voice import training
from tools.voice.common import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    LATENT_DIM,
    features,
    load_checkpoint,
    load_npz,
    pad_to_frames,
    save_checkpoint,
)

N_FEATURES, PER_FRAME = 176, FRAME_SAMPLES // HOP_SAMPLES


def _halve(width: int, out: int) -> list[nn.Module]:
    return [nn.Conv1d(width, out, 4, 2, 1), nn.GELU()]


def _double(width: int, out: int) -> list[nn.Module]:
    return [nn.ConvTranspose1d(width, out, 4, 2, 1), nn.GELU()]


def _same(width: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv1d(width, width, kernel, padding=kernel // 2), nn.GELU()]


class Encoder(nn.Module):
    """Features [B, 176, 8 T] -> mean and log variance of the latents [B, 32, T]."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        first = [nn.Conv1d(N_FEATURES, width, 5, padding=2), nn.GELU()]
        middle = [*_halve(width, width), *_same(width, 3), *_halve(width, width), *_same(width, 3), *_halve(width, 256)]
        self.net = nn.Sequential(*first, *middle, *_same(256, 1), nn.Conv1d(256, 2 * LATENT_DIM, 1))
        self.register_buffer("mu", torch.zeros(N_FEATURES, 1))
        self.register_buffer("sd", torch.ones(N_FEATURES, 1))

    def forward(self, feats: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.net((feats - self.mu) / self.sd).chunk(2, 1)
        return mean, log_variance.clamp(-9, 3)


class FeatureDecoder(nn.Module):
    """Latents back to normalised features; needed only to train the encoder."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        first = [nn.Conv1d(LATENT_DIM, 256, 3, padding=1), nn.GELU(), *_double(256, width), *_same(width, 3)]
        rest = [*_double(width, width), *_same(width, 3), *_double(width, width)]
        self.net = nn.Sequential(*first, *rest, nn.Conv1d(width, N_FEATURES, 5, padding=2))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.net(latents)


class FrozenEncoder:
    """Speech -> normalised latents, from `encoder.pt` and `statistics.pt`."""

    def __init__(self, folder: Path) -> None:
        self.encoder = Encoder()
        self.encoder.load_state_dict(load_checkpoint(folder / "encoder.pt")["encoder"])
        self.encoder.eval()
        statistics = load_checkpoint(folder / "statistics.pt")
        self.mean, self.deviation, self.noise = statistics["mean"], statistics["deviation"], statistics["noise"]
        self.alive = (self.noise < 1).float()[:, None]

    @torch.no_grad()
    def encode(self, samples: np.ndarray) -> np.ndarray:  # int16 [n] -> float32 [frames, 32]
        feats = features(torch.from_numpy(pad_to_frames(samples).astype(np.float32) / 32767))
        mean, _ = self.encoder(feats[None])
        return ((mean[0] - self.mean) / self.deviation * self.alive).T.contiguous().numpy()


def load_features(shards: list[Path], speed: float = 1.0) -> torch.Tensor:  # [176, frames at 100 Hz]
    """Of all sentences, or of what they are when played at another speed: higher or lower, another voice."""
    parts = []
    for path in shards:
        samples, meta = load_npz(path, "samples")
        for part in np.split(samples / np.float32(32767), np.cumsum([item["n_samples"] for item in meta])[:-1]):
            played = part if speed == 1 else soxr.resample(part, speed, 1)
            parts.append(features(torch.from_numpy(pad_to_frames(played))).half())
    return torch.cat(parts, 1)


def train(feats: torch.Tensor, held_out: torch.Tensor, args: argparse.Namespace) -> Encoder:
    encoder, decoder = Encoder(), FeatureDecoder()
    if args.start:
        encoder.load_state_dict(load_checkpoint(args.start)["encoder"])
    else:
        encoder.mu[:] = feats[:, ::7].float().mean(1, keepdim=True)
        encoder.sd[:] = feats[:, ::7].float().std(1, keepdim=True)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.AdamW(parameters, 1.5e-3, betas=(0.9, 0.98), weight_decay=0.01)
    band_weight = torch.ones(N_FEATURES, 1)
    band_weight[80:] = 0.5

    def losses(wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with training.autocast(args.device):
            mean, log_variance = (x.float() for x in encoder(wanted))
            guess = decoder(mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance))
        error = ((guess.float() - (wanted - encoder.mu) / encoder.sd).abs() * band_weight).mean()
        return error, 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()

    start = time.perf_counter()
    for step in range(args.steps):
        rate = 1.5e-3 * min(1, (step + 1) / 100) * (0.52 + 0.5 * math.cos(math.pi * step / args.steps))
        optimiser.param_groups[0]["lr"] = rate
        first = torch.randint(0, feats.shape[1] // PER_FRAME - 16, (24, 1)) * PER_FRAME
        frames = first + torch.arange(16 * PER_FRAME)
        error, kl = losses(feats[:, frames].transpose(0, 1).float())
        optimiser.zero_grad()
        (error + args.kl * kl).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if step % 100 == 0 or step == args.steps - 1:
            with torch.no_grad():
                unseen, _ = losses(held_out[None])
            spent = f"{time.perf_counter() - start:.0f} s"
            print(f"step {step}: L1 {error:.4f}, of an unseen shard {unseen:.4f}, KL {kl:.1f}, {spent}", flush=True)
    return encoder


@torch.no_grad()
def latent_statistics(encoder: Encoder, feats: torch.Tensor) -> dict[str, torch.Tensor]:
    pieces = [encoder(piece.float()[None]) for piece in feats[:, : feats.shape[1] // 8 * 8].split(4000, 1)]
    mean = torch.cat([m[0] for m, _ in pieces], 1)
    noise = torch.cat([v[0] for _, v in pieces], 1).mul(0.5).exp().mean(1)
    deviation = mean.std(1, keepdim=True)
    return {"mean": mean.mean(1, keepdim=True), "deviation": deviation, "noise": noise / deviation[:, 0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("folder", type=Path, help="where encoder.pt and statistics.pt go")
    parser.add_argument("--shard-count", type=int, default=20, help="use so many (20 of 200 sentences: 2.3 hours)")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--kl", type=float, default=6e-5, help="of one voice, 3e-4 leaves 6 dimensions, 6e-5 17")
    parser.add_argument("--speeds", type=float, nargs="*", default=[], help="also learn speech played so much faster")
    parser.add_argument("--start", type=Path, help="encoder.pt to begin with, of another voice")
    parser.add_argument("--device", default="cpu", help="cuda: a GPU")
    args = parser.parse_args()
    if (args.folder / "encoder.pt").exists():
        raise SystemExit(f"{args.folder / 'encoder.pt'} is there already and frozen; remove it to train a new one.")
    args.folder.mkdir(parents=True, exist_ok=True)
    *paths, unseen = sorted(args.shards.glob("*.npz"))[: args.shard_count + 1]
    feats, held_out = load_features(paths), load_features([unseen]).float()
    played = [load_features(paths, speed) for speed in args.speeds]
    training.use(args.device)
    everything, held_out = torch.cat([feats, *played], 1).to(args.device), held_out.to(args.device)
    encoder = train(everything, held_out, args).eval()
    statistics = latent_statistics(encoder, feats.to(args.device))
    save_checkpoint(args.folder / "statistics.pt", **{name: value.cpu() for name, value in statistics.items()})
    save_checkpoint(args.folder / "encoder.pt", encoder=encoder.cpu().state_dict())
    print(f"{int((statistics['noise'] < 1).sum())} of {LATENT_DIM} dimensions carry speech")


if __name__ == "__main__":
    main()
