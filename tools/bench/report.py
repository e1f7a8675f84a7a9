"""What tools.bench shows of a run: Markdown tables, and a chart. A run is the dictionary that --json saves."""

import importlib
import importlib.util
import os
import platform
import statistics
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from pockettts_np.commands.inspection.measure import processor_name
from pockettts_np.threads.cores import usable_cores

PACKAGE, REFERENCE = "pockettts_np", "pocket-tts"
BUSY = 0.5  # load average from which others share the cores
REAL_TIME_MS = 80  # a frame


class Case(NamedTuple):
    """What is measured together."""

    model: str
    cores: int
    quantize: bool


class Figure(NamedTuple):
    label: str
    unit: str


FIGURES = {
    "import_s": Figure("import", "s"),
    "load_s": Figure("load", "s"),
    "clone_s": Figure("clone a {prompt_seconds:g} s recording", "s"),
    "first_sound_ms": Figure("first sound, saved voice, {text_tokens} tokens, warm", "ms"),
    "times_real_time": Figure("speed over {frames} frames", "× real time"),
    "lm_step_ms": Figure("language-model step, flow net included", "ms"),
    "flow_net_ms": Figure("flow net alone", "ms"),
    "text_prefill_ms": Figure("reading {text_tokens} tokens", "ms"),
    "voice_prefill_ms": Figure("reading the cloned voice's rows", "ms"),
    "decoder_frame_ms": Figure("decoder, one frame", "ms"),
    "head_frame_ms": Figure("its head alone (SEANet, or harmonics and noise)", "ms"),
    "peak_mb": Figure("peak memory of `generate`, saved voice", "MB"),
    "new_process_s": Figure("new process to first sound, saved voice", "s"),
}


class Wanted(NamedTuple):
    """A figure that counts: in itself (`value`) or as ours / the reference's (`ratio`)."""

    model: str
    cores: int
    quantize: bool
    figure: str
    kind: str
    limit: float

    @property
    def at_least(self) -> bool:
        return self.figure == "times_real_time"

    @property
    def sentence(self) -> str:
        unit = "× the reference" if self.kind == "ratio" else FIGURES[self.figure].unit
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {unit}"


WANTED = (
    Wanted("english", 2, True, "times_real_time", "ratio", 2.0),
    Wanted("english", 1, True, "times_real_time", "ratio", 2.3),
    Wanted("english", 2, False, "times_real_time", "ratio", 1.8),
    Wanted("english", 2, True, "first_sound_ms", "ratio", 0.6),
    Wanted("english", 2, False, "clone_s", "ratio", 0.5),
    Wanted("english", 2, True, "clone_s", "ratio", 0.5),
    Wanted("english_2m_2026-10", 1, False, "times_real_time", "ratio", 5.0),
    Wanted("english_18m_refl_2026-10", 1, False, "times_real_time", "ratio", 4.5),
    Wanted("german_24l", 2, True, "times_real_time", "ratio", 1.8),
    Wanted("english", 2, True, "peak_mb", "value", 260),
    Wanted("english_2m_2026-10", 1, False, "peak_mb", "value", 150),
    Wanted("english", 2, True, "new_process_s", "value", 1.5),
    Wanted("english", 2, True, "new_process_s", "ratio", 0.35),
)


