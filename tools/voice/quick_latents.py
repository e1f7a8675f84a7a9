"""Make latents for the language model without making sound: ten times as fast as speaking and encoding.

The encoder reads what enters the last part of the teacher's vocoder, so the rest of the vocoder is left out. Files have
the form that make_latents writes, and shards that are there are not made again. The decoder, which needs the sound, never
sees them.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch

from tools.voice.common import save_npz
from tools.voice.encoder import FrozenEncoder
from tools.voice.kokoro import ROW_SAMPLES, VOICES
from tools.voice.kokoro_vocoder import Kokoro
from tools.voice.speak import plan


def make_shard(kokoro: Kokoro, encoder: FrozenEncoder, path: Path, sentences: list[str], voice: str) -> None:
    meta, latents = [], []
    for text in sentences:
        speech = kokoro.speak(text, VOICES[voice], with_sound=False)
        n_samples = len(speech.pitch) * ROW_SAMPLES
        meta.append(
            {
                "text": text,
                "n_samples": n_samples,
                "phonemes": speech.phonemes,
                "durations": speech.seconds,
                "voice": voice,
            }
        )
        latents.append(encoder.encode(speech.hidden, speech.pitch, n_samples))
    save_npz(path, meta, latents=np.concatenate(latents).astype(np.float16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="one sentence a line")
    parser.add_argument("latents", type=Path, help="folder that make_latents began to fill; the rest is added")
    parser.add_argument("folder", type=Path, help="holds encoder.pt and statistics.pt")
    parser.add_argument("--voices", nargs="+", default=list(VOICES), help="as for `speak`")
    parser.add_argument("--shard-sentences", type=int, default=200, help="as for `speak`")
    parser.add_argument("--first", type=int, default=0, help="first shard, to share the work among processes")
    parser.add_argument("--step", type=int, default=1, help="every which shard")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kokoro, encoder = Kokoro(), FrozenEncoder(args.folder)
    sentences = [line for line in args.text.read_text().splitlines() if line.strip()]
    shards = plan(args.latents, sentences, args.shard_sentences, args.voices)
    for path, lines, voice in itertools.islice(shards, args.first, None, args.step):
        if not path.exists():
            make_shard(kokoro, encoder, path, lines, voice)
            print(path.name, flush=True)


if __name__ == "__main__":
    main()
