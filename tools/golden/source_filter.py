"""A tiny random model whose decoder is a source-filter decoder, as tools/voice trains it: tests/golden/source_filter.*.

The configuration is written by hand. Its weights are random, but the decoder has no noise, which is random in torch.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from pockettts_np.config.load import load_config
from tests.support.random_models import RandomWeights, random_model
from tools.golden.archive import write_npz
from tools.voice.networks import N_BINS, Decoder

SEED = 20264
N_FRAMES = 9
THIN = 11
SILENT = -1e4  # log size of the noise
LOG_PITCH, VOICING = 3 * N_BINS, 3 * N_BINS + 1  # parameters
PITCH_RANGE = 0.2  # like that of a voice


def make_source_filter(folder: Path) -> None:
    """`folder` holds source_filter.toml."""
    torch.set_num_threads(1)
    config = load_config(folder / "source_filter.toml")
    weights = RandomWeights.seeded(SEED)
    random_model(config, weights)
    tensors = weights.tensors
    weight, bias = (tensors[f"mimi.filters.linear.{name}"] for name in ("weight", "bias"))
    bias[2 * N_BINS : 3 * N_BINS] = SILENT
    weight[LOG_PITCH] *= PITCH_RANGE
    bias[LOG_PITCH] *= PITCH_RANGE
    bias[VOICING] = 0
    save_file(dict(sorted(tensors.items())), folder / "source_filter.safetensors")
    latents = np.random.default_rng(SEED).standard_normal((N_FRAMES, config.mimi.latent_dim)).astype(np.float32)
    arrays = spoken(decoder(config.mimi, tensors), torch.from_numpy(latents))
    write_npz(folder / "source_filter.npz", arrays, ("torch", "numpy"), thin=THIN, seed=SEED)


def decoder(mimi, tensors: dict[str, np.ndarray]) -> Decoder:
    sizes = mimi.decoding_transformer
    layers, width, heads, hidden = sizes.num_layers, sizes.d_model, sizes.num_heads, sizes.dim_feedforward
    network = Decoder(layers, width, heads, hidden, mimi.lookahead_frames)
    held = {name.removeprefix("mimi."): torch.from_numpy(x) for name, x in tensors.items() if name.startswith("mimi.")}
    network.load_state_dict(held)
    return network


@torch.no_grad()
def spoken(network: Decoder, latents: torch.Tensor) -> dict[str, np.ndarray]:
    """What the network says of the latents when the last one also stands for those that it looks ahead at."""
    read = torch.cat([latents, latents[-1:].expand(network.sizes["lookahead"], -1)])
    rows = network.rows(read.T[None])
    parameters = torch.cat(network.filters(rows), -1)[0]
    voiced = parameters[:, -1] > 0
    assert 0.2 < voiced.float().mean() < 0.8
    return {
        "latents": read.numpy(),
        "rows": rows[0].numpy(),
        "parameters": parameters[::THIN, ::THIN].numpy(),
        "pitch_and_voicing": parameters[:, -2:].numpy(),
        "audio": network.speak(latents)[::THIN].numpy(),
    }
