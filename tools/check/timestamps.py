"""How far the times of words are off: the built-in voice beside its teacher, whose phoneme times are known.

    python -m tools.voice.speak tools/voice/test_sentences.txt W/test_shards
    python -m tools.check.timestamps W/test_shards/*.npz

Both say the same sentences, not quite at the same times; sentences in a voice that the model lacks are left out.
Dynamic time warping of their spectra finds what belongs together and carries the teacher's times over; it knows nothing
of attention. Sentences in which the teacher runs words together, as in "of the", are passed over: its phonemes have no
boundary there. This needs scipy, which the extra `test` brings.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from pockettts_np import TTSModel
from pockettts_np.audio.samples import Samples
from pockettts_np.timing.letters import Word
from pockettts_np.timing.timestamps import TimedAudio

RATE_HZ = 24_000
HOP_SAMPLES, FFT_SAMPLES, N_BANDS = 120, 600, 40  # steps of 5 ms
SPACE, LAST_SILENT = 3, 13  # numbers of tools.voice.kokoro: between words; signs and marks, which make no sound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+", help="sentences that tools.voice.speak let the teacher speak")
    parser.add_argument("--language", default="builtin", help="a model that speaks as the teacher does")
    args = parser.parse_args()
    model = TTSModel.load_model(args.language)
    pairs = (pair for path in args.shards for pair in sentences_of(path))
    said = [(sentence, speech) for sentence, speech in pairs if sentence["voice"] in model.own_voices]
    errors, n_sentences = [], 0
    for sentence, speech in said:
        voice = model.get_state_for_audio_prompt(sentence["voice"])
        spoken = teacher_words(sentence["phonemes"], sentence["durations"])
        ours = TimedAudio.joined(model.generate_audio_stream(voice, sentence["text"], noise=0, timestamps=True))
        if len(spoken) == len(ours.words):
            n_sentences += 1
            errors.append(differences(ours.words, carried_over(spoken, speech, ours.samples)))
    print(f"{n_sentences} of {len(said)} sentences, {sum(map(len, errors))} words; milliseconds off:\n")
    print("| | mean | median | 95 % | too late, mean |\n|---|---|---|---|---|")
    for what, off in zip(("starts", "ends"), np.concatenate(errors).T * 1000, strict=True):
        size = np.abs(off)
        figures = size.mean(), np.median(size), np.quantile(size, 0.95), off.mean()
        print(" | ".join([f"| {what}", *(f"{figure:.0f}" for figure in figures)]), "|")


def sentences_of(path: Path) -> list[tuple[dict, np.ndarray]]:
    """What is noted of each sentence, and its samples."""
    with np.load(path) as shard:
        meta = json.loads(str(shard["meta"]))
        ends = np.cumsum([sentence["n_samples"] for sentence in meta])
        return list(zip(meta, np.split(shard["samples"] / np.float32(32767), ends[:-1]), strict=True))


def teacher_words(phonemes: list[int], durations: list[float]) -> np.ndarray:  # -> [words, 2]
    """Start and end of each word in seconds."""
    ends = np.cumsum(durations)
    words = []
    for is_space, group in itertools.groupby(range(len(phonemes)), lambda i: phonemes[i] == SPACE):
        sounding = [i for i in group if phonemes[i] > LAST_SILENT]
        if sounding and not is_space:
            words.append((ends[sounding[0]] - durations[sounding[0]], ends[sounding[-1]]))
    return np.array(words)


def differences(words: tuple[Word, ...], wanted: np.ndarray) -> np.ndarray:  # -> [words, 2]
    """How much too late each word starts and ends, in seconds."""
    return np.array([(word.start_s, word.end_s) for word in words]) - wanted


def carried_over(times: np.ndarray, speech: Samples, other: Samples) -> np.ndarray:
    """Seconds in `speech` as seconds in `other`, which says the same."""
    steps, other_steps = warped(cdist(spectra(speech), spectra(other)))
    seconds = HOP_SAMPLES / RATE_HZ
    return np.interp(times, *mean_of_equal(steps * seconds, other_steps * seconds))


def spectra(samples: Samples) -> np.ndarray:  # [n] -> [steps, bands]
    """Levels in bands that widen as those of the ear do, each less its mean."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, FFT_SAMPLES // 2), FFT_SAMPLES)[::HOP_SAMPLES]
    power = np.abs(np.fft.rfft(frames * np.hanning(FFT_SAMPLES))) ** 2
    edges = 700 * (np.geomspace(1, 1 + 8000 / 700, N_BANDS + 2) - 1)
    bins = np.fft.rfftfreq(FFT_SAMPLES, 1 / RATE_HZ)
    bands = [np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(N_BANDS)]
    levels = np.log10(power @ np.array(bands).T + 1e-3)
    return np.asarray(levels - levels.mean(axis=0))


def warped(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # [n, m] -> [k], [k]
    """The cheapest way from the first pair of steps to the last, in which neither goes back nor leaves one out."""
    total = np.empty_like(costs)
    total[0] = np.cumsum(costs[0])
    for i in range(1, len(costs)):
        come = np.minimum(total[i - 1], np.concatenate([[np.inf], total[i - 1, :-1]]))
        paid = np.cumsum(costs[i])
        total[i] = paid + np.minimum.accumulate(come - (paid - costs[i]))
    i, j = len(costs) - 1, costs.shape[1] - 1
    way = [(i, j)]
    while i or j:
        before = [(a, b) for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
        i, j = min(before, key=lambda place: total[place])
        way.append((i, j))
    steps, other_steps = np.array(way[::-1]).T
    return steps, other_steps


def mean_of_equal(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each x once, with the mean of its y."""
    once, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    return once, np.bincount(which, y) / counts


if __name__ == "__main__":
    main()
