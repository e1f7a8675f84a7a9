"""One measured process of tools.bench: one task, its result as one JSON line on standard output.

    python -m tools.bench.worker '{"engine": "package", "task": "speed", ...}'   # the fields of Job

The same loops time this package (package.py) and the reference (reference.py, under an interpreter that has torch): the
two modules offer the operations of `Engine`, this one calls them. Nothing heavy is imported before the clock runs.
"""

import contextlib
import importlib
import json
import logging
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pockettts_np.commands.inspection.measure import peak_bytes

if TYPE_CHECKING:
    import numpy as np

TEXT = "You will hear the first sound long before the last word is made."  # 15 tokens of the English tokenizer
MAX_TOKENS = 10_000  # one chunk, whatever the tokenizer
NEVER = 1e9  # EOS threshold: random weights do not know when to end
CHECKED_FRAMES = 40
DECODED_FRAMES = 60  # of the decoder alone
SMALL_CALLS = 20  # of what takes less than a millisecond


class Job(NamedTuple):
    """What a worker does."""

    engine: str  # "package" or "reference"
    task: str  # a key of TASKS
    model: str  # configuration file, or a released name
    folder: str  # inputs.npz, voice.safetensors and results
    cores: int
    quantize: bool
    frames: int
    prompt_seconds: float
    calls: int
    reference_threads: int


class Engine(Protocol):
    """A loaded model. Arrays are float32 and time-major; `Any` stands for the engine's own states."""

    sample_rate_hz: int
    frame_samples: int
    n_text_tokens: int
    latent_dim: int
    voice_width: int
    condition_dim: int
    head_input: tuple[int, int]  # rows a frame, channels

    def __init__(self, job: Job) -> None: ...
    def versions(self) -> dict[str, str]: ...
    def clone(self, samples: "np.ndarray") -> Any: ...
    def save_voice(self, voice: Any, path: str) -> None: ...
    def load_voice(self, path: str) -> Any: ...
    def cache(self, voice: Any) -> "np.ndarray": ...  # [n_layers, 2, T, n_kv_heads, head_dim]
    def speak(
        self, voice: Any, stop: threading.Event | None = None, noise: "np.ndarray | None" = None
    ) -> Iterator["np.ndarray"]: ...
    def copy_voice(self, voice: Any) -> Any: ...
    def prompt_text(self, state: Any) -> None: ...
    def prompt_rows(self, rows: "np.ndarray", state: Any) -> None: ...
    def empty_state(self, n_rows: int) -> Any: ...
    def steps(self, state: Any, noise: "np.ndarray") -> "np.ndarray": ...  # latents [T, latent_dim]
    def flow_net(self, condition: "np.ndarray", noise: "np.ndarray") -> "np.ndarray": ...
    def decoder_state(self, n_frames: int) -> Any: ...
    def decode(self, latents: "np.ndarray", state: Any) -> "np.ndarray": ...
    def head(self, rows: "np.ndarray", state: Any) -> "np.ndarray": ...
    def contradictions(self, voice: Any, noise: "np.ndarray") -> dict[str, float]: ...


def seconds(run: Callable[[], object], repeat: int = 1) -> float:
    """Seconds of one call, the mean of `repeat` in a row."""
    begin = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - begin) / repeat


def relative_error(got: "np.ndarray", want: "np.ndarray") -> float:
    """Largest error as a part of the largest value."""
    if got.shape != want.shape:
        raise ValueError(f"Two results to compare have shapes {list(got.shape)} and {list(want.shape)}.")
    return float(abs(got - want).max() / abs(want).max())


def load(job: Job) -> tuple[Engine, dict[str, float]]:
    """The engine, and the seconds that importing and loading it took."""
    begin = time.perf_counter()
    module = importlib.import_module(f"tools.bench.{job.engine}")
    imported = time.perf_counter()
    engine = module.Engine(job)
    return engine, {"import_s": imported - begin, "load_s": time.perf_counter() - imported}


