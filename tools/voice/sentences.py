"""Sentences for the language model: tokens, latents, and which tokens sound in which frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import sentencepiece
import torch

from tools.voice.common import FRAME_S, LATENT_DIM, frames_of, load_npz, normalise
from tools.voice.networks import PHONEMES_PER_FRAME, VOICE_ROWS

# Numbers of `kokoro.phoneme_numbers`.
START, END, SPACE = 1, 2, 3
PAUSES = {4, 7, 8, 10, 11, 12, 13}  # ! ' , . : ; ?
MARKS = {120, 121, 122}  # stress and length
LONGEST_FRAMES = 180


def spoken_groups(phonemes: list[int], durations: list[float]) -> list[list[float]]:
    """Phonemes between spaces as [start s, end s, number of sounds]."""
    groups, current, now = [], None, 0.0
    for phoneme, duration in zip(phonemes, durations, strict=True):
        if phoneme in (START, END, SPACE):
            if current and current[2]:
                groups.append(current)
                current[1] = max(current[1], now + duration / 2 if phoneme == SPACE else current[1])
            current = None
        elif phoneme in PAUSES:
            if current:
                current[1] = now + duration
        else:
            current = current or [now, now, 0]
            current[1] = now + duration
            current[2] += phoneme not in MARKS
        now += duration
    return [*groups, current] if current and current[2] else groups


def match_words(word_sizes: list[float], group_sizes: list[float]) -> list[tuple[int, int, int, int]] | None:
    """Cheapest pairing of runs of words with runs of groups (espeak joins "in the" and splits "twenty-two")."""
    n, m = len(word_sizes), len(group_sizes)
    word_sums, group_sums = np.cumsum([0, *word_sizes]).tolist(), np.cumsum([0, *group_sizes]).tolist()
    cost, back = {(0, 0): 0.0}, {}
    for i in range(n + 1):
        for j in range(max(0, i // 3), min(m, 3 * i) + 1):
            if (i, j) not in cost:
                continue
            for words, groups, penalty in ((1, 1, 0.0), (2, 1, 1.0), (3, 1, 2.0), (1, 2, 1.0), (1, 3, 2.0)):
                to = (i + words, j + groups)
                if to[0] <= n and to[1] <= m:
                    difference = word_sums[to[0]] - word_sums[i] - group_sums[to[1]] + group_sums[j]
                    total = cost[i, j] + abs(difference) / 2 + penalty
                    if total < cost.get(to, np.inf):
                        cost[to], back[to] = total, (i, j)
    if (n, m) not in cost:
        return None
    pairs, at = [], (n, m)
    while at != (0, 0):
        pairs.append((back[at][0], at[0], back[at][1], at[1]))
        at = back[at]
    return pairs[::-1]


def character_times(text: str, phonemes: list[int], durations: list[float]) -> np.ndarray | None:
    """Start and end in seconds of each character of " " + text [n + 1, 2]; None if words and speech do not match."""
    groups, words = spoken_groups(phonemes, durations), text.split(" ")
    sizes = [max(1, sum(c.isalpha() for c in word)) * 0.85 for word in words]
    pairs = match_words(sizes, [group[2] for group in groups]) if groups else None
    if pairs is None:
        return None
    firsts = np.cumsum([0, *(len(word) + 1 for word in words)])
    times = np.zeros((len(text) + 1, 2), np.float32)
    for word, next_word, group, next_group in pairs:
        edges = np.linspace(groups[group][0], groups[next_group - 1][1], firsts[next_word] - firsts[word] + 1)
        times[firsts[word] : firsts[next_word]] = np.stack([edges[:-1], edges[1:]], 1)
    return times


def frame_phonemes(phonemes: list[int], durations: list[float], n_frames: int) -> np.ndarray:  # [frames, 3]
    moments = (np.arange(n_frames * PHONEMES_PER_FRAME) + 0.5) * (FRAME_S / PHONEMES_PER_FRAME)
    found = np.searchsorted(np.cumsum(durations), moments, side="right")
    return np.array(phonemes)[np.minimum(found, len(phonemes) - 1)].reshape(n_frames, PHONEMES_PER_FRAME)


class Sentences:
    """All sentences of a folder of latents, or of one file; `refresh` adds shards that arrived since.

    `voices` are the names that the shards give, in the model's order; none: whoever speaks, it is one voice.
    """

    def __init__(self, latents: Path, tokenizer_path: Path, voices: Sequence[str] = (), n_held_out: int = 60) -> None:
        self.folder, self.known, self.n_left_out = latents, set(), 0
        self.voices, self.n_before_text = list(voices), 1 + (VOICE_ROWS if voices else 0)
        self.tokenizer = sentencepiece.SentencePieceProcessor(str(tokenizer_path))
        self.piece_lengths = [len(self.tokenizer.id_to_piece(i)) for i in range(self.tokenizer.vocab_size())]
        self.items: list[dict] = []
        self.refresh()
        self.held_out, self.items = self.items[:n_held_out], self.items[n_held_out:]

    def refresh(self) -> None:
        for path in [self.folder] if self.folder.is_file() else sorted(self.folder.glob("*.npz")):
            if path not in self.known:
                self.known.add(path)
                self._add(path)

    def _add(self, path: Path) -> None:
        latents, meta = load_npz(path, "latents")
        first = 0
        for index, sentence in enumerate(meta):
            n_frames = frames_of(sentence["n_samples"])
            z, first = latents[first : first + n_frames], first + n_frames
            text = normalise(sentence["text"])
            times = character_times(text, sentence["phonemes"], sentence["durations"])
            if times is None or n_frames > LONGEST_FRAMES:
                self.n_left_out += 1
                continue
            phonemes = frame_phonemes(sentence["phonemes"], sentence["durations"], n_frames)
            tokens = self.tokenizer.encode(text)
            voice = self.voices.index(sentence["voice"]) if self.voices else 0
            item = {"index": index, "voice": voice, "text": text, "tokens": tokens}
            self.items.append(item | {"times": times, "latents": z, "phonemes": phonemes})

    def _shuffled(self, joined: float, rng: np.random.Generator) -> list[dict]:
        """One pass in random order; every so often two sentences of a voice become one text."""
        shuffled: list[dict] = []
        waiting: dict[int, dict] = {}
        for i in rng.permutation(len(self.items)):
            item = self.items[i]
            first = waiting.get(item["voice"])
            if first and len(first["latents"]) + len(item["latents"]) <= LONGEST_FRAMES:
                shuffled.append(self._join(waiting.pop(item["voice"]), item))
            elif not first and rng.random() < joined:
                waiting[item["voice"]] = item
            else:
                shuffled.append(item)
        return [*shuffled, *waiting.values()]

    def _join(self, first: dict, second: dict) -> dict:
        text = f"{first['text']} {second['text']}"
        times = np.concatenate([first["times"], second["times"] + len(first["latents"]) * FRAME_S])
        arrays = {name: np.concatenate([first[name], second[name]]) for name in ("latents", "phonemes")}
        return arrays | {"voice": first["voice"], "text": text, "times": times, "tokens": self.tokenizer.encode(text)}

    def batches(self, positions_per_batch: int, rng: np.random.Generator, joined: float = 0.0) -> Iterator[list[dict]]:
        """One pass in batches of about equal length and total size; a share of the sentences is spoken in pairs."""
        shuffled, batches = self._shuffled(joined, rng), []
        for first in range(0, len(shuffled), 2048):
            current: list[dict] = []
            chunk = shuffled[first : first + 2048]
            for item in sorted(chunk, key=lambda it: len(it["latents"]) + len(it["tokens"])):
                if (len(current) + 1) * (
                    len(item["latents"]) + len(item["tokens"]) + 1
                ) > positions_per_batch and current:
                    batches.append(current)
                    current = []
                current.append(item)
            batches.append(current)
        for i in rng.permutation(len(batches)):
            yield batches[i]

    def collate(self, items: list[dict], sampling: bool) -> dict[str, torch.Tensor]:
        """Padded tensors; `order` gathers [voice, tokens, latents] without gaps, `back` finds the latents again."""
        split = [self._sample(item["text"]) if sampling else item["tokens"] for item in items]
        n, most_tokens, most_frames = len(items), max(map(len, split)), max(len(item["latents"]) for item in items)
        before = self.n_before_text
        longest = before + max(len(tokens) + len(item["latents"]) for tokens, item in zip(split, items, strict=True))
        tokens_, latents = np.zeros((n, most_tokens), np.int64), np.zeros((n, most_frames, LATENT_DIM), np.float32)
        real, ends = np.zeros((n, most_frames), np.float32), np.zeros((n, most_frames), np.float32)
        phonemes = np.zeros((n, most_frames, PHONEMES_PER_FRAME), np.int64)
        guide = np.zeros((n, most_frames, most_tokens), np.float32)
        order = np.full((n, longest), before + most_tokens + most_frames)
        back = np.zeros((n, most_frames), np.int64)
        for b, (item, tokens) in enumerate(zip(items, split, strict=True)):
            t, a = len(tokens), len(item["latents"])
            tokens_[b, :t], latents[b, :a], phonemes[b, :a] = tokens, item["latents"], item["phonemes"]
            real[b, :a], ends[b, a - 1] = 1, 1
            order[b, : before + t] = np.arange(before + t)
            order[b, before + t : before + t + a] = before + most_tokens + np.arange(a)
            back[b, :a] = before + t + np.arange(a)
            guide[b, :a, :t] = self._guide(tokens, item["times"], a)
        arrays = {"tokens": tokens_, "latents": latents, "real": real, "ends": ends, "phonemes": phonemes}
        arrays |= {"guide": guide, "order": order, "back": back}
        arrays |= {"voice": np.array([item["voice"] for item in items])}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _sample(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, enable_sampling=True, alpha=0.3, nbest_size=-1)

    def _guide(self, tokens: list[int], times: np.ndarray, n_frames: int) -> np.ndarray:  # [frames, tokens]
        """1 where a token sounds within 40 ms of the frame; a silent frame goes to the nearest token."""
        ends = np.minimum(np.cumsum([self.piece_lengths[token] for token in tokens]), len(times))
        starts = np.minimum(np.concatenate([[0], ends[:-1]]), len(times) - 1)
        begin, end = times[starts, 0], times[ends - 1, 1]
        frames = np.arange(n_frames)[:, None] * FRAME_S
        guide = (begin < frames + FRAME_S + 0.04) & (end > frames - 0.04)
        silent = ~guide.any(1)
        nearest = np.abs((begin + end) / 2 - frames[silent] - FRAME_S / 2).argmin(1)
        guide[np.nonzero(silent)[0], nearest] = True
        return guide
