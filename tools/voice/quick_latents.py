"""Make latents for the language model without making sound: ten times as fast as speaking and encoding.

The encoder reads what enters the last part of the teacher's vocoder, so the rest of the vocoder is left out. Files
have the form that make_latents writes, and shards that are there are not made again. The decoder, which needs the
sound, never sees them.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from tools.voice.common import save_npz
from tools.voice.encoder import FrozenEncoder
from tools.voice.kokoro import VOICES
from tools.voice.kokoro_vocoder import Kokoro
from tools.voice.speak import add_options, noted, shards_to_make


def make_shard(kokoro: Kokoro, encoder: FrozenEncoder, path: Path, sentences: list[str], voice: str) -> None:
    said = [kokoro.speak(text, VOICES[voice], with_sound=False) for text in sentences]
    latents = [encoder.encode(speech.hidden, speech.pitch, speech.n_samples) for speech in said]
    meta = [noted(text, voice, speech) for text, speech in zip(sentences, said, strict=True)]
    save_npz(path, meta, latents=np.concatenate(latents).astype(np.float16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("latents", type=Path, help="folder that make_latents began to fill; the rest is added")
    parser.add_argument("folder", type=Path, help="holds encoder.pt and statistics.pt")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kokoro, encoder = Kokoro(args.device), FrozenEncoder(args.folder)
    for path, lines, voice in shards_to_make(args, args.latents):
        make_shard(kokoro, encoder, path, lines, voice)
        print(path.name, flush=True)


if __name__ == "__main__":
    main()
