"""Write the trained voice as a Pocket TTS model: float16 weights, configuration, tokenizer, figures.

A model of several voices comes with a file for each, `NAME.safetensors`, to be named with --voice; all of them given to
`pockettts-np quantize`, the default first, make one file of the model and its voices.

With --checkpoints, also write small starting points for another training: averaged weights in float16, no optimiser.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from tools.voice.common import LATENT_DIM, SAMPLE_RATE_HZ, load_checkpoint, save_checkpoint, write_whole
from tools.voice.networks import HIGHEST_HZ, MIDDLE_HZ, N_BINS, N_FFT, ROW_SAMPLES

CONFIG = """weights_path: builtin.safetensors
flow_lm:
  insert_bos_before_voice: true
  dtype: float32
  flow: {{depth: {lm[head_blocks]}, dim: {lm[head_width]}, type: pointwise}}
  transformer: {{d_model: {lm[width]}, hidden_scale: {hidden_scale}, max_period: 10000, num_heads: {lm[n_heads]}, num_layers: {lm[n_layers]}, dim_feedforward: {lm[hidden]}}}
  lookup_table: {{dim: {lm[width]}, n_bins: {lm[n_tokens]}, tokenizer: sentencepiece, tokenizer_path: tok.model}}
mimi:
  dtype: float32
  sample_rate: 24000
  inner_dim: {latent_dim}
  outer_dim: {decoder[width]}
  channels: 1
  frame_rate: 12.5
  lookahead_frames: {lookahead}
  quantizer: {{dimension: {latent_dim}, output_dimension: {decoder[width]}}}
  decoder_source_filter: {{dimension: {decoder[width]}, hop_samples: {row_samples}, max_harmonic_hz: {highest_hz}, reference_pitch_hz: {middle_hz}}}
  decoder_transformer: {{d_model: {decoder[width]}, num_heads: {decoder[n_heads]}, num_layers: {decoder[n_layers]}, layer_scale: 0.1, context: 25, dim_feedforward: {decoder[hidden]}, input_dimension: {decoder[width]}, output_dimensions: [{decoder[width]}]}}
text_front_end: english
capitalize_first_letter: false
model_recommended_frames_after_eos: 1
min_frames_before_eos: 2
max_frames_after_eos: 1
one_sentence_per_chunk: true
max_clause_words: 14
default_temperature: 0.0
default_eos_threshold: 0.0
timestamp_heads: [{{layer: 3, head: 0}}]
"""  # noqa: E501

NOT_EXPORTED = ("aux", "voices")


def voices_of(lm: dict) -> dict[str, torch.Tensor]:
    """Name -> rows [1, rows, width], which a model reads before the text: the package's form of an unread voice."""
    return {name: lm["average"]["voices"][i, None].clone() for i, name in enumerate(lm["sizes"].get("voices", []))}


def weights_of(lm: dict, decoder: dict, post_filter: float) -> dict[str, torch.Tensor]:
    """Averaged weights under their released names. The decoder reads normalised latents: mean 0, deviation 1."""
    weights = {f"flow_lm.{name}": value for name, value in lm["average"].items() if not name.startswith(NOT_EXPORTED)}
    weights |= {f"mimi.{name}": value for name, value in with_post_filter(decoder["average"], post_filter).items()}
    weights |= {"flow_lm.emb_mean": torch.zeros(LATENT_DIM), "flow_lm.emb_std": torch.ones(LATENT_DIM)}
    return {name: value.half().contiguous() for name, value in weights.items()}


def with_post_filter(decoder: dict[str, torch.Tensor], strength: float) -> dict[str, torch.Tensor]:
    """The decoder with higher peaks and deeper valleys in its spectra, above a kilohertz.

    A decoder that was trained towards an average has flat spectra, and what it does wrong is heard in the valleys (Chen
    and Gersho 1995, adaptive postfiltering). The filter costs nothing: the last layer makes the logs of sizes, so what
    lies between two widths of smoothing along the bins is raised in the layer itself.
    """
    bins = torch.arange(N_BINS)
    narrow, broad = (gaussian(bins, width_hz * N_FFT / SAMPLE_RATE_HZ) for width_hz in (150, 750))
    where = ((bins * SAMPLE_RATE_HZ / N_FFT - 800) / 800).clamp(0, 1)
    sharper = torch.eye(N_BINS) + strength * where[:, None] * (narrow - broad)
    result = dict(decoder)
    for name in ("filters.linear.weight", "filters.linear.bias"):
        sizes, phases, noise, others = decoder[name].split([N_BINS, N_BINS, N_BINS, 2])
        result[name] = torch.cat([sharper @ sizes, phases, sharper @ noise, others])
    return result


