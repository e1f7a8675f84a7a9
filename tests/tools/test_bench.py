"""The benchmark at tiny size: it refuses what is wrong, takes turns, and says what was measured."""

import json
import math
import sys

import numpy as np
import pytest

from tests.support.helpers import GOLDEN
from tools.bench import __main__ as bench
from tools.bench import kernels as bench_kernels
from tools.bench import numpy_kernels as bench_numpy
from tools.bench import report as bench_report
from tools.bench import worker as bench_worker
from tools.bench.report import FIGURES, PACKAGE, REFERENCE, WANTED, Case, Wanted

MODEL = str(GOLDEN / "lsd.toml")
SIDES = [bench.Side(PACKAGE, sys.executable, "package"), bench.Side(REFERENCE, sys.executable, "reference")]
TINY = ["--cores", "1", "--reps", "2", "--calls", "1", "--frames", "2", "--prompt-seconds", "0.1"]


class OneProcess:
    """Runs each task here and once, the reference's with this package; the reference's results may be made louder."""

    def __init__(self, gain: float = 1.0) -> None:
        self.order: list[tuple[str, str]] = []
        self.results: dict[bench_worker.Job, dict] = {}
        self.gain = np.float32(gain)

    def __call__(self, side: bench.Side, job: bench_worker.Job) -> tuple[dict, float]:
        self.order.append((job.task, side.name))
        job = job._replace(engine="package")
        if job not in self.results:
            self.results[job] = bench_worker.TASKS[job.task](job)
        if side.name == REFERENCE and job.task == "check":
            with np.load(bench_worker.result_path(job)) as file:
                louder = {name: file[name] * self.gain for name in file.files}
            np.savez(bench_worker.result_path(job._replace(engine="reference")), **louder)
        return dict(self.results[job]), 1.0


def measure(worker: OneProcess, *options: str) -> dict:
    args = bench.parse([MODEL, *TINY, *options])
    settings = {key: vars(args)[key] for key in ("reps", "calls", "frames", "prompt_seconds")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "run_worker", worker)
        found = bench.measure_cases(SIDES, [Case(MODEL, 1, args.quantize)], args)
    return {"command": "test", "machine": bench_report.machine(), "settings": settings} | found


@pytest.fixture(scope="module")
def worker() -> OneProcess:
    return OneProcess()


@pytest.fixture(scope="module")
def run(worker) -> dict:
    return measure(worker, "--quantize")


def test_every_figure_is_measured_in_every_repetition(run):
    (case,) = run["cases"]
    for engine in case["engines"].values():
        assert set(engine["figures"]) == set(FIGURES)
        for values in engine["figures"].values():
            assert len(values) == 2
            assert all(math.isfinite(value) and value > 0 for value in values)


def test_the_sides_take_turns_after_the_checks(run, worker):
    tasks = ["check", "check"] + 2 * ["speed", "generate", "first_sound"]  # float32, int8, two repetitions
    assert worker.order == [(task, side.name) for task in tasks for side in SIDES]


def test_what_is_checked(run):
    (check,) = run["checks"]
    assert check["frames"] == 2
    assert check["agreement"] == {"voice": 0, "latents": 0, "audio": 0}
    assert set(check["contradictions"]) == {"float32", "int8"}
    for errors in check["contradictions"].values():
        assert all(0 <= error <= bench.TOLERANCE for error in errors.values())
    for errors in check["int8_errors"].values():
        assert all(0 < error < 0.5 for error in errors.values())


def test_the_report_holds_every_figure(run):
    text = bench_report.markdown(json.loads(json.dumps(run)))
    for label in ("clone a 0.1 s recording", "speed over 2 frames", "peak memory of `generate`", "ours / reference"):
        assert label in text
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {5}


def test_a_run_is_shown_again(run, tmp_path, capsys):
    bench.write(tmp_path / "run.json", json.dumps(run))
    assert bench.main(["--show", str(tmp_path / "run.json"), "--json", str(tmp_path / "copy.json")]) == 0
    assert capsys.readouterr().out.strip() == bench_report.markdown(run).strip()
    assert json.loads((tmp_path / "copy.json").read_text()) == json.loads(json.dumps(run))