def machine() -> dict[str, Any]:
    """Where and when of a run, before it begins."""
    return {
        "cpu": processor_name(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "revision": _revision(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS"),
    }


def _revision() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def markdown(results: dict[str, Any]) -> str:
    """Everything, ready for a README."""
    parts = [_machine_lines(results)]
    parts += [_check_lines(check) for check in results.get("checks", [])]
    cases = results.get("cases", [])
    parts += [_wanted_table(cases)] if any(_wanted_of(case) for case in cases) else []
    parts += [_case_table(case, results["settings"]) for case in cases]
    if "kernels" in results:
        parts.append(kernel_tables(results["kernels"]))
    return "\n\n".join(parts)


def _machine_lines(results: dict[str, Any]) -> str:
    m = results["machine"]
    versions = dict(results.get("kernels", {}).get("versions", {}))
    for case in results.get("cases", []):
        for engine in case["engines"].values():
            versions |= engine.get("versions", {})
    libraries = ", ".join(f"{name} {number}" for name, number in versions.items())
    blas = f"; OPENBLAS_NUM_THREADS={m['blas_threads']}" if m["blas_threads"] else ""
    busy = " (busy: trust ratios, not times)" if (m["load_average"] or 0) > BUSY else ""
    lines = [
        f"{m['cpu']}, {m['cores']} usable cores, {m['system']}, Python {m['python']}, {libraries}{blas}; "
        f"revision {m['revision']}; load average at the start {m['load_average']}{busy}.",
        "",
        f"    {results['command']}",
    ]
    if "cases" in results:
        s = results["settings"]
        lines += ["", f"Medians of {s['reps']} processes ({s['calls']} calls each), smallest and largest in brackets."]
        if any(case["quantize"] for case in results["cases"]):
            lines.append(
                f"{PACKAGE} reads int8 weights from a file of `pockettts-np quantize`; "
                f"{REFERENCE} makes them each time."
            )
    return "\n".join(lines)


def _check_lines(check: dict[str, Any]) -> str:
    """What held before anything was timed."""
    lines = [f"Checked on {check['model']}, errors as a part of the largest value:"]
    for precision, errors in check["contradictions"].items():
        lines += [f"- {precision}: {name} differ by {error:.1g}" for name, error in errors.items()]
    if check["agreement"]:
        errors = ", ".join(f"{name} {error:.1g}" for name, error in check["agreement"].items())
        lines.append(f"- float32 against {REFERENCE}, same noise, {check['frames']} frames: {errors}")
    for engine, errors in check["int8_errors"].items():
        rms = ", ".join(f"{name} {100 * error:.2g} %" for name, error in errors.items())
        lines.append(f"- {engine} int8 against its float32, same noise, RMS over {check['frames']} frames: {rms}")
    return "\n".join(lines)


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: list[float], unit: str = "") -> str:
    """Median, and smallest to largest in brackets."""
    text = f"{number(statistics.median(values))}{' ' + unit if unit else ''}"
    return f"{text} ({number(min(values))}–{number(max(values))})" if len(values) > 1 else text


def ratio(case: dict[str, Any], figure: str) -> float | None:
    """Ours / the reference's, of medians."""
    found = [case["engines"].get(name, {}).get("figures", {}).get(figure) for name in (PACKAGE, REFERENCE)]
    if None in found:
        return None
    ours, theirs = (statistics.median(values) for values in found)
    return ours / theirs


def _ratio_cell(case: dict[str, Any], figure: str) -> str:
    """The ratio of medians; in brackets the range of the ratios of neighbouring processes."""
    value = ratio(case, figure)
    if value is None:
        return "—"
    ours, theirs = (case["engines"][name]["figures"][figure] for name in (PACKAGE, REFERENCE))
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return f"{number(value)} ({number(min(pairs))}–{number(max(pairs))})" if len(pairs) > 1 else number(value)


def title(case: dict[str, Any]) -> str:
    cores = "one core" if case["cores"] == 1 else "two cores"
    return f"{case['model']}, {'int8' if case['quantize'] else 'float32'}, {cores}"


def _case_table(case: dict[str, Any], settings: dict[str, Any]) -> str:
    names = list(case["engines"])
    header = [title(case), *names] + (["ours / reference"] if REFERENCE in names else [])
    rows = [header, ["---"] * len(header)]
    values = settings | {"text_tokens": case["engines"][PACKAGE]["text_tokens"]}
    for figure, (label, unit) in FIGURES.items():
        cells = [spread(case["engines"][name]["figures"][figure], unit) for name in names]
        cells += [_ratio_cell(case, figure)] if REFERENCE in names else []
        rows.append([label.format(**values), *cells])
    return table(rows)


def table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _wanted_of(case: dict[str, Any]) -> list[Wanted]:
    return [w for w in WANTED if w[:3] == (case["model"], case["cores"], case["quantize"])]


def _wanted_table(cases: list[dict[str, Any]]) -> str:
    """Each figure that counts beside what is wanted of it."""
    rows = [["wanted", "figure", "here", "met"], ["---"] * 4]
    for wanted in WANTED:
        for case in cases:
            if wanted not in _wanted_of(case):
                continue
            values = case["engines"][PACKAGE]["figures"][wanted.figure]
            got = ratio(case, wanted.figure) if wanted.kind == "ratio" else statistics.median(values)
            met = "not measured" if got is None else "yes" if is_met(wanted, got) else "**no**"
            here = "—" if got is None else number(got)
            label = FIGURES[wanted.figure].label.split(",")[0].split(" over")[0].format(prompt_seconds=10)
            rows.append([wanted.sentence, f"{label}: {title(case)}", here, met])
    return table(rows)


def is_met(wanted: Wanted, got: float) -> bool:
    return got >= wanted.limit if wanted.at_least else got <= wanted.limit


def kernel_tables(kernels: dict[str, Any]) -> str:
    """Each compiled loop beside its plain NumPy form, a table a model."""
    limits = kernels["limits"]
    parts = [
        f"Limits measured here: reading memory {number(limits['GB/s'])} GB/s, BLAS (1024 × 1024) "
        f"{number(limits['GFLOP/s'])} GFLOP/s. Every kernel was checked against its NumPy form first."
    ]
    for model in dict.fromkeys(row["model"] for row in kernels["rows"]):
        rows = [[model, "size", "time", "rate", "of the limit", "NumPy", "times faster"], ["---"] * 7]
        rows += [_kernel_row(row) for row in kernels["rows"] if row["model"] == model]
        parts.append(table(rows))
    return "\n\n".join(parts)


def _kernel_row(row: dict[str, Any]) -> list[str]:
    kernel_us, numpy_us = (f"{number(1e6 * row[key])} µs" for key in ("kernel_s", "numpy_s"))
    rate = f"{number(row['rate'])} {row['unit']}"
    share = "" if row["share"] is None else f"{100 * row['share']:.0f} %"
    return [row["name"], row["size"], kernel_us, rate, share, numpy_us, number(row["numpy_s"] / row["kernel_s"])]


# ---------------------------------------------------------------- chart

PARTS = {
    "language model": lambda f: f["lm_step_ms"] - f["flow_net_ms"],
    "flow net": lambda f: f["flow_net_ms"],
    "decoder transformer": lambda f: f["decoder_frame_ms"] - f["head_frame_ms"],
    "decoder head": lambda f: f["head_frame_ms"],
}


def require_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError("--chart needs matplotlib, which is not installed: python -m pip install matplotlib")


def bars(results: dict[str, Any], suffix: str = "", names: tuple[str, ...] = (PACKAGE, REFERENCE)) -> dict[str, list]:
    """Label -> milliseconds a frame of each of PARTS."""
    found = {}
    for case in results.get("cases", []):
        for name in names:
            if name in case["engines"]:
                figures = {k: statistics.median(v) for k, v in case["engines"][name]["figures"].items()}
                found[f"{title(case)}: {name}{suffix}"] = [part(figures) for part in PARTS.values()]
    return found


def chart(results: dict[str, Any], before: dict[str, Any] | None, path: Path) -> None:
    """Time a frame by part, a bar a measured case and side; `before` adds this package as it was then."""
    require_matplotlib()
    rows = bars(results) | (bars(before, " before", (PACKAGE,)) if before else {})
    if not rows:
        raise ValueError("There is nothing to draw: the run measured no model.")
    labels = sorted(rows)
    canvas = importlib.import_module("matplotlib.figure").Figure(
        figsize=(10, 1.5 + 0.4 * len(labels)), layout="constrained"
    )
    axes = canvas.subplots()
    left = [0.0] * len(labels)
    for i, part in enumerate(PARTS):
        widths = [rows[label][i] for label in labels]
        axes.barh(labels, widths, left=left, label=part)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel(f"ms a frame, one thread; {REAL_TIME_MS} ms are real time")
    canvas.legend(loc="outside upper center", ncols=len(PARTS))
    canvas.savefig(path, dpi=120)
