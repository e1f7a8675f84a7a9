"""Make a larger decoder that begins where a smaller one is: more filters, more layers, the same speech.

A new channel is a twin of an old one; what reads the two shares their weight unevenly, so that training parts them.
(Chen, Goodfellow and Shlens, Net2Net, 2016.) A new layer starts with scales of zero: it passes its input on.
With --lookahead 1 the speech comes a frame late, without what the latent before it gave; training finds that again.
"""

import argparse
from pathlib import Path

import torch

from tools.voice.common import load_checkpoint, save_checkpoint
from tools.voice.networks import CausalUpsampling, Decoder


def twins(n_old: int, n_new: int) -> torch.Tensor:
    """For each new channel the old one that it repeats."""
    return torch.arange(n_new) % n_old


def widened(old: torch.Tensor, shape: torch.Size, out_axis: int, in_axis: int) -> torch.Tensor:
    """A weight with repeated outputs whose repeated inputs add up to the old input."""
    outputs = twins(old.shape[out_axis], shape[out_axis])
    inputs = twins(old.shape[in_axis], shape[in_axis])
    new = old.index_select(out_axis, outputs).index_select(in_axis, inputs)
    shares = 1 + 0.3 * (2 * torch.rand(shape) - 1)
    sums = torch.zeros(torch.Size(old.shape[i] if i == in_axis else n for i, n in enumerate(shape)))
    sums.index_add_(in_axis, inputs, shares)
    return new * shares / sums.index_select(in_axis, inputs)


def grown(small: dict[str, torch.Tensor], large: Decoder) -> dict[str, torch.Tensor]:
    """The weights of `large` that make it speak as `small` does."""
    weights = large.state_dict()
    transposed = {f"{name}.convtr.weight" for name, m in large.named_modules() if isinstance(m, CausalUpsampling)}
    for name, new in weights.items():
        if name not in small:  # a new layer
            weights[name] = torch.zeros_like(new) if "layer_scale" in name else new
        elif small[name].shape == new.shape:
            weights[name] = small[name]
        elif new.dim() == 1:
            weights[name] = small[name][twins(len(small[name]), len(new))]
        else:
            weights[name] = widened(small[name], new.shape, *((1, 0) if name in transposed else (0, 1)))
    return weights


def delayed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same decoder a frame late: what an upsampled latent gave its own frame, it gives the next one."""
    name = "upsample.convtr.convtr.weight"
    own, _ = weights[name].chunk(2, -1)
    return weights | {name: torch.cat([torch.zeros_like(own), own], -1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("small", type=Path, help="checkpoint of train_decoder")
    parser.add_argument("large", type=Path, help="checkpoint to write, for its --start")
    parser.add_argument("--filters", type=int, default=24)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--lookahead", type=int, choices=(0, 1), default=1)
    args = parser.parse_args()
    torch.manual_seed(0)
    small = load_checkpoint(args.small)
    large = Decoder(**small["sizes"] | {"n_filters": args.filters, "n_layers": args.layers})
    weights = {name: value.float() for name, value in small["average"].items()}
    state = grown(weights, large)
    large.load_state_dict(state)
    before = Decoder(**small["sizes"])
    before.load_state_dict(weights)
    with torch.no_grad():
        latents = torch.randn(2, 32, 20)
        wanted, got = before(latents), large(latents)
    error = float((got - wanted).abs().max() / wanted.abs().max())
    if error > 1e-4:
        raise SystemExit(f"The larger decoder speaks differently: by {error:.1e} of the largest sample, wanted 1e-4.")
    if args.lookahead > before.sizes["lookahead"]:
        state = delayed(state)
    sizes = large.sizes | {"lookahead": args.lookahead}
    save_checkpoint(args.large, model=state, average=state, step=small["step"], sizes=sizes)
    print(f"{sum(p.numel() for p in large.parameters()) / 1e6:.2f} million parameters; error {error:.1e}")


if __name__ == "__main__":
    main()
