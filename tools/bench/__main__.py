"""Measure this package: check that it is right, then time it in fresh processes, beside the reference if asked to.

    python -m tools.bench english.yaml --cores 1 --quantize
    python -m tools.bench english.yaml --against-reference REFERENCE/bin/python --json run.json --chart run.png
    python -m tools.bench --table FOLDER --against-reference REFERENCE/bin/python     # all that is wanted
    python -m tools.bench --kernels                                                   # every compiled loop
    python -m tools.bench --show run.json --chart run.png --before old.json           # a run again

REFERENCE is a virtual environment with torch and pocket-tts (tools/golden/requirements.txt). Nothing is reported
unless the package agrees with itself, and with the reference where it is given. Every repetition of a task is a new
process, the two sides in turns; figures are medians of the processes' medians, with the smallest and the largest.
Voices are cloned from noise and speech never ends by itself but after --frames frames, so that any weights will do.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from pockettts_np.threads.cores import usable_cores
from tools.bench import report
from tools.bench.report import WANTED, Case
from tools.bench.worker import Job, pin, relative_error, result_path

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-4  # of the largest value: what a whole network may differ by in float32
KERNEL_MODELS = ("english", "english_2m_2026-10")
PACKAGE, REFERENCE = "pockettts_np", "pocket-tts"


class BenchError(Exception):
    """A sentence for the user."""


class Side(NamedTuple):
    """One of the two that are measured."""

    name: str
    python: str
    engine: str  # the module tools.bench.ENGINE


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    try:
        if args.chart:
            report.require_matplotlib()
        results = json.loads(args.show.read_text(encoding="utf-8")) if args.show else measure(args, argv)
        before = json.loads(args.before.read_text(encoding="utf-8")) if args.before else None
        print(report.markdown(results))
        if args.json:
            write(args.json, json.dumps(results, indent=1))
        if args.chart:
            report.chart(results, before, args.chart)
    except (BenchError, OSError, ValueError, ModuleNotFoundError) as error:
        print(f"bench: error: {error}", file=sys.stderr)
        return 1
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("models", nargs="*", metavar="MODEL", help="configuration file, or the name of a released model")
    add("--table", type=Path, metavar="FOLDER", help="measure all that is wanted; FOLDER holds the NAME.yaml")
    add("--kernels", action="store_true", help="time each compiled loop at the models' sizes, against NumPy")
    add("--show", type=Path, metavar="JSON", help="print a run that --json saved")
    add("--cores", type=int, choices=(1, 2), help="cores to run on (2; for --kernels 1)")
    add("--quantize", action="store_true", help="int8 weights, on both sides")
    add("--against-reference", metavar="PYTHON", help="measure pocket-tts too, with this interpreter")
    add("--reference-threads", type=int, default=1, help="torch threads; pocket-tts itself sets %(default)s")
    add("--reps", type=int, default=5, help="processes a figure (%(default)s)")
    add("--calls", type=int, default=3, help="calls a process, of which the median counts (%(default)s)")
    add("--frames", type=int, default=125, help="frames spoken, 80 ms each (%(default)s)")
    add("--prompt-seconds", type=float, default=10, help="length of the recording to clone (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="save the run")
    add("--chart", type=Path, metavar="FILE", help="draw the time a frame by part (needs matplotlib)")
    add("--before", type=Path, metavar="JSON", help="an earlier run to draw beside it")
    args = parser.parse_args(argv)
    if sum(map(bool, (args.models and not args.kernels, args.table, args.kernels, args.show))) != 1:
        parser.error("give one of MODEL, --table, --kernels and --show")
    if min(args.reps, args.calls, args.frames, args.reference_threads) < 1 or args.prompt_seconds <= 0:
        parser.error("--reps, --calls, --frames, --reference-threads and --prompt-seconds must be positive")
    return args


def write(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".part")
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(path)


def measure(args: argparse.Namespace, argv: list[str] | None) -> dict[str, Any]:
    arguments = sys.argv[1:] if argv is None else argv
    results: dict[str, Any] = {
        "command": f"python -m tools.bench {shlex.join(arguments)}",
        "machine": report.machine(),
        "settings": {key: vars(args)[key] for key in ("reps", "calls", "frames", "prompt_seconds")},
    }
    cores = args.cores or (1 if args.kernels else 2)
    usable = usable_cores()
    if usable < max([cores] + [wanted.cores for wanted in WANTED if args.table]):
        raise BenchError(f"Two cores are asked for and this process may use {usable}; try --cores 1.")
    if args.kernels:
        pin(cores)
        from tools.bench.kernels import measure_kernels  # imports NumPy, whose BLAS counts the cores when it is loaded

        return results | {"kernels": measure_kernels(args.models or KERNEL_MODELS, args.reps)}
    sides = [Side(PACKAGE, sys.executable, "package")]
    if args.against_reference:
        sides.append(Side(REFERENCE, args.against_reference, "reference"))
    cases = [Case(model, cores, args.quantize) for model in args.models]
    if args.table:
        cases = list(dict.fromkeys(Case(w.model, w.cores, w.quantize) for w in WANTED))
    return results | measure_cases(sides, cases, args)


def measure_cases(sides: list[Side], cases: list[Case], args: argparse.Namespace) -> dict[str, Any]:
    """Check and measure, model by model."""
    checks, measured = [], []
    files = {case.model: model_file(case.model, args.table) for case in cases}
    for model, file in files.items():
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            own = [case for case in cases if case.model == model]
            job = Job(
                engine="",
                task="check",
                model=file,
                folder=folder,
                cores=own[0].cores,
                quantize=False,
                frames=args.frames,
                prompt_seconds=args.prompt_seconds,
                calls=args.calls,
                reference_threads=args.reference_threads,
            )
            checks.append({"model": Path(model).stem, **check(sides, job, any(case.quantize for case in own))})
            for case in own:
                engines = measure_case(sides, case, job._replace(cores=case.cores, quantize=case.quantize), args.reps)
                measured.append(case._replace(model=Path(model).stem)._asdict() | {"engines": engines})
    return {"checks": checks, "cases": measured}


def model_file(model: str, folder: Path | None) -> str:
    if folder is None:
        return model
    path = folder / f"{model}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; the table needs it.")
    return str(path)


def run_worker(side: Side, job: Job) -> tuple[dict[str, Any], float]:
    """The worker's result, and the seconds from its start until it was there."""
    command = [side.python, "-m", "tools.bench.worker", json.dumps(job._replace(engine=side.engine)._asdict())]
    label = f"{Path(job.model).stem} {'int8' if job.quantize else 'float32'} on {job.cores} core(s)"
    print(f"{label}: {side.name} {job.task}", file=sys.stderr, flush=True)
    with tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            taken = time.perf_counter() - begin
        if process.returncode or not line:
            errors.seek(0)
            last = "\n".join(errors.read().splitlines()[-15:])
            raise BenchError(f"{side.name} left task {job.task} of {job.model} with {process.returncode}:\n{last}")
    return json.loads(line), taken