def speed(job: Job) -> dict[str, Any]:
    """Every time of a warm process, each the median of `calls` after one call that is not counted."""
    engine, figures = load(job)
    import numpy as np  # after the clock of the import has stopped

    inputs = np.load(f"{job.folder}/inputs.npz")
    voice = engine.load_voice(f"{job.folder}/voice.safetensors")

    def measure(timed: Callable[[], float]) -> float:
        timed()
        return statistics.median([timed() for _ in range(job.calls)])

    figures["clone_s"] = measure(lambda: seconds(lambda: engine.clone(inputs["prompt"])))
    figures["first_sound_ms"] = 1e3 * measure(lambda: first_sound_s(engine, voice))
    figures["times_real_time"] = job.frames * frame_s(engine) / measure(lambda: whole_s(engine, voice, job.frames))
    figures["lm_step_ms"] = 1e3 * measure(lambda: steps_s(engine, voice, inputs["noise"])) / job.frames
    figures["text_prefill_ms"] = 1e3 * measure(lambda: text_prefill_s(engine, voice))
    figures["voice_prefill_ms"] = 1e3 * measure(lambda: rows_prefill_s(engine, inputs["rows"]))
    condition, noise = inputs["condition"], inputs["noise"][0]
    figures["flow_net_ms"] = 1e3 * measure(lambda: seconds(lambda: engine.flow_net(condition, noise), SMALL_CALLS))
    n_frames = min(job.frames, DECODED_FRAMES)
    figures["decoder_frame_ms"] = 1e3 * measure(lambda: decoder_s(engine, inputs["noise"][:n_frames])) / n_frames
    figures["head_frame_ms"] = 1e3 * measure(lambda: head_s(engine, inputs["hidden"], n_frames))
    return {"figures": figures, "versions": engine.versions(), "text_tokens": engine.n_text_tokens}


def frame_s(engine: Engine) -> float:
    return engine.frame_samples / engine.sample_rate_hz


def first_sound_s(engine: Engine, voice: Any) -> float:
    stop = threading.Event()
    begin = time.perf_counter()
    stream = engine.speak(voice, stop)
    next(stream)
    taken = time.perf_counter() - begin
    stop.set()
    for _ in stream:
        pass
    return taken


def whole_s(engine: Engine, voice: Any, frames: int) -> float:
    begin = time.perf_counter()
    n_samples = sum(len(chunk) for chunk in engine.speak(voice))
    taken = time.perf_counter() - begin
    if n_samples != frames * engine.frame_samples:
        raise ValueError(f"{n_samples} samples were spoken; wanted exactly {frames} frames of {engine.frame_samples}.")
    return taken


def steps_s(engine: Engine, voice: Any, noise: "np.ndarray") -> float:
    state = engine.copy_voice(voice)
    engine.prompt_text(state)
    return seconds(lambda: engine.steps(state, noise))


def text_prefill_s(engine: Engine, voice: Any) -> float:
    state = engine.copy_voice(voice)
    return seconds(lambda: engine.prompt_text(state))


def rows_prefill_s(engine: Engine, rows: "np.ndarray") -> float:
    state = engine.empty_state(len(rows))
    return seconds(lambda: engine.prompt_rows(rows, state))


def decoder_s(engine: Engine, latents: "np.ndarray") -> float:
    state = engine.decoder_state(len(latents))
    return seconds(lambda: [engine.decode(latents[i : i + 1], state) for i in range(len(latents))])


def head_s(engine: Engine, rows: "np.ndarray", n_frames: int) -> float:
    state = engine.decoder_state(n_frames)
    return seconds(lambda: engine.head(rows, state), n_frames)


