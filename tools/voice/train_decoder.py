"""Train the waveform decoder on the frozen latents; stop and start at will.

Spectral losses throughout: log magnitudes and spectral convergence at four resolutions, log mel bands at three. From
--adversarial on (a share of the time), small discriminators add what an average over possible phases cannot give: three
of complex spectrograms, and five that fold the waveform at a period.
"""

import argparse
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tools.voice import training
from tools.voice.common import FRAME_SAMPLES, SAMPLE_RATE_HZ, load_checkpoint, load_npz, mel_filters, pad_to_frames
from tools.voice.encoder import sentences_of
from tools.voice.networks import MIDDLE_HZ, OVERLAP, ROW_SAMPLES, ROWS_A_FRAME, WINDOW_HOP, Decoder, drawn, pulses
from tools.voice.pitch import ROWS_HZ, phase_at, smooth_pitch
from tools.voice.training import Trainer, add_options

CROP_FRAMES, SKIP_FRAMES = 16, 2  # the first frames lack their left context: no loss there
N_FFTS, N_MELS = (256, 512, 1024, 2048), {512: 40, 1024: 80, 2048: 128}
CONTRAST_N_FFTS = (512, 1024)


@cache
def window(n_fft: int) -> torch.Tensor:
    return torch.hann_window(n_fft)


@cache
def mels(n_fft: int) -> torch.Tensor:  # [bins, bands]
    return mel_filters(n_fft, N_MELS[n_fft]).T.to(window(n_fft).device)


class ShortSpectra(torch.autograd.Function):
    """Speech [B, n] -> spectra [B, frames, bins, 2] at a quarter of the window a step; torch.stft goes back slowly."""

    @staticmethod
    def forward(ctx, samples: torch.Tensor, n_fft: int) -> torch.Tensor:
        ctx.n_fft, ctx.n_samples, hop = n_fft, samples.shape[1], n_fft // 4
        n_hops = samples.shape[1] // hop
        hops = samples[:, : n_hops * hop].view(len(samples), n_hops, hop)
        frames = torch.cat([hops[:, i : n_hops - 3 + i] for i in range(4)], -1) * window(n_fft)
        return torch.view_as_real(torch.fft.rfft(frames))

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        n_fft, hop = ctx.n_fft, ctx.n_fft // 4
        spectra = torch.view_as_complex(gradient.contiguous()) * 0.5
        spectra[..., [0, -1]] *= 2  # every other bin stands for two of the full spectrum
        frames = torch.fft.irfft(spectra, n_fft, norm="forward") * window(n_fft)
        n_frames = frames.shape[1]
        hops = torch.zeros(len(frames), n_frames + 3, hop)
        for i in range(4):
            hops[:, i : i + n_frames] += frames[..., i * hop : (i + 1) * hop]
        return functional.pad(hops.flatten(1), (0, ctx.n_samples - (n_frames + 3) * hop)), None