def gaussian(bins: torch.Tensor, width: float) -> torch.Tensor:
    """Matrix that smooths along the bins; rows sum to one."""
    weights = torch.exp(-(((bins[:, None] - bins) / width) ** 2) / 2)
    return weights / weights.sum(1, keepdim=True)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    write_whole(path, lambda part: save_file(tensors, part))
    path.chmod(0o644)  # save_file leaves it readable to its owner alone


def keep_checkpoints(source: Path, target: Path, states: dict[str, dict]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name, state in states.items():
        weights = {key: value.half() for key, value in state["average"].items()}
        more = {key: state[key] for key in ("judges",) if key in state}
        save_checkpoint(target / name, model=weights, average=weights, step=state["step"], sizes=state["sizes"], **more)
    encoder = load_checkpoint(source / "encoder.pt")["encoder"]
    save_checkpoint(target / "encoder.pt", encoder={key: value.half() for key, value in encoder.items()})
    for name in ("statistics.pt", "tok.model"):
        write_whole(target / name, lambda part, name=name: shutil.copyfile(source / name, part))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds lm.pt, decoder.pt, tok.model, results.jsonl")
    parser.add_argument("target", type=Path, help="folder to write")
    parser.add_argument("--decoder", type=Path, help="default: FOLDER/decoder.pt")
    parser.add_argument("--lm", type=Path, help="default: FOLDER/lm.pt")
    parser.add_argument("--checkpoints", type=Path, help="folder for small training checkpoints")
    parser.add_argument("--post-filter", type=float, default=0.7, help="strength of the decoder's; 0: none")
    args = parser.parse_args()
    lm = load_checkpoint(args.lm or args.folder / "lm.pt")
    decoder = load_checkpoint(args.decoder or args.folder / "decoder.pt")
    args.target.mkdir(parents=True, exist_ok=True)
    weights = weights_of(lm, decoder, args.post_filter)
    write_tensors(args.target / "builtin.safetensors", weights)
    for name, rows in voices_of(lm).items():
        write_tensors(args.target / f"{name}.safetensors", {"audio_prompt": rows})
    if args.checkpoints:
        keep_checkpoints(args.folder, args.checkpoints, {"lm.pt": lm, "decoder.pt": decoder})
    hidden_scale = lm["sizes"]["hidden"] // lm["sizes"]["width"]
    lookahead = decoder["sizes"].get("lookahead") or "null"
    config = CONFIG.format(
        lm=lm["sizes"],
        decoder=decoder["sizes"],
        hidden_scale=hidden_scale,
        lookahead=lookahead,
        latent_dim=LATENT_DIM,
        row_samples=ROW_SAMPLES,
        highest_hz=HIGHEST_HZ,
        middle_hz=MIDDLE_HZ,
    )
    write_whole(args.target / "builtin.yaml", lambda part: part.write_text(config))
    write_whole(args.target / "tok.model", lambda part: shutil.copyfile(args.folder / "tok.model", part))
    results = [json.loads(line) for line in (args.folder / "results.jsonl").read_text().splitlines()]
    latest = {" ".join(filter(None, (line.pop("what"), line.pop("voice", "")))): line for line in results}
    figures = {"error_rates": latest, "lm_steps": lm["step"], "decoder_steps": decoder["step"]}
    figures["parameters"] = sum(value.numel() for value in weights.values())
    write_whole(args.target / "figures.json", lambda part: part.write_text(json.dumps(figures, indent=1) + "\n"))
    print(f"{figures['parameters'] / 1e6:.2f} million parameters in {args.target}")


if __name__ == "__main__":
    main()
