"""Train the language model on the frozen latents; stop and start at will, every pass picks up new shards.

The learning rate warms up, stays, and falls to zero over the last part of --hours (processor time, counted in the
checkpoint). Before it falls, `lm_stable.pt` is kept with the optimiser: start from it, with more hours, another day.
With --own, the model then also reads its own predictions instead of the teacher's latents. In the one trial so far
(0.4) the word error rate rose, so it is off.
"""

import argparse
import json
import signal
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from common import load_checkpoint, progress_of, save_checkpoint
from networks import PHONEMES_PER_FRAME, LanguageModel
from sentences import Sentences

GUIDED_LAYERS = (1, 3)


def shifted(model: LanguageModel, latents: torch.Tensor) -> torch.Tensor:
    return torch.cat([model.bos_emb.expand(len(latents), 1, -1), latents[:, :-1]], 1)


def disturbed(inputs: torch.Tensor, noise: float) -> torch.Tensor:
    """Noise of a different strength in every sentence, and a few frames missing."""
    n, length, _ = inputs.shape
    inputs = inputs + torch.randn_like(inputs) * torch.rand(n, 1, 1) * noise
    kept = (torch.rand(n, length, 1) >= 0.12 * torch.rand(n, 1, 1)).float()
    kept[:, 0] = 1
    return inputs * kept


def run(model: LanguageModel, batch: dict, inputs: torch.Tensor, start: torch.Tensor) -> tuple:
    """Predicted latents, hidden states, those after the last guided layer, attention of the guided heads."""
    voice = model.bos_before_voice.expand(len(inputs), 1, -1)
    padding = torch.zeros(len(inputs), 1, voice.shape[-1])
    rows = torch.cat([voice, model.conditioner.embed(batch["tokens"]), model.input_linear(inputs), padding], 1)
    rows = model.dropout(torch.gather(rows, 1, batch["order"][..., None].expand(-1, -1, rows.shape[-1])))
    x, attention, hidden = model.transformer(rows, want=GUIDED_LAYERS)
    frames = batch["back"][..., None].expand(-1, -1, x.shape[-1])
    out = model.out_norm(torch.gather(x, 1, frames))
    return start + model.flow_net(out, start), out, torch.gather(hidden[GUIDED_LAYERS[-1]], 1, frames), attention


def losses(model: LanguageModel, batch: dict, weights: torch.Tensor, noise: float = 0.0, own: float = 0.0) -> dict:
    """Mean losses a frame. `noise` disturbs the inputs; `own` is the share of the model's own predictions."""
    latents, real = batch["latents"], batch["real"]
    n, length, _ = latents.shape
    if own:
        with torch.no_grad():
            guess = run(model, batch, disturbed(shifted(model, latents), noise / 2), torch.zeros_like(latents))[
                0
            ].float()
        replaced = (torch.rand(n, length, 1) < own * 2 * torch.rand(n, 1, 1)).float()
        inputs = shifted(model, torch.lerp(latents, guess, replaced))
    else:
        inputs = shifted(model, latents)
    if noise:
        inputs = disturbed(inputs, noise)
    start = torch.randn_like(latents) * 0.3 * torch.rand(n, 1, 1) if noise else torch.zeros_like(latents)
    predicted, out, middle, attention = run(model, batch, inputs, start)

    def mean(per_frame: torch.Tensor) -> torch.Tensor:
        return (per_frame * real).sum() / real.sum()

    def phoneme_loss(logits: torch.Tensor) -> torch.Tensor:
        logits = logits.float().view(n * length * PHONEMES_PER_FRAME, -1)
        return mean(
            functional.cross_entropy(logits, batch["phonemes"].flatten(), reduction="none").view(n, length, -1).mean(-1)
        )

    huber = functional.smooth_l1_loss(predicted.float(), latents, reduction="none", beta=0.5)
    ends = functional.binary_cross_entropy_with_logits(
        model.out_eos(out).float()[..., 0], batch["ends"], reduction="none", pos_weight=torch.tensor(4.0)
    )
    guided = 0.0
    for layer in GUIDED_LAYERS:
        rows = torch.gather(attention[layer], 1, batch["back"][..., None].expand(-1, -1, attention[layer].shape[-1]))
        mass = (rows[:, :, 1 : 1 + batch["guide"].shape[-1]] * batch["guide"]).sum(-1)
        guided = guided - mean(torch.log(mass + 1e-4)) / len(GUIDED_LAYERS)
    return {
        "latents": mean((huber * weights).mean(-1)),
        "end": mean(ends),
        "phonemes": phoneme_loss(model.aux(out)),
        "phonemes_mid": phoneme_loss(model.aux_mid(middle)),
        "attention": guided,
    }


