"""Train the language model on the frozen latents; stop and start at will, every pass picks up new shards.

The learning rate warms up, stays, and falls to zero over the last part of --hours (processor time, counted in the
checkpoint). Before it falls, `lm_stable.pt` is kept with the optimiser: start from it, with more hours, another day.
With --own, the model then also reads its own predictions instead of the teacher's latents. In the one trial so far
(0.4) the word error rate rose, so it is off.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from tools.voice import training
from tools.voice.common import load_checkpoint
from tools.voice.networks import PHONEMES_PER_FRAME, LanguageModel
from tools.voice.sentences import Sentences
from tools.voice.training import Trainer, add_options

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
    voice = model.before_text(batch["voice"])
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
        first = model.n_before_text
        mass = (rows[:, :, first : first + batch["guide"].shape[-1]] * batch["guide"]).sum(-1)
        guided = guided - mean(torch.log(mass + 1e-4)) / len(GUIDED_LAYERS)
    return {
        "latents": mean((huber * weights).mean(-1)),
        "end": mean(ends),
        "phonemes": phoneme_loss(model.aux(out)),
        "phonemes_mid": phoneme_loss(model.aux_mid(middle)),
        "attention": guided,
    }


class Optimiser:
    """Muon for the matrices of the transformer and of the flow net, AdamW for the rest; rates mean the same."""

    def __init__(self, model: LanguageModel, rate: float) -> None:
        inner = [p for part in (model.transformer, model.flow_net) for p in part.parameters() if p.dim() == 2]
        known = {id(p) for p in inner}
        outer = [p for p in model.parameters() if id(p) not in known]
        self.parts = [
            torch.optim.Muon(inner, rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(outer, rate, betas=(0.9, 0.97), weight_decay=0.0, fused=True),
        ]

    @property
    def param_groups(self) -> list[dict]:
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict) -> None:
        for part, own in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(own)


class LanguageModelTrainer(Trainer):
    def __init__(self, args: argparse.Namespace) -> None:
        self.data = Sentences(args.latents, args.folder / "tok.model", args.voices)
        n_tokens = self.data.tokenizer.vocab_size()
        model, average = (LanguageModel(n_tokens, voices=args.voices) for _ in range(2))
        super().__init__(args, model, average.eval(), Optimiser(model, args.rate), warm_up_steps=150)
        self.load()
        model.dropout.p = args.dropout
        noise = load_checkpoint(args.folder / "statistics.pt")["noise"].to(args.device)
        precision = 1 / (torch.where(noise < 1, noise, 2.0) ** 2 + 0.05)
        self.weights = precision / precision.mean()
        self.losses = torch.compile(losses, dynamic=True) if args.compile else losses

    def batches(self) -> Iterator[dict]:
        """Every pass begins with a look for new shards."""
        rng = np.random.default_rng([self.args.seed, self.step, training.rank()])
        while True:
            self.data.refresh()
            for items in self.data.batches(self.args.positions, rng, self.args.joined):
                yield self.on_device(self.data.collate(items, rng.random() < self.args.sampling))

    def on_device(self, batch: dict) -> dict:
        return {name: value.to(self.args.device) for name, value in batch.items()}

    def before_update(self, progress: float) -> None:
        stable = self.path.with_name(self.path.stem + "_stable.pt")
        if progress > 1 - self.args.fall and not stable.exists():
            self.save(stable)

    def update(self, batch: dict, progress: float) -> dict[str, float]:
        own = self.args.own if self.set_rate(progress) else 0.0
        with training.autocast(self.args.device):
            parts = self.losses(self.model, batch, self.weights, noise=self.args.noise, own=own)
        guide, spelling = (0.03, 0.1) if progress > 0.9 else (0.1, 0.5)
        phonemes = (parts["phonemes"] + parts["phonemes_mid"]) / 2
        total = 2 * parts["latents"] + 0.3 * parts["end"] + spelling * phonemes + guide * parts["attention"]
        self.optimiser.zero_grad()
        total.backward()
        self.descend(largest_gradient=1.0)
        return {name: float(value.detach()) for name, value in parts.items()}

    @torch.no_grad()
    def facts(self) -> dict:
        batch = self.on_device(self.data.collate(self.data.held_out, sampling=False))
        found = losses(self.average, batch, self.weights)
        held_out = {name: round(float(value), 3) for name, value in found.items()}
        return {"held_out": held_out, "of": len(self.data.items)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", type=Path)
    parser.add_argument("folder", type=Path, help="holds tok.model and statistics.pt; checkpoints go here")
    parser.add_argument("--voices", nargs="+", default=[], help="names in the shards; none: one voice, without rows")
    add_options(parser, name="lm.pt", fall=0.3, rate=1e-3, average=0.999)
    parser.add_argument("--positions", type=int, default=3000, help="tokens and frames a batch")
    parser.add_argument("--joined", type=float, default=0.15, help="share of sentences spoken in pairs: longer texts")
    parser.add_argument("--sampling", type=float, default=0.8, help="share of batches with sampled tokenisation")
    parser.add_argument("--dropout", type=float, default=0.0, help="of the input rows")
    parser.add_argument("--noise", type=float, default=0.5, help="strongest noise on the latents that are read")
    parser.add_argument("--own", type=float, default=0.0, help="share of own predictions while the rate falls")
    args = parser.parse_args()
    training.run(LanguageModelTrainer, args)


if __name__ == "__main__":
    main()
