"""Train the encoder, a small variational autoencoder, and freeze it: everything else learns its latents.

It reads what enters the last part of the teacher's vocoder, and its pitch, so that a text gets its latents without
being made sound. What it must keep is judged by the sound: the autoencoder gives mel bands and pitch. It is trained
once, on the first shards. Of its N_DIMS dimensions, those that are worth little die while it is trained: their
posterior noise is as large as their spread. The LATENT_DIM clearest are kept, scaled to mean 0 and deviation 1.
Retraining it makes every decoder and language model checkpoint useless.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tools.voice import training
from tools.voice.common import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    LATENT_DIM,
    N_MELS,
    frames_of,
    load_checkpoint,
    log_mel,
    pad_to_frames,
    save_checkpoint,
)
from tools.voice.pitch import ROW_SAMPLES, ROWS_HZ, resampled, smooth_pitch

N_HIDDEN, N_DIMS, PER_FRAME = 512, 64, FRAME_SAMPLES // HOP_SAMPLES
N_READ, N_KEPT = N_HIDDEN + 2, N_MELS + 2
PITCH_WEIGHT = 4.0  # of the error of pitch and voicing against that of a mel band


def _halve(width: int, out: int) -> list[nn.Module]:
    return [nn.Conv1d(width, out, 4, 2, 1), nn.GELU()]


def _double(width: int, out: int) -> list[nn.Module]:
    return [nn.ConvTranspose1d(width, out, 4, 2, 1), nn.GELU()]


def _same(width: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv1d(width, width, kernel, padding=kernel // 2), nn.GELU()]


class Encoder(nn.Module):
    """The teacher's rows [B, N_READ, 8 T] -> mean and log variance of the latents [B, N_DIMS, T]."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        first = [nn.Conv1d(N_READ, width, 3, padding=1), nn.GELU()]
        middle = [
            *_halve(width, width),
            *_same(width, 3),
            *_halve(width, width),
            *_same(width, 3),
            *_halve(width, width),
        ]
        self.net = nn.Sequential(*first, *middle, *_same(width, 3), nn.Conv1d(width, 2 * N_DIMS, 1))
        self.register_buffer("mu", torch.zeros(N_READ, 1))
        self.register_buffer("sd", torch.ones(N_READ, 1))

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.net((rows - self.mu) / self.sd).chunk(2, 1)
        return mean, log_variance.clamp(-9, 3)


