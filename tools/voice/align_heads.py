"""Find the attention heads of a model that follow the text, for timestamp_heads in its configuration.

    python -m tools.voice.align_heads --language german --text sentences.txt

The model speaks while every head is watched. A head that follows the text looks, in each frame, at the token that
sounds in it. So its score, 0 to 1, is a product of two means over the best way through the tokens (forwards, none left
out): how much attention a frame pays to the tokens of the way, and how much the best frame of each token pays to it. A
head that always looks at one token has the first alone. The score knows nothing of sound: a head that looks ahead by a
constant time has a good one too, so listen to the times of some words.
"""

import argparse
import threading
from pathlib import Path

import numpy as np

from pockettts_np import TTSModel, VoiceState
from pockettts_np.conditioners.text import Chunk, split_into_chunks
from pockettts_np.config.config import TimestampHead
from pockettts_np.synthesis.noise import draws
from pockettts_np.synthesis.passage import Passage, latents_alone
from pockettts_np.timing.alignment import TextEar, TextPath

SENTENCES = """The old man walked slowly down the street, and nobody knew where he was going.
Please close the door when you leave, because it is cold outside.
She has never seen such a beautiful place in all her life.
What time does the next train to the city start?
Take this medicine twice a day after meals; it will help you sleep."""
MOST_HEADS = 5  # that work together
SHOWN = 10


def score(rows: np.ndarray) -> float:
    """How well attention [n_frames, n_tokens], each row in sum 1, follows the text."""
    path = TextPath(rows.shape[1])
    for row in rows:
        path.advance(row)
    path.finish()
    bounds, frames = np.array(path.bounds), np.arange(len(rows))[:, None]
    way = np.minimum(frames + 1, bounds[1:]) - np.maximum(frames, bounds[:-1])  # the part of a frame that is a token's
    way = np.maximum(way, 0)
    return float((rows * way).sum(axis=1).mean() * np.where(way > 0, rows, 0).max(axis=0).mean())


def watch(model: TTSModel, voice: VoiceState, chunk: Chunk, heads: list[TimestampHead]) -> np.ndarray:
    """What each head sees while a chunk is spoken: [n_frames, n_heads, n_tokens]."""
    ids, after_eos = chunk.ids, chunk.frames_after_eos
    state = voice.copy()
    model.flow_lm.prompt(model.flow_lm.text(ids), state)
    ear = TextEar.after_text(model.flow_lm.transformer, heads, state, len(ids))
    noise = draws(0, model.config.mimi.latent_dim)
    limits = model.longest_frames(len(ids)), model.config.min_frames_before_eos, after_eos + 2
    passage = Passage(model.flow_lm, state, model.sampling, noise, *limits, threading.Event(), ear)
    n_frames = sum(1 for _ in latents_alone(passage))
    return np.stack(ear.rows[:n_frames])


def ranked(seen: list[np.ndarray]) -> list[tuple[float, int]]:
    """The mean score of every head over all chunks, best first."""
    scores = [np.mean([score(rows[:, head]) for rows in seen]) for head in range(seen[0].shape[1])]
    return sorted(((float(s), head) for head, s in enumerate(scores)), reverse=True)


def best_group(seen: list[np.ndarray], heads: list[int]) -> tuple[float, list[int]]:
    """The best of the first, the first two, … heads, whose attention is averaged."""
    groups = [heads[:n] for n in range(1, min(MOST_HEADS, len(heads)) + 1)]
    return max((float(np.mean([score(rows[:, group].mean(axis=1)) for rows in seen])), group) for group in groups)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", help="a released model")
    parser.add_argument("--config", help="or a configuration")
    parser.add_argument("--voice", help="default: the model's")
    parser.add_argument("--text", type=Path, help="sentences in the model's language; default: five English ones")
    args = parser.parse_args()
    model = TTSModel.load_model(args.language, args.config)
    voice = model.get_state_for_audio_prompt(args.voice) if args.voice else model.get_default_voice()
    sizes = model.config.flow_lm.transformer
    heads = [TimestampHead(layer, head) for layer in range(sizes.num_layers) for head in range(sizes.num_heads)]
    lines = (args.text.read_text(encoding="utf-8") if args.text else SENTENCES).splitlines()
    chunks = [c for line in lines if line.strip() for c in split_into_chunks(model.tokenizer, line, 50, model.config)]
    seen = [watch(model, voice, chunk, heads) for chunk in chunks]
    ranking = ranked(seen)
    print("score  layer  head")
    for value, head in ranking[:SHOWN]:
        print(f"{value:5.2f}  {heads[head].layer:5}  {heads[head].head:4}")
    value, group = best_group(seen, [head for _, head in ranking])
    named = ", ".join(f"{{ layer = {heads[head].layer}, head = {heads[head].head} }}" for head in group)
    print(f"together {value:.2f}:\ntimestamp_heads = [{named}]")


if __name__ == "__main__":
    main()