class Trainer:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.path = args, args.folder / args.name
        self.data = Sentences(args.latents, args.folder / "tok.model")
        n_tokens = self.data.tokenizer.vocab_size()
        self.model, self.average = LanguageModel(n_tokens), LanguageModel(n_tokens)
        noise = load_checkpoint(args.folder / "statistics.pt")["noise"]
        precision = 1 / (torch.where(noise < 1, noise, torch.tensor(2.0)) ** 2 + 0.05)
        self.weights = precision / precision.mean()
        matrices = [p for p in self.model.parameters() if p.dim() >= 2]
        others = [p for p in self.model.parameters() if p.dim() < 2]
        groups = [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, args.rate, betas=(0.9, 0.97), fused=True)
        self.step, self.spent_s, self.since_start, self.warm_up_steps = 0, 0.0, 0, 150
        self._load()
        self.model.dropout.p = args.dropout
        self.losses = torch.compile(losses, dynamic=True) if args.compile else losses

    def _load(self) -> None:
        source = self.path if self.path.exists() else self.args.start
        if source is None:
            return
        checkpoint = load_checkpoint(source)
        self.model.load_state_dict(checkpoint["model"])
        self.average.load_state_dict(checkpoint["average"])
        self.step = checkpoint["step"]
        if "optimiser" in checkpoint:
            self.optimiser.load_state_dict(checkpoint["optimiser"])
            for group in self.optimiser.param_groups:  # older checkpoints name another implementation
                group.update(fused=True, foreach=False)
            self.warm_up_steps = 1
        if source == self.path:
            self.spent_s, self.since_start = checkpoint["spent_s"], checkpoint["since_start"]

    def save(self, path: Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        state |= {
            "step": self.step,
            "spent_s": self.spent_s,
            "since_start": self.since_start,
            "sizes": self.model.sizes,
        }
        save_checkpoint(path, **state)

    def update(self, batch: dict, progress: float) -> dict:
        falling = max(0.0, (progress - 1 + self.args.fall) / self.args.fall)
        for group in self.optimiser.param_groups:
            group["lr"] = self.args.rate * min(1, (self.since_start + 1) / self.warm_up_steps) * max(0.01, 1 - falling)
        own = self.args.own if falling > 0 else 0.0
        with torch.autocast("cpu", torch.bfloat16):
            parts = self.losses(self.model, batch, self.weights, noise=self.args.noise, own=own)
        guide, spelling = (0.03, 0.1) if progress > 0.5 else (0.1, 0.2)
        phonemes = (parts["phonemes"] + parts["phonemes_mid"]) / 2
        total = 2 * parts["latents"] + 0.3 * parts["end"] + spelling * phonemes + guide * parts["attention"]
        self.optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.since_start += 1
        keep = min(self.args.average, (1 + self.since_start) / (10 + self.since_start))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)
        return {name: float(value.detach()) for name, value in parts.items()}

    @torch.no_grad()
    def held_out(self) -> dict:
        batch = self.data.collate(self.data.held_out, sampling=False)
        return {name: float(value) for name, value in losses(self.average, batch, self.weights).items()}

    def train(self) -> None:
        rng, torch_seed = np.random.default_rng([self.args.seed, self.step]), self.args.seed * 1000003 + self.step
        torch.manual_seed(torch_seed)
        self.average.eval()
        running: dict[str, float] = {}
        n_sentences, saved, last = 0, time.monotonic(), time.process_time()
        while True:
            self.data.refresh()
            for items in self.data.batches(self.args.positions, rng, self.args.joined):
                progress = progress_of(self.spent_s, self.args.hours, self.args.end)
                if progress >= 1:
                    return
                stable = self.path.with_name(self.path.stem + "_stable.pt")
                if progress > 1 - self.args.fall and not stable.exists():
                    self.save(stable)
                parts = self.update(self.data.collate(items, rng.random() < self.args.sampling), progress)
                running = {name: 0.98 * running.get(name, value) + 0.02 * value for name, value in parts.items()}
                n_sentences += len(items)
                now, cpu_s = time.monotonic(), time.process_time()
                self.spent_s += cpu_s - last
                last = cpu_s
                if self.step % 100 == 0:
                    self.report(running, n_sentences, progress)
                if now - saved > 180:
                    self.save(self.path)
                    saved = now

    def report(self, running: dict, n_sentences: int, progress: float) -> None:
        short = {name: round(value, 3) for name, value in running.items()}
        held_out = {name: round(value, 3) for name, value in self.held_out().items()}
        line = {
            "time": time.strftime("%H:%M"),
            "step": self.step,
            "progress": round(progress, 3),
            "of": len(self.data.items),
        }
        print(json.dumps(line | {"seen": n_sentences, "train": short, "held_out": held_out}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", type=Path)
    parser.add_argument("folder", type=Path, help="holds tok.model and statistics.pt; checkpoints go here")
    parser.add_argument("--name", default="lm.pt")
    parser.add_argument("--start", type=Path, help="checkpoint to begin with when there is none of that name yet")
    parser.add_argument("--hours", type=float, default=2.0, help="training time in all, of one core")
    parser.add_argument("--end", metavar="HH:MM", help="end then; --hours is now the time by the clock before it")
    parser.add_argument("--fall", type=float, default=0.3, help="last share of the time, in which the rate falls")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--positions", type=int, default=3000, help="tokens and frames a batch")
    parser.add_argument("--joined", type=float, default=0.15, help="share of sentences spoken in pairs: longer texts")
    parser.add_argument("--sampling", type=float, default=0.8, help="share of batches with sampled tokenisation")
    parser.add_argument("--dropout", type=float, default=0.0, help="of the input rows")
    parser.add_argument("--noise", type=float, default=0.5, help="strongest noise on the latents that are read")
    parser.add_argument("--own", type=float, default=0.0, help="share of own predictions while the rate falls")
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--compile", action="store_true", help="torch.compile: faster, needs a C++ compiler")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as with Ctrl-C: save, then stop
    trainer = Trainer(args)
    try:
        trainer.train()
    finally:
        trainer.save(trainer.path)


if __name__ == "__main__":
    main()