class FeatureDecoder(nn.Module):
    """Latents back to mel bands and pitch, normalised; needed only to train the encoder."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        first = [nn.Conv1d(N_DIMS, width, 3, padding=1), nn.GELU(), *_double(width, width), *_same(width, 3)]
        rest = [*_double(width, width), *_same(width, 3), *_double(width, width)]
        self.net = nn.Sequential(*first, *rest, nn.Conv1d(width, N_KEPT, 5, padding=2))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.net(latents)


def read_rows(hidden: np.ndarray, pitch: np.ndarray, n_frames: int) -> np.ndarray:
    """What the encoder reads of a sentence, float16 [N_READ, 8 frames]: the teacher's rows at 100 Hz instead of 80."""
    log_hz, voiced = smooth_pitch(pitch)
    rows = np.concatenate([hidden.T.astype(np.float32), log_hz[None], voiced[None]])
    return resampled(rows, ROWS_HZ, n_frames * PER_FRAME, FRAME_SAMPLES // PER_FRAME).astype(np.float16)


class FrozenEncoder:
    """What the teacher says -> normalised latents, from `encoder.pt` and `statistics.pt`."""

    def __init__(self, folder: Path) -> None:
        self.encoder = Encoder()
        self.encoder.load_state_dict(load_checkpoint(folder / "encoder.pt")["encoder"])
        self.encoder.eval()
        found = load_checkpoint(folder / "statistics.pt")
        self.kept, self.mean, self.deviation = found["kept"], found["mean"], found["deviation"]

    @torch.no_grad()
    def encode(self, hidden: np.ndarray, pitch: np.ndarray, n_samples: int) -> np.ndarray:  # float32 [frames, dims]
        rows = torch.from_numpy(read_rows(hidden, pitch, frames_of(n_samples))).float()
        mean, _ = self.encoder(rows[None])
        return ((mean[0, self.kept] - self.mean) / self.deviation).T.contiguous().numpy()


def sentences_of(path: Path) -> list[tuple[dict, np.ndarray, np.ndarray, np.ndarray]]:
    """What is noted of each sentence, its samples, and the teacher's rows and pitch."""
    with np.load(path) as shard:
        meta = json.loads(str(shard["meta"]))
        samples, hidden, pitch = (shard[name] for name in ("samples", "hidden", "pitch"))
    ends = np.cumsum([item["n_samples"] for item in meta])[:-1]
    rows = ends // ROW_SAMPLES
    return list(zip(meta, np.split(samples, ends), np.split(hidden, rows), np.split(pitch, rows), strict=True))


def examples(shards: list[Path]) -> tuple[torch.Tensor, torch.Tensor]:
    """What is read and what must be kept, float16 [N_READ or N_KEPT, frames at 100 Hz]."""
    read, kept = [], []
    for path in shards:
        for item, samples, hidden, pitch in sentences_of(path):
            read.append(read_rows(hidden, pitch, frames_of(item["n_samples"])))
            mel = log_mel(torch.from_numpy(pad_to_frames(samples / np.float32(32767)))).half().numpy()
            kept.append(np.concatenate([mel, read[-1][-2:]]))
    return torch.from_numpy(np.concatenate(read, 1)), torch.from_numpy(np.concatenate(kept, 1))


def train(read: torch.Tensor, kept: torch.Tensor, n_held_out: int, args: argparse.Namespace) -> Encoder:
    encoder, decoder = Encoder(), FeatureDecoder()
    encoder.mu[:], encoder.sd[:] = read[:, ::7].float().mean(1, keepdim=True), read[:, ::7].float().std(1, keepdim=True)
    mean, deviation = kept[:, ::7].float().mean(1, keepdim=True), kept[:, ::7].float().std(1, keepdim=True)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.AdamW(parameters, args.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    weight = torch.ones(N_KEPT, 1)
    weight[N_MELS:] = PITCH_WEIGHT

    def losses(inputs: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with training.autocast(args.device):
            z, log_variance = (x.float() for x in encoder(inputs.float()))
            guess = decoder(z + torch.randn_like(z) * torch.exp(0.5 * log_variance)).float()
        error = (guess - (wanted.float() - mean) / deviation).abs() * weight
        kl = 0.5 * (z**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return error.mean(), kl, error[:, :N_MELS].mean(), error[:, N_MELS:].mean() / PITCH_WEIGHT

    last, start = (read.shape[1] - n_held_out) // PER_FRAME - 24, time.perf_counter()
    unseen = (read[None, :, -n_held_out:], kept[None, :, -n_held_out:])
    for step in range(args.steps):
        optimiser.param_groups[0]["lr"] = args.rate * training.rate_at(step, args.steps)
        first = torch.randint(0, last, (16, 1)) * PER_FRAME
        frames = first + torch.arange(24 * PER_FRAME)
        error, kl, *_ = losses(read[:, frames].transpose(0, 1), kept[:, frames].transpose(0, 1))
        optimiser.zero_grad()
        (error + args.kl * kl).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if step % 100 == 0 or step == args.steps - 1:
            with torch.no_grad():
                _, _, mel, pitch = losses(*unseen)
            spent = f"{time.perf_counter() - start:.0f} s"
            print(
                f"step {step}: error {error:.4f}, KL {kl:.1f}; unseen: mel {mel:.4f}, pitch {pitch:.4f}; {spent}",
                flush=True,
            )
    return encoder


@torch.no_grad()
def latent_statistics(encoder: Encoder, read: torch.Tensor) -> dict[str, torch.Tensor]:
    """Which dimensions are kept; their mean and deviation [LATENT_DIM, 1]; their noise against their deviation."""
    pieces = [encoder(piece.float()[None]) for piece in read[:, : read.shape[1] // 8 * 8].split(4000, 1)]
    mean = torch.cat([m[0] for m, _ in pieces], 1)
    noise = torch.cat([v[0] for _, v in pieces], 1).mul(0.5).exp().mean(1)
    noise = noise / mean.std(1)
    kept = noise.argsort()[:LATENT_DIM]
    live, clear = (int((noise < limit).sum()) for limit in (1, 0.5))
    print(f"{live} of {N_DIMS} dimensions live, {clear} with noise below half their spread.")
    mean = mean[kept]
    return {
        "kept": kept,
        "mean": mean.mean(1, keepdim=True),
        "deviation": mean.std(1, keepdim=True),
        "noise": noise[kept],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("folder", type=Path, help="where encoder.pt and statistics.pt go")
    parser.add_argument("--shard-count", type=int, default=40, help="use so many; the last is for testing")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--kl", type=float, default=1e-5, help="the larger, the fewer dimensions live")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    training.use(args.device)
    torch.manual_seed(0)
    shards = sorted(args.shards.glob("*.npz"))[: args.shard_count]
    *seen, held_out = (examples([path]) for path in shards)
    read, kept = (torch.cat(parts, 1) for parts in zip(*seen, held_out, strict=True))
    print(f"{read.shape[1] / 6000:.0f} minutes of speech", flush=True)
    encoder = train(read, kept, held_out[0].shape[1], args)
    found = latent_statistics(encoder, read)
    save_checkpoint(args.folder / "encoder.pt", encoder=encoder.state_dict())
    save_checkpoint(args.folder / "statistics.pt", **found)


if __name__ == "__main__":
    main()
