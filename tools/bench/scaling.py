"""How speed grows with threads and with callers: measured here, and predicted for more cores than are here.

    python -m tools.bench.scaling MODEL --chart scaling.svg

MODEL is a configuration, a model in one file, or the name of a released model; random weights will do, as speech ends
after --frames frames and not by itself. The prediction is made of the times of one thread: threads share a frame's work
evenly, but no frame takes less than the longest of its stages, nor less than memory needs for the weights. Where the
prediction for the cores that are here meets what was measured, trust it for four.
"""

import argparse
import dataclasses
import logging
import math
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.commands.inspection.measure import source_of
from pockettts_np.loading.voice import VoiceState
from pockettts_np.models.team import Team
from pockettts_np.models.transformer import Transformer
from pockettts_np.synthesis.passage import Passage, latents_alone
from pockettts_np.threads.balance import balanced
from pockettts_np.threads.cores import usable_cores
from pockettts_np.threads.pipeline import STAGES_A_THREAD
from tools.bench.report import table
from tools.bench.worker import MAX_TOKENS, NEVER, TEXT

VOICE_ROWS = 126  # of a recording of ten seconds


@dataclasses.dataclass(frozen=True)
class FrameTimes:
    """What a frame takes one thread alone, in seconds."""

    language_model: float
    shared: float  # the part of it that a team may share
    team_threads: float  # with how many threads one does; infinity: never
    decoder: tuple[float, ...]  # its steps, in order
    weights_bytes: int
    read_bytes_s: float  # of so many bytes, again and again, by all cores

    @property
    def total(self) -> float:
        return self.language_model + sum(self.decoder)

    @property
    def in_two_stages(self) -> float:
        """Seconds a frame where one thread runs the language model, and one the whole decoder."""
        return max(self.language_model, sum(self.decoder))

    def predicted(self, n_threads: int) -> float:
        """Seconds a frame with so many threads, each on a core of its own."""
        if n_threads == 1:
            return self.total
        stages = (sum(self.decoder[part]) for part in balanced(self.decoder, STAGES_A_THREAD * n_threads))
        shared = self.shared if n_threads >= self.team_threads else 0.0
        longest = max(self.language_model - shared + shared / n_threads, *stages)
        return max(self.total / n_threads, longest, self.weights_bytes / self.read_bytes_s)


class Speed(NamedTuple):
    """Seconds of speech made in a second, all callers together."""

    threads: int  # of each speech
    callers: int
    times_real_time: float


class FixedLength(TTSModel):
    """Speaks for `frames` frames, whatever the text."""

    frames = 0

    def longest_frames(self, n_tokens: int) -> int:
        return self.frames


def load(source: str, quantize: bool) -> FixedLength:
    options = source_of(source)
    return FixedLength.load_model(**options, eos_threshold=NEVER, quantize=quantize, threads=1)  # type: ignore[return-value]


def make_voice(model: TTSModel) -> VoiceState:
    """A voice of random rows."""
    state = model.flow_lm.init_state()
    width = model.config.flow_lm.transformer.d_model
    model.flow_lm.prompt(np.random.default_rng(0).standard_normal((VOICE_ROWS, width), np.float32), state)
    return state


def best(seconds: Callable[[], float], calls: int) -> float:
    """The median of `calls` calls after one that is not counted."""
    seconds()
    return statistics.median([seconds() for _ in range(calls)])


def frame_times(model: FixedLength, voice: VoiceState, calls: int) -> FrameTimes:
    noise = np.random.default_rng(0).standard_normal((model.frames, model.config.mimi.latent_dim), np.float32)
    inner = model.flow_lm.transformer
    assert isinstance(inner, Transformer)
    sharing = (n for n in (2, 3) if Team.of(model.flow_lm, model.decoder, n))
    weights_bytes = sum(array.nbytes for array in inner.weights)
    return FrameTimes(
        language_model=best(lambda: _language_model_s(model, voice, noise), calls),
        shared=best(lambda: _transformer_s(inner, voice, model.frames), calls),
        team_threads=next(sharing, math.inf),
        decoder=tuple(_decoder_steps_s(model, noise)),
        weights_bytes=weights_bytes,
        read_bytes_s=read_bytes_s(weights_bytes, usable_cores()),
    )


def _language_model_s(model: FixedLength, voice: VoiceState, noise: np.ndarray) -> float:
    state = voice.copy(len(noise))
    begin = time.perf_counter()
    passage = Passage(model.flow_lm, state, model.sampling, iter(noise), len(noise), 0, 0, threading.Event())
    list(latents_alone(passage))
    return (time.perf_counter() - begin) / len(noise)


def _transformer_s(inner: Transformer, voice: VoiceState, n: int) -> float:
    state, row = voice.copy(n), np.ones((1, inner.weights.norm1.shape[2]), np.float32)
    begin = time.perf_counter()
    for _ in range(n):
        inner(row, state)
    return (time.perf_counter() - begin) / n


def _decoder_steps_s(model: FixedLength, noise: np.ndarray) -> list[float]:
    """The median of each of the smallest stages that the decoder can be cut into."""
    stages = model.decoder.stages(sys.maxsize)
    taken: list[list[float]] = [[] for _ in stages]
    for latent in noise:
        x = latent[None]
        for stage, seconds in zip(stages, taken, strict=True):
            begin = time.perf_counter()
            x = stage(x)
            seconds.append(time.perf_counter() - begin)
    return [statistics.median(seconds) for seconds in taken]