def check(sides: list[Side], job: Job, quantize: bool) -> dict[str, Any]:
    """Refuse to measure what is wrong; the first check also makes the voice that all later tasks speak with."""
    package, *reference = sides
    result, _ = run_worker(package, job)
    contradictions = {"float32": result["contradictions"]}
    agreement = {}
    for side in reference:
        theirs, _ = run_worker(side, job)
        if theirs["text_tokens"] != result["text_tokens"]:
            raise BenchError(f"{side.name} reads {theirs['text_tokens']} tokens, {PACKAGE} {result['text_tokens']}.")
        agreement = compare(job, package, side)
    errors = {}
    if quantize:
        for side in sides:
            quantized, _ = run_worker(side, job._replace(quantize=True))
            contradictions |= {"int8": quantized["contradictions"]} if side is package else {}
            errors[side.name] = int8_errors(job._replace(engine=side.engine))
    for precision, found in contradictions.items():
        require_small(found, f"{PACKAGE} ({precision}, {job.model}) contradicts itself")
    require_small(agreement, f"{PACKAGE} and {REFERENCE} differ on {job.model}")
    return {"frames": result["frames"], "contradictions": contradictions, "agreement": agreement, "int8_errors": errors}


def require_small(errors: dict[str, float], what: str) -> None:
    for name, error in errors.items():
        if not error <= TOLERANCE:
            raise BenchError(f"{what}: {name}, by {error:.2g} of the largest value; at most {TOLERANCE:g} is right.")


def compare(job: Job, package: Side, reference: Side) -> dict[str, float]:
    """Largest relative error of each result of the check."""
    import numpy as np

    ours, theirs = (np.load(result_path(job._replace(engine=side.engine))) for side in (package, reference))
    return {name: relative_error(ours[name], theirs[name]) for name in ours.files}


def int8_errors(job: Job) -> dict[str, float]:
    """Root mean square of what int8 weights change, as a part of that of the float32 result."""
    import numpy as np

    exact, rounded = (np.load(result_path(job._replace(quantize=quantize))) for quantize in (False, True))
    return {
        name: float(np.sqrt(np.square(rounded[name] - exact[name]).mean() / np.square(exact[name]).mean()))
        for name in ("latents", "audio")
    }


def measure_case(sides: list[Side], case: Case, job: Job, reps: int) -> dict[str, Any]:
    """Every figure of each side, one value a repetition; the sides take turns."""
    engines: dict[str, Any] = {side.name: {"figures": {}} for side in sides}
    for _ in range(reps):
        for task in ("speed", "generate", "first_sound"):
            for side in sides:
                result, taken = run_worker(side, job._replace(task=task))
                found = result.pop("figures", {}) | ({"new_process_s": taken} if task == "first_sound" else {})
                engines[side.name] |= result
                for figure, value in found.items():
                    engines[side.name]["figures"].setdefault(figure, []).append(value)
    return engines


if __name__ == "__main__":
    sys.exit(main())
