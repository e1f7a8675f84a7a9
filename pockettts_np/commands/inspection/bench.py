"""pockettts-np bench: what this machine does with a model, in a minute."""

import argparse
import json
import platform
import time
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ...hub.catalogue import BUILTIN, default_language
from ...kernels.ways import way
from ...threads.cores import THREADS_ALLOWED, usable_cores
from ...version import __version__
from ..terminal.options import add_command, number, whole
from ..terminal.progress import StatusLine, table
from .measure import N_FRAMES, Speed, measured, medians, peak_bytes, processor_name, source_of

if TYPE_CHECKING:
    from ...model import TTSModel

SECONDS = 40.0
_MIN_ROUNDS = 3


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_command(
        commands,
        "bench",
        bench,
        "Measure how fast a model speaks on this machine with one thread and with more, and print a line to quote.",
    ).add_argument
    add("model", metavar="MODEL", nargs="?", help="a name, or a configuration file; default: as for generate")
    add("--quantize", action=argparse.BooleanOptionalAction, default=False, help="int8 weights")
    add("--threads", type=whole(1, THREADS_ALLOWED), help="the most to try; default: as many as the model would use")
    add("--seconds", type=number(0), default=SECONDS, help="how long to measure (%(default)g)")
    add("--json", action="store_true", help="for programs")


def bench(args: argparse.Namespace) -> None:
    """Measure, and print the result."""
    from ...model import TTSModel

    name = args.model or default_language()
    begin = time.perf_counter()
    model = TTSModel.load_model(**source_of(name), quantize=args.quantize)
    load_s = time.perf_counter() - begin
    with StatusLine(not args.quiet) as line:
        speeds = _speeds(model, args.threads or model.threads, args.seconds, line)
    found = _described(model, name, args.quantize) | {"load_s": load_s, "peak_bytes": peak_bytes()}
    found["threads"] = [{"threads": n} | asdict(speed) for n, speed in speeds.items()]
    print(json.dumps(found, indent=2) if args.json else f"{_as_table(speeds)}\n\n{_quoted(found)}", flush=True)


def _speeds(model: "TTSModel", most: int, seconds: float, line: StatusLine) -> dict[int, Speed]:
    """By number of threads; the numbers take turns, so that a machine that slows down is fair to all of them."""
    has_voice = model.own_voice or model.own_voices or model.config.released
    voice = model.get_default_voice() if has_voice else model.get_initial_state()
    numbers = range(1, most + 1)
    for n in numbers:
        line.show(f"warming up, {n} of {most} threads")
        measured(model, voice, n)
    found: dict[int, list[Speed]] = {n: [] for n in numbers}
    end = time.perf_counter() + seconds
    while len(found[most]) < _MIN_ROUNDS or time.perf_counter() < end:
        for n in numbers:
            line.show(f"round {len(found[n]) + 1}, {n} of {most} threads")
            found[n].append(measured(model, voice, n))
    return {n: medians(speeds) for n, speeds in found.items()}


def _described(model: "TTSModel", name: str, quantize: bool) -> dict[str, Any]:
    kernels = way()
    return {
        "version": __version__,
        "model": model.config.name or name,
        "int8": quantize or name == BUILTIN,
        "processor": processor_name(),
        "cores": usable_cores(),
        "kernels": f"{kernels.name} ({PurePath(kernels.detail).name})",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "frames": N_FRAMES,
    }


def _as_table(speeds: dict[int, Speed]) -> str:
    rows = [(str(n), f"{s.times_real_time:.1f} ×", f"{s.first_sound_ms:.1f} ms") for n, s in speeds.items()]
    return table([("THREADS", "REAL TIME", "FIRST SOUND"), *rows])


def _quoted(found: dict[str, Any]) -> str:
    """Everything in a line."""
    speeds = ", ".join(f"{s['times_real_time']:.1f} × with {s['threads']}" for s in found["threads"])
    first_ms = min(s["first_sound_ms"] for s in found["threads"])
    facts = (
        f"pockettts_np {found['version']}, {found['model']}{' int8' * found['int8']}: real time {speeds} threads",
        f"first sound {first_ms:.1f} ms",
        f"load {found['load_s']:.2f} s",
        f"peak {found['peak_bytes'] / 1e6:.0f} MB",
        f"{found['processor']}, {found['cores']} cores, {found['kernels']}",
        f"{found['system']}, Python {found['python']}",
    )
    return "; ".join(facts)