def compare(got: list[torch.Tensor], wanted: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Loss over sizes, over mel bands, over compressed complex values, and over contrast, of spectra at the resolutions
    of N_FFTS.

    The third one sees phases, which the harmonics can match as they get the teacher's pitch.
    """
    linear, mel, phase, flatness = 0.0, 0.0, 0.0, 0.0
    for n_fft, x, y in zip(N_FFTS, got, wanted, strict=True):
        a, b = (torch.sqrt(s.square().sum(-1) + 1e-7) for s in (x, y))
        log_a, log_b = torch.log(a + 3e-3), torch.log(b + 3e-3)
        linear = linear + (log_a - log_b).abs().mean()
        linear = linear + 0.5 * (a - b).norm() / (b.norm() + 1e-3)
        if n_fft in N_MELS:
            filters = mels(n_fft)
            mel = mel + (torch.log(a @ filters + 5e-3) - torch.log(b @ filters + 5e-3)).abs().mean()
            root = torch.rsqrt(b + 0.03)[..., None]
            phase = phase + ((x - y) * root).abs().mean()
        if n_fft in CONTRAST_N_FFTS:
            flatness = flatness + (contrast(log_a, n_fft) - contrast(log_b, n_fft)).abs().mean()
    return linear / len(N_FFTS), mel / len(N_MELS), phase / len(N_MELS), flatness / len(CONTRAST_N_FFTS)


def smoothed(x: torch.Tensor, n: int) -> torch.Tensor:
    """Mean of `n` neighbours along the last axis, an odd number."""
    return functional.avg_pool1d(x, n, 1, n // 2, count_include_pad=False)


def contrast(level: torch.Tensor, n_fft: int) -> torch.Tensor:
    """How much log sizes [B, frames, bins] change up to 11 kHz: between neighbours and in peaks along frequency, and
    from frame to frame; logs, of a crop by band.

    What averages over possible details has less of them than any (global variance: Toda and Tokuda 2007).
    """
    level = level[:, :, : n_fft * 11 // 24]
    broad, peaks = (smoothed(level, n_fft * hz // SAMPLE_RATE_HZ | 1) for hz in (1400, 280))
    details = (level - peaks, peaks - broad, peaks[:, 1:] - peaks[:, :-1])
    bands = [functional.avg_pool1d(d.square().mean(1), n_fft // 32, n_fft // 32) for d in details]
    return torch.log(torch.stack(bands) + 1e-3) / 2


class SpectrumJudge(nn.Module):
    """Scores patches of a compressed complex spectrogram; returns the outputs of all layers.

    Wide strides at once: on a CPU the first layers would cost more than the decoder.
    """

    def __init__(self, n_fft: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        shapes = [(2, 32, (7, 5), (4, 2)), (32, 48, (5, 3), (3, 1)), (48, 64, (3, 3), (2, 1)), (64, 1, (3, 3), (1, 1))]
        convs = (nn.Conv2d(i, o, kernel, stride, (kernel[0] // 2, kernel[1] // 2)) for i, o, kernel, stride in shapes)
        self.convs = nn.ModuleList(nn.utils.parametrizations.weight_norm(conv) for conv in convs)

    def forward(self, samples: torch.Tensor) -> list[torch.Tensor]:
        s = ShortSpectra.apply(samples, self.n_fft).permute(0, 3, 2, 1)
        x, layers = s * (s.square().sum(1, keepdim=True) + 1e-5) ** -0.35, []
        for conv in self.convs[:-1]:
            x = functional.leaky_relu(conv(x), 0.2)
            layers.append(x)
        return [*layers, self.convs[-1](x)]


class Judges(nn.ModuleList):
    def __init__(self) -> None:
        super().__init__(SpectrumJudge(n_fft) for n_fft in (512, 1024, 2048))

    def losses(self, got: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the judges, to tell them apart; of the decoder, to be taken for real and look real to every layer."""
        own, decoder, n = 0.0, 0.0, len(got)
        for judge in self:
            layers = [layer.float() for layer in judge(torch.cat([got, wanted]))]
            fake, real = layers[-1][:n], layers[-1][n:]
            own = own + functional.relu(1 + fake).mean() + functional.relu(1 - real).mean()
            decoder = decoder - fake.mean()
            for layer in layers[:-1]:
                a, b = layer[:n], layer[n:].detach()
                decoder = decoder + 2 * (a - b).abs().mean() / (b.abs().mean() + 1e-3)
        return own / len(self), decoder / len(self)


class Crops:
    """Random crops of the speech of some shards with the latents of one of the folders, `lookahead` frames ahead."""

    def __init__(self, shards: Path, folders: list[Path], n_shards: int, noise: torch.Tensor, lookahead: int) -> None:
        known = [path for path in sorted(shards.glob("*.npz")) if all((f / path.name).exists() for f in folders)]
        names = [path.name for path in known[-n_shards:]]
        sentences = [prepared(*sentence) for name in names for sentence in sentences_of(shards / name)]
        device = noise.device
        speech, phase, log_pitch, voiced = (
            torch.from_numpy(np.concatenate(parts)).to(device) for parts in zip(*sentences, strict=True)
        )
        self.speech, self.phase, self.log_pitch, self.voiced = speech, phase, log_pitch, voiced
        latents = [np.concatenate([load_npz(f / name, "latents")[0] for name in names]) for f in folders]
        self.latents = torch.from_numpy(np.stack(latents)).to(device)  # [folders, frames, LATENT_DIM]
        self.noise = torch.where(noise < 1, noise, 0.0)[:, None]
        self.lookahead = lookahead
        self.hours = speech.numel() / SAMPLE_RATE_HZ / 3600

    def batch(self, n: int) -> dict[str, torch.Tensor]:
        """Latents [n, LATENT_DIM, 16], disturbed by the encoder's own noise; speech [n, 16 · 1920]; of the rows that
        make it, phase in cycles of the samples, and log pitch and voicing at their ends."""
        first = torch.randint(self.latents.shape[1] - CROP_FRAMES - self.lookahead - 1, (n, 1))
        frames = first + torch.arange(CROP_FRAMES)
        folder = torch.randint(len(self.latents), (n, 1))
        latents = self.latents[folder, frames + self.lookahead].transpose(1, 2).float()
        latents = latents + torch.randn_like(latents) * self.noise * torch.rand(n, 1, 1) * 1.5
        samples = first * FRAME_SAMPLES + torch.arange(CROP_FRAMES * FRAME_SAMPLES)
        ends = torch.arange(1, CROP_FRAMES * ROWS_A_FRAME + 1) * ROW_SAMPLES
        rows = (first * FRAME_SAMPLES + OVERLAP + ends) // WINDOW_HOP
        return {
            "latents": latents,
            "speech": self.speech[samples].float() / 32767,
            "phase": self.phase[samples + OVERLAP].to(torch.int32).float() / 65536,
            "log_pitch": self.log_pitch[rows],
            "voiced": self.voiced[rows],
        }


def prepared(item: dict, samples: np.ndarray, _: np.ndarray, pitch: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of a sentence: samples, and phase in 65536ths [frames · 1920]; log pitch and voicing every WINDOW_HOP samples."""
    speech = pad_to_frames(samples)
    phase = phase_at(pitch, item["phase"], np.arange(len(speech)))
    log_pitch, voiced = smooth_pitch(pitch)
    n_rows = len(speech) // WINDOW_HOP
    at = np.clip(np.arange(n_rows) * WINDOW_HOP * ROWS_HZ / SAMPLE_RATE_HZ - 0.5, 0, None)
    rows = np.arange(len(pitch))
    curves = (
        np.interp(at, rows, curve, right=last).astype(np.float32) for curve, last in ((log_pitch, None), (voiced, 0))
    )
    return speech, (phase % 1 * 65536).astype(np.uint16), *curves


class DecoderTrainer(Trainer):
    lowest_rate = 0.02

    def __init__(self, args: argparse.Namespace) -> None:
        noise = load_checkpoint(args.folder / "statistics.pt")["noise"].to(args.device)
        self.crops = Crops(args.shards, [args.latents, *args.also], args.shard_count, noise, args.lookahead)
        print(json.dumps({"hours of speech": round(self.crops.hours, 2)}), flush=True)
        sizes = {"width": args.width, "n_layers": args.layers, "hidden": args.hidden, "lookahead": args.lookahead}
        model, self.judges = Decoder(**sizes), Judges()
        optimiser = torch.optim.AdamW(model.parameters(), args.rate, betas=(0.8, 0.95), weight_decay=0.01, fused=True)
        self.judges_optimiser = torch.optim.AdamW(self.judges.parameters(), 3e-4, betas=(0.5, 0.9), fused=True)
        super().__init__(args, model, Decoder(**sizes), optimiser, warm_up_steps=200)
        checkpoint = self.load()
        if "judges" in checkpoint:
            self.judges.load_state_dict(checkpoint["judges"])
            if "judges_optimiser" in checkpoint:
                self.judges_optimiser.load_state_dict(checkpoint["judges_optimiser"])
        self.rows = torch.compile(self.model.rows) if args.compile else self.model.rows

    def state(self) -> dict:
        judges = {"judges": self.judges.state_dict(), "judges_optimiser": self.judges_optimiser.state_dict()}
        return super().state() | judges

    def batches(self) -> Iterator[dict[str, torch.Tensor]]:
        while True:
            yield self.crops.batch(self.args.batch)

    def speak(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Speech made with the teacher's pitch; losses of the model's own pitch and voicing."""
        with training.autocast(self.args.device):
            rows = self.rows(batch["latents"])
        filters = self.model.filters(rows.float())
        pitch = drawn(MIDDLE_HZ * torch.exp(batch["log_pitch"]))
        source = pulses(batch["phase"], pitch) * drawn(batch["voiced"])
        got = self.model.sound(filters, functional.pad(source, (OVERLAP, 0)))
        log_pitch, voicing = filters[3].unbind(-1)
        voiced = functional.binary_cross_entropy_with_logits(voicing, batch["voiced"])
        return got, ((log_pitch - batch["log_pitch"]).abs() * (0.1 + batch["voiced"])).mean(), voiced

    def update(self, batch: dict[str, torch.Tensor], progress: float) -> dict[str, float]:
        self.set_rate(progress)
        got, pitch, voiced = self.speak(batch)
        first = SKIP_FRAMES * FRAME_SAMPLES
        got, wanted = got[:, first:], batch["speech"][:, first:]
        linear, mel, phase, flatness = compare(*([ShortSpectra.apply(x, n) for n in N_FFTS] for x in (got, wanted)))
        parts = {"linear": linear, "mel": mel, "phase": phase, "contrast": flatness, "pitch": pitch, "voiced": voiced}
        parts = {name: float(value.detach()) for name, value in parts.items()}
        spectral = linear + 2 * mel + self.args.phase * phase + self.args.contrast * flatness
        (gradient,) = torch.autograd.grad(spectral, got, retain_graph=True)
        if progress >= self.args.adversarial:
            gradient = gradient + self._judged(got, wanted, gradient.norm(), progress, parts)
        self.optimiser.zero_grad()
        torch.autograd.backward([got, pitch + 0.2 * voiced], [gradient, None])
        self.descend(largest_gradient=2.0)
        return parts

    def _judged(self, got, wanted, size: torch.Tensor, progress: float, parts: dict) -> torch.Tensor:
        """One step of the judges, then their gradient on the speech, scaled to a fixed share of the spectral one.

        They hear a part of each crop: on a CPU they cost more than the decoder.
        """
        n = min(got.shape[1], self.args.judged_frames * FRAME_SAMPLES)
        first = int(torch.randint(got.shape[1] - n + 1, ()))
        around = (first, got.shape[1] - n - first)
        got, wanted = got[:, first : first + n], wanted[:, first : first + n]
        leaf = got.detach().requires_grad_()
        with training.autocast(self.args.device):
            own, loss = self.judges.losses(leaf, wanted)
        (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=True)
        self.judges_optimiser.zero_grad()
        own.backward()
        self.judges_optimiser.step()
        parts |= {"judges": float(own.detach()), "judged": float(loss.detach())}
        ramp = min(1.0, (progress - self.args.adversarial) / (1 - self.args.adversarial) * 4)
        gradient = gradient * (ramp * self.args.share * size / (gradient.norm() + 1e-9))
        return functional.pad(gradient, around)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("latents", type=Path)
    parser.add_argument("folder", type=Path, help="holds statistics.pt; checkpoints go here")
    add_options(parser, name="decoder.pt", fall=0.4, rate=1.5e-3, average=0.998)
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="more folders of latents (of predict_latents)")
    parser.add_argument("--shard-count", type=int, default=60, help="the newest so many shards (20 MB of memory each)")
    parser.add_argument(
        "--adversarial", type=float, default=0.67, help="share of the time after which the judges join; 1: never"
    )
    parser.add_argument(
        "--share", type=float, default=0.5, help="size of the judges' gradient against the spectral one"
    )
    parser.add_argument("--judged-frames", type=int, default=5, help="of each crop that the judges hear; 14: all of it")
    parser.add_argument("--phase", type=float, default=4.0, help="weight of the loss that sees phases")
    parser.add_argument("--contrast", type=float, default=4.0, help="weight of the loss that sees flat spectra")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--lookahead", type=int, default=1, help="frames by which the speech is late")
    parser.add_argument("--batch", type=int, default=16)
    args = parser.parse_args()
    training.run(DecoderTrainer, args)


if __name__ == "__main__":
    main()