def read_bytes_s(n_bytes: int, n_threads: int) -> float:
    """Bytes a second that so many threads read together, of so many that are read again and again."""
    numbers = np.ones(max(n_threads, n_bytes // 8))
    with ThreadPoolExecutor(n_threads) as pool:

        def once() -> float:
            begin = time.perf_counter()
            list(pool.map(np.max, np.array_split(numbers, n_threads)))
            return time.perf_counter() - begin

        return numbers.nbytes / min(once() for _ in range(15))  # a limit, which others only make lower


def measured(model: FixedLength, voice: VoiceState, n_threads: int, n_callers: int, calls: int) -> Speed:
    """`n_callers` speak at once, each with a model of `n_threads` threads."""
    own = dataclasses.replace(model, threads=n_threads)
    own.frames = model.frames

    def speak(seed: int) -> int:
        return len(own.generate_audio(voice, TEXT, max_tokens=MAX_TOKENS, noise=seed))

    with ThreadPoolExecutor(n_callers) as pool:

        def all_speak() -> float:
            begin = time.perf_counter()
            n_samples = sum(pool.map(speak, range(n_callers)))
            return (time.perf_counter() - begin) / (n_samples / own.sample_rate)

        return Speed(n_threads, n_callers, 1 / best(all_speak, calls))


def report(times: FrameTimes, speeds: Sequence[Speed], frame_s: float, most_threads: int) -> str:
    """Tables: what was measured, beside what was predicted; the last line is what many cores gain."""
    alone = {speed.threads: speed for speed in speeds if speed.callers == 1}
    rows = [["threads", "measured, × real time", "predicted"], ["---"] * 3]
    for n in range(1, most_threads + 1):
        found = f"{alone[n].times_real_time:.1f}" if n in alone else "—"
        rows.append([str(n), found, f"{frame_s / times.predicted(n):.1f}"])
    parts = [
        f"One thread, ms a frame: language model {1e3 * times.language_model:.2f}, of which its "
        f"transformer {1e3 * times.shared:.2f}; decoder {' + '.join(f'{1e3 * step:.2f}' for step in times.decoder)}. "
        f"{times.weights_bytes / 1e6:.0f} MB a step, which all cores read at {times.read_bytes_s / 1e9:.1f} GB/s.",
        table(rows),
    ]
    several = [speed for speed in speeds if speed.callers > 1]
    if several:
        rows = [["callers", "threads each", "together, × real time"], ["---"] * 3]
        parts.append(table(rows + [[str(s.callers), str(s.threads), f"{s.times_real_time:.1f}"] for s in several]))
    last = times.predicted(most_threads)
    parts.append(
        f"{most_threads} cores are predicted to be {times.predicted(2) / last:.2f} × as fast as two, and "
        f"{times.in_two_stages / last:.2f} × as fast as a thread for the language model and one for the decoder."
    )
    return "\n\n".join(parts)


WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 480, 300, 56, 28, 44


def chart(times: FrameTimes, speeds: Sequence[Speed], frame_s: float, most_threads: int) -> str:
    """An SVG: × real time by threads, predicted as a line, measured as dots."""
    predicted = [(n, frame_s / times.predicted(n)) for n in range(1, most_threads + 1)]
    dots = [(speed.threads, speed.times_real_time) for speed in speeds if speed.callers == 1]
    highest = max(value for _, value in [*predicted, *dots])

    def place(n: float, value: float) -> tuple[float, float]:
        across = (n - 1) / max(1, most_threads - 1)
        return LEFT + across * (WIDTH - LEFT - 24), HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM)

    line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in predicted)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        "<title>Speed by threads: predicted as a line, measured as dots</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#f8fafc"/>',
        f'<polyline points="{line}" fill="none" stroke="#94a3b8" stroke-width="2"/>',
    ]
    for n, value in predicted:
        x, y = place(n, value)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{n}</text>')
        parts.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle" fill="#64748b">{value:.1f}</text>')
    for n, value in dots:
        x, y = place(n, value)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="#4f46e5"><title>{value:.1f}</title></circle>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">threads</text>')
    parts.append('<text x="8" y="16">× real time</text></svg>')
    return "\n".join(parts) + "\n"


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.scaling", description="Measure and predict speed by threads and callers."
    )
    add = parser.add_argument
    add("model", help="a configuration, a model in one file, or the name of a released model")
    add("--quantize", action="store_true", help="int8 weights")
    add("--frames", type=int, default=60, help="frames spoken, 80 ms each (%(default)s)")
    add("--calls", type=int, default=5, help="calls of which the median counts (%(default)s)")
    add("--most-threads", type=int, default=4, help="predict up to so many (%(default)s)")
    add("--callers", type=int, nargs="*", default=[], metavar="N", help="also measure N callers at once")
    add("--chart", type=Path, metavar="SVG", help="draw it")
    args = parser.parse_args(argv)
    if min(args.frames, args.calls, *args.callers, 9) < 1 or args.most_threads < 2:
        parser.error("--frames, --calls and --callers must be positive, --most-threads at least 2")
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    logging.disable(logging.WARNING)  # speech that never ends is wanted here
    try:
        run(args)
    finally:
        logging.disable(logging.NOTSET)


def run(args: argparse.Namespace) -> None:
    model = load(args.model, args.quantize)
    model.frames = args.frames
    voice = make_voice(model)
    times = frame_times(model, voice, args.calls)
    n_here = min(args.most_threads, usable_cores())
    speeds = [measured(model, voice, n, 1, args.calls) for n in range(1, n_here + 1)]
    speeds += [measured(model, voice, 1, n, args.calls) for n in args.callers]
    frame_s = model.config.mimi.frame_samples / model.sample_rate
    print(report(times, speeds, frame_s, args.most_threads))
    if args.chart:
        args.chart.write_text(chart(times, speeds, frame_s, args.most_threads), encoding="utf-8")


if __name__ == "__main__":
    main()
