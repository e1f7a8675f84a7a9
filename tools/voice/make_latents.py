"""Encode every shard that has no latents yet with the frozen encoder; --follow waits for more."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from tools.voice.common import save_npz
from tools.voice.encoder import FrozenEncoder, sentences_of


def encode_shard(encoder: FrozenEncoder, source: Path, target: Path) -> None:
    sentences = sentences_of(source)
    latents = [encoder.encode(hidden, pitch, item["n_samples"]) for item, _, hidden, pitch in sentences]
    save_npz(target, [item for item, *_ in sentences], latents=np.concatenate(latents).astype(np.float16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("latents", type=Path, help="folder to fill")
    parser.add_argument("folder", type=Path, help="holds encoder.pt and statistics.pt")
    parser.add_argument("--follow", type=float, metavar="SECONDS", help="look for new shards this often, for ever")
    args = parser.parse_args()
    torch.set_num_threads(1)
    encoder = FrozenEncoder(args.folder)
    args.latents.mkdir(parents=True, exist_ok=True)
    while True:
        for source in sorted(args.shards.glob("*.npz")):
            if not (target := args.latents / source.name).exists():
                encode_shard(encoder, source, target)
                print(target, flush=True)
        if args.follow is None:
            return
        time.sleep(args.follow)


if __name__ == "__main__":
    main()