def make_inputs(engine: Engine, job: Job) -> None:
    """The recording to clone, the noise of every frame, and rows for layers that are timed alone."""
    import numpy as np

    rng = np.random.default_rng(0)
    n = round(job.prompt_seconds * engine.sample_rate_hz)
    loudness = 0.1 + 0.9 * np.sin(np.arange(n) * (4 * np.pi / engine.sample_rate_hz)) ** 2  # four syllables a second
    n_rows = n // engine.frame_samples + 1
    np.savez(
        f"{job.folder}/inputs.npz",
        prompt=(0.1 * loudness * rng.standard_normal(n)).astype(np.float32),
        noise=rng.standard_normal((job.frames, engine.latent_dim), np.float32),
        rows=rng.standard_normal((n_rows, engine.voice_width), np.float32),
        condition=rng.standard_normal(engine.condition_dim, np.float32),
        hidden=rng.standard_normal(engine.head_input, np.float32),
    )


def check(job: Job) -> dict[str, Any]:
    """What the model makes of the inputs, as ENGINE_PRECISION.npz, and how far it is from agreeing with itself.

    The first check of a model also makes the inputs and saves the voice that all later tasks speak with.
    """
    import numpy as np

    importlib.import_module(f"tools.bench.{job.engine}").prepare(job)
    engine, _ = load(job._replace(frames=min(job.frames, CHECKED_FRAMES)))
    path = f"{job.folder}/voice.safetensors"
    is_first = not os.path.exists(path)  # noqa: PTH110
    if is_first:
        make_inputs(engine, job)
    inputs = np.load(f"{job.folder}/inputs.npz")
    cloned = engine.clone(inputs["prompt"])
    if is_first:
        engine.save_voice(cloned, path)
    voice, noise = engine.load_voice(path), inputs["noise"][:CHECKED_FRAMES]
    state = engine.copy_voice(voice)
    engine.prompt_text(state)
    results = {
        "voice": engine.cache(cloned),
        "latents": engine.steps(state, noise),
        "audio": np.concatenate(list(engine.speak(voice, noise=noise))),
    }
    np.savez(result_path(job), **results)  # type: ignore[arg-type]  # numpy's stub mixes up its flag and the arrays
    return {
        "contradictions": engine.contradictions(voice, noise),
        "versions": engine.versions(),
        "text_tokens": engine.n_text_tokens,
        "frames": len(noise),
    }


def result_path(job: Job) -> str:
    return f"{job.folder}/{job.engine}_{'int8' if job.quantize else 'float32'}.npz"


def generate(job: Job) -> dict[str, Any]:
    """The engine's own `generate` command with a saved voice, and the most memory this process then held."""
    module = importlib.import_module(f"tools.bench.{job.engine}")
    options = ["--voice", f"{job.folder}/voice.safetensors", "--text", TEXT, "--eos-threshold", str(NEVER), "--quiet"]
    options += ["--max-tokens", str(MAX_TOKENS), "--output-path", f"{job.folder}/{job.engine}.wav"]
    module.run_command(["generate", *module.model_options(job), *options], job.frames)
    return {"figures": {"peak_mb": peak_bytes() / 1e6}}


def first_sound(job: Job) -> dict[str, Any]:
    """A new process up to its first sound with a saved voice; the parent holds the clock."""
    engine, _ = load(job)
    next(engine.speak(engine.load_voice(f"{job.folder}/voice.safetensors")))
    return {}


TASKS: dict[str, Callable[[Job], dict[str, Any]]] = {
    "speed": speed,
    "check": check,
    "generate": generate,
    "first_sound": first_sound,
}


def pin(cores: int) -> None:
    """Stay on the first `cores` usable cores, where the system can be told so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    pin(job.cores)
    logging.disable(logging.WARNING)  # speech that never ends is wanted here
    with contextlib.redirect_stdout(sys.stderr):
        result = TASKS[job.task](job)
    print(json.dumps(result), flush=True)
    os._exit(0)  # at once: threads of speech that was not heard to its end may still run


if __name__ == "__main__":
    main()