def test_a_bar_has_every_part_and_earlier_runs_only_ours(run):
    bars = bench_report.bars(run) | bench_report.bars(run, " before", (PACKAGE,))
    assert sorted(bars) == [f"lsd, int8, one core: {name}" for name in (REFERENCE, PACKAGE, f"{PACKAGE} before")]
    assert all(len(parts) == len(bench_report.PARTS) for parts in bars.values())


def test_a_worker_is_a_process_of_its_own(tmp_path):
    job = bench_worker.Job("", "check", MODEL, str(tmp_path), 1, False, 2, 0.1, 1, 1)
    result, taken = bench.run_worker(SIDES[0], job)
    assert result["frames"] == 2
    assert taken > 0
    assert (tmp_path / "voice.safetensors").exists()


# ---------------------------------------------------------------- timing


class Clockwork:
    """An engine each of whose operations takes a known time on a clock of its own."""

    sample_rate_hz, frame_samples, n_text_tokens = 24_000, 1920, 15
    latent_dim, voice_width, condition_dim, head_input = 4, 6, 5, (16, 3)

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.now_s = 0.0

    def takes(self, seconds: float) -> None:
        self.now_s += seconds

    def speak(self, voice, stop=None, noise=None):
        self.takes(0.3)
        for _ in range(self.frames):
            yield np.zeros(self.frame_samples, np.float32)
            if stop is not None and stop.is_set():
                return
            self.takes(0.02)

    def steps(self, state, noise):
        self.takes(0.01 * len(noise))

    def decode(self, latents, state):
        self.takes(0.006 * len(latents))

    def versions(self):
        return {}

    def load_voice(self, path):
        self.takes(9)  # what is not asked for does not count

    copy_voice = empty_state = decoder_state = load_voice

    def prompt_rows(self, rows, state):
        self.takes(0.001 * len(rows))

    def clone(self, samples):
        self.takes(2.0)

    def prompt_text(self, state):
        self.takes(0.04)

    def flow_net(self, condition, noise):
        self.takes(0.002)

    def head(self, rows, state):
        self.takes(0.005)


def test_figures_are_in_their_units(monkeypatch, tmp_path):
    n_frames = 100  # more than are decoded
    engine = Clockwork(n_frames)
    job = bench_worker.Job("", "speed", "", str(tmp_path), 1, False, n_frames, 10.0, 3, 1)
    bench_worker.make_inputs(engine, job)
    monkeypatch.setattr(bench_worker, "load", lambda job: (engine, {"import_s": 1.0, "load_s": 2.0}))
    monkeypatch.setattr(bench_worker.time, "perf_counter", lambda: engine.now_s)
    assert bench_worker.speed(job)["figures"] == pytest.approx({
        "import_s": 1,
        "load_s": 2,
        "clone_s": 2,
        "first_sound_ms": 300,
        "times_real_time": 8 / (0.3 + 100 * 0.02),
        "lm_step_ms": 10,
        "text_prefill_ms": 40,
        "voice_prefill_ms": 126,  # ten seconds and one row in front
        "flow_net_ms": 2,
        "decoder_frame_ms": 6,
        "head_frame_ms": 5,
    })  # fmt: skip


def test_another_length_is_refused(monkeypatch):
    engine = Clockwork(3)
    with pytest.raises(ValueError, match="wanted exactly 4 frames"):
        bench_worker.whole_s(engine, None, 4)


# ---------------------------------------------------------------- refusing


def test_a_difference_is_refused():
    bench.require_small({"audio": 0.9e-4}, "x")
    for error in (1.1e-4, math.nan):
        with pytest.raises(bench.BenchError, match="audio, by"):
            bench.require_small({"audio": error}, "x")


def test_another_sound_than_the_reference_is_refused():
    worker = OneProcess(gain=1 + 1e-3)
    with pytest.raises(bench.BenchError, match=r"pockettts_np and pocket-tts differ on .*lsd.toml: voice, by 0.001"):
        measure(worker)
    assert {task for task, _ in worker.order} == {"check"}


