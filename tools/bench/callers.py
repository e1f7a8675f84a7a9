"""Callers that speak with one model at once: frames a second of them all together, and the first sound of the last.

    python -m tools.bench.callers english.yaml german_24l.yaml --quantize --callers 1 2 4 8

Three ways in turns, in one process: as many callers at once as there are cores, the others waiting, each stepping the
language model by itself; all at once, each by itself; and all at once in passes that they share. Every caller hears
the same to the bit in all three, or nothing is reported. Speech never ends by itself, so that any weights will do.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.commands.inspection.measure import source_of
from pockettts_np.loading.voice import VoiceState
from pockettts_np.synthesis.passage import latents_alone
from pockettts_np.synthesis.shared_steps import SharedSteps
from pockettts_np.threads.cores import usable_cores

TEXT = "This is a test of it."
VOICE_ROWS = 126
WAYS = ("in turns, alone", "at once, alone", "at once, shared")


@dataclass(frozen=True)
class Run:
    """What some callers together took."""

    frames_a_second: float
    cpu_ms_a_frame: float
    first_sounds_ms: list[float]  # in the order of the callers
    sounds: list[np.ndarray]


def load(source: str, quantize: bool) -> tuple[TTSModel, VoiceState]:
    """A model whose speech never ends, one thread a caller, and a voice of random rows."""
    model = TTSModel.load_model(**source_of(source), quantize=quantize, eos_threshold=float("inf"))
    voice = model.get_initial_state()
    width = model.flow_lm.input_linear.n_out
    model.flow_lm.prompt(np.random.default_rng(0).standard_normal((VOICE_ROWS, width), np.float32), voice)
    return replace(model, threads=1), voice


def speak(model: TTSModel, voice: VoiceState, n_callers: int, n_at_once: int) -> Run:
    """All callers begin together; so many are at work at once, in the order of their numbers."""
    turns = threading.Semaphore(n_at_once)
    first: list[float] = [0.0] * n_callers
    sounds: list[np.ndarray] = [np.zeros(0, np.float32)] * n_callers

    def caller(i: int) -> None:
        with turns:
            pieces = []
            for piece in model.generate_audio_stream(voice, TEXT, noise=i):
                first[i] = first[i] or 1e3 * (time.perf_counter() - begin)
                pieces.append(piece)
            sounds[i] = np.concatenate(pieces)

    threads = [threading.Thread(target=caller, args=[i]) for i in range(n_callers)]
    begin, begin_cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
    n_frames = sum(map(len, sounds)) / model.config.mimi.frame_samples
    return Run(n_frames / seconds, 1e3 * cpu_seconds / n_frames, first, sounds)


@contextmanager
def way(name: str) -> Iterator[None]:
    """Let callers step alone, or together."""
    alone = mock.patch.object(SharedSteps, "latents", lambda self, passage: latents_alone(passage))
    if name.endswith("shared"):
        yield
    else:
        with alone:
            yield


def measure(model: TTSModel, voice: VoiceState, n_callers: int, repeat: int) -> dict[str, list[Run]]:
    """Every way so many times, in turns. ValueError: a caller hears something else in one of them."""
    runs: dict[str, list[Run]] = {name: [] for name in WAYS}
    for _ in range(repeat):
        for name, made in runs.items():
            with way(name):
                made.append(speak(model, voice, n_callers, usable_cores() if "turns" in name else n_callers))
    want = runs[WAYS[0]][0].sounds
    for name, made in runs.items():
        for run in made:
            if not all(map(np.array_equal, run.sounds, want)):
                raise ValueError(f"A caller {name} hears something else than {WAYS[0]}.")
    return runs


def step_bytes(model: TTSModel) -> int:
    """Bytes of weights that one pass of the language model reads."""
    flow_lm = model.flow_lm
    lone = (flow_lm.input_linear.panels.data, flow_lm.flow_net.condition.panels.data)
    return sum(array.nbytes for array in (*flow_lm.transformer.weights, *flow_lm.flow_net.weights, *lone))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.callers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="configuration file, or the name of a released model"
    )
    parser.add_argument("--callers", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--quantize", action="store_true", help="int8 weights")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way, whose median counts (3)")
    args = parser.parse_args(argv)
    print("| model | callers | way | frames a second | CPU ms a frame | last first sound, ms | MB of weights a frame |")
    print("|---|---|---|---|---|---|---|")
    for source in args.models:
        model, voice = load(source, args.quantize)
        speak(model, voice, 1, 1)
        for n_callers in args.callers:
            for name, runs in measure(model, voice, n_callers, args.repeat).items():
                fps, cpu = (statistics.median(getattr(run, f) for run in runs) for f in FIGURES)
                first = statistics.median(max(run.first_sounds_ms) for run in runs)
                megabytes = step_bytes(model) / 1e6 / (min(n_callers, 8) if name.endswith("shared") else 1)
                title = Path(source).stem
                print(f"| {title} | {n_callers} | {name} | {fps:.1f} | {cpu:.2f} | {first:.0f} | {megabytes:.1f} |")


FIGURES = ("frames_a_second", "cpu_ms_a_frame")

if __name__ == "__main__":
    main()
