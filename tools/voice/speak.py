"""Let the teacher speak the text: shards of 24 kHz speech with phoneme times, pitch, and what the sound was made of.

The teacher has no source of noise: the same text always gives the same speech, so a model can learn the mapping by
regression. A shard that is there is not made again: stop and start as you like. Several voices speak in turn, a shard
each; once through the text, it begins again with the voices one further.
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from tools.voice.common import SAMPLE_RATE_HZ, save_npz
from tools.voice.kokoro import VOICES
from tools.voice.kokoro_vocoder import Kokoro, Speech

T = TypeVar("T")


def as_int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(samples * 32767, -32767, 32767).astype(np.int16)


def noted(text: str, voice: str, speech: Speech) -> dict:
    """What the files say of a sentence."""
    facts = {"text": text, "n_samples": speech.n_samples, "phonemes": speech.phonemes, "durations": speech.seconds}
    return facts | {"voice": voice, "phase": speech.phase}


def make_shard(kokoro: Kokoro, path: Path, sentences: list[str], voice: str) -> float:
    """Seconds of speech."""
    said = [kokoro.speak(text, VOICES[voice]) for text in sentences]
    meta = [noted(text, voice, speech) for text, speech in zip(sentences, said, strict=True)]
    arrays = {"hidden": [s.hidden for s in said], "pitch": [s.pitch for s in said]}
    arrays |= {"samples": [as_int16(s.samples) for s in said]}
    save_npz(path, meta, **{name: np.concatenate(parts) for name, parts in arrays.items()})
    return sum(item["n_samples"] for item in meta) / SAMPLE_RATE_HZ


def plan(folder: Path, sentences: list[str], size: int, voices: list[T]) -> Iterator[tuple[Path, list[str], T]]:
    """Shards and what is in them: the voices take turns, and once through the text begin one further."""
    n_parts = -(-len(sentences) // size)
    for index in range(n_parts * len(voices)):
        turn, part = divmod(index, n_parts)
        lines = sentences[part * size : (part + 1) * size]
        yield folder / f"{index:05d}.npz", lines, voices[(part + turn) % len(voices)]


def shards_to_make(args: argparse.Namespace, folder: Path) -> Iterator[tuple[Path, list[str], str]]:
    """Those of this process that are not there yet, by the options of `add_options`."""
    sentences = [line for line in args.text.read_text().splitlines() if line.strip() and not line.startswith("#")]
    folder.mkdir(parents=True, exist_ok=True)
    shards = plan(folder, sentences, args.shard_sentences, args.voices)
    return (shard for shard in itertools.islice(shards, args.first, None, args.step) if not shard[0].exists())


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("text", type=Path, help="one sentence a line")
    add("--voices", nargs="+", default=list(VOICES), help="names in kokoro.VOICES (default: all of them)")
    add("--device", default="cpu", help="of the vocoder; cuda: a GPU")
    add("--shard-sentences", type=int, default=25)
    add("--first", type=int, default=0, help="first shard, to share the work among processes")
    add("--step", type=int, default=1, help="every which shard")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("shards", type=Path, help="folder to fill")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kokoro = Kokoro(args.device)
    for path, lines, voice in shards_to_make(args, args.shards):
        start = time.perf_counter()
        seconds = make_shard(kokoro, path, lines, voice)
        speed = seconds / (time.perf_counter() - start)
        print(f"{path.name}: {seconds:.0f} s of speech, {speed:.1f} times real time", flush=True)


if __name__ == "__main__":
    main()