def test_a_worker_that_fails_is_quoted(capsys):
    assert bench.main([str(GOLDEN / "nothing.toml"), *TINY]) == 1
    assert "no such configuration" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--kernels", "--table", "x"], ["x.toml", "--reps", "0"]])
def test_wrong_usage(arguments):
    with pytest.raises(SystemExit) as error:
        bench.parse(arguments)
    assert error.value.code == 2


def test_a_missing_model_of_the_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"english\.yaml"):
        bench.model_file("english", tmp_path)


def test_a_chart_without_matplotlib(monkeypatch, capsys):
    monkeypatch.setattr(bench_report.importlib.util, "find_spec", lambda name: None)
    assert bench.main(["--show", "run.json", "--chart", "chart.png"]) == 1
    assert "--chart needs matplotlib" in capsys.readouterr().err


# ---------------------------------------------------------------- what is wanted


def wanted_run(ours: list[float], theirs: list[float] | None, wanted: Wanted) -> str:
    rest = {figure: [1.0] for figure in FIGURES}
    engines = {PACKAGE: {"figures": rest | {wanted.figure: ours}}}
    if theirs:
        engines[REFERENCE] = {"figures": rest | {wanted.figure: theirs}}
    case = {"model": wanted.model, "cores": wanted.cores, "quantize": wanted.quantize, "engines": engines}
    rows = bench_report._wanted_table([case]).splitlines()
    return next(row for row in rows if row.startswith(f"| {wanted.sentence}"))


@pytest.mark.parametrize("wanted", [w for w in WANTED if w.kind == "ratio" and w.figure != "new_process_s"])
def test_a_ratio_is_of_medians_and_has_a_direction(wanted):
    good = wanted.limit * (1.01 if wanted.figure == "times_real_time" else 0.99)
    bad = wanted.limit**2 / good
    noise = [0.5, 1.0, 3.0]
    assert wanted_run([2 * good * n for n in noise], [2, 2, 2], wanted).endswith("| yes |")
    assert wanted_run([2 * bad * n for n in noise], [2, 2, 2], wanted).endswith("| **no** |")
    assert wanted_run([1.0], None, wanted).endswith("| — | not measured |")


def test_memory_is_held_against_a_number():
    wanted = next(w for w in WANTED if w.figure == "peak_mb")
    assert wanted_run([wanted.limit], None, wanted).endswith("| yes |")
    assert wanted_run([wanted.limit + 1], None, wanted).endswith("| **no** |")


# ---------------------------------------------------------------- kernels


@pytest.fixture
def few_rows(monkeypatch):
    """So few that the uncompiled loops are done in a moment."""
    monkeypatch.setattr(bench_kernels, "PAST_ROWS", 20)
    monkeypatch.setattr(bench_kernels, "PROMPT_ROWS", 9)
    monkeypatch.setattr(bench_kernels, "MATMUL_ROWS", (1, 6))


@pytest.mark.usefixtures("few_rows")
def test_every_kernel_agrees_with_its_numpy_form():
    for model in ("lsd", "pointwise", "source_filter"):
        found = bench_kernels.measure_kernels([str(GOLDEN / f"{model}.toml")], reps=1, limit_bytes=2**16)
        names = {row["name"].split(",")[0] for row in found["rows"]}
        assert {"layer_norm", "matrix product", "attention", "language-model step", "flow net"} < names
        assert ({"elu", "convolution"} <= names) == (model != "source_filter")
        assert all(row["kernel_s"] > 0 and row["numpy_s"] > 0 and row["rate"] > 0 for row in found["rows"])
        assert f"| {model} | size |" in bench_report.kernel_tables(found)


@pytest.mark.usefixtures("few_rows")
def test_a_wrong_kernel_is_refused(monkeypatch):
    monkeypatch.setattr(bench_numpy, "gelu", lambda x: np.maximum(x, 0))
    with pytest.raises(ValueError, match=r"gelu .* differs from NumPy"):
        bench_kernels.measure_kernels([str(GOLDEN / "lsd.toml")], reps=1, limit_bytes=2**16)
