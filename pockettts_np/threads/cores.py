"""How many cores there are to work on, and how many threads a speech gets."""

import os
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path

from ..settings import setting

VARIABLE = "POCKETTTS_NP_THREADS"
MOST_THREADS = 4  # by default: what the stages of one speech can use
THREADS_ALLOWED = 64  # more would only stand in each other's way
SPEECHES_A_PASS = 8
SPEECHES_A_CORE = 4

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores that this process may keep busy: those it may run on, but no more than its CPU quota pays for.

    A container limited to one CPU sees all cores of its host; the quota of its control group (cgroup 1 or 2, Linux)
    tells what it really gets, in whole cores, at least one.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(cores, _quota_cores())))


def thread_count(given: int | None = None) -> int:
    """Threads that make one speech: as many as given, else as POCKETTTS_NP_THREADS says, else one a usable core, at
    most `MOST_THREADS`.

    TypeError, ValueError: what was given, or what the variable holds, is no whole number from 1 to `THREADS_ALLOWED`.
    """
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, Integral):
            raise TypeError(f"threads is {given!r}; wanted a whole number.")
        if not 1 <= given <= THREADS_ALLOWED:
            raise ValueError(f"threads is {given}; wanted 1 to {THREADS_ALLOWED}.")
        return int(given)
    if (text := setting(VARIABLE)) is None:
        return min(MOST_THREADS, usable_cores())
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= THREADS_ALLOWED):
        raise ValueError(f"{VARIABLE} is {text!r}; it wants a whole number from 1 to {THREADS_ALLOWED}, or nothing.")
    return int(text)


def speeches_at_once() -> int:
    """How many speeches of one model this process had best make at once: callers share the passes over its weights.

    Eight, which is as many as one pass is for; with fewer than two cores half of that, with more than eight one each.
    """
    cores = usable_cores()
    return max(cores, min(SPEECHES_A_PASS, SPEECHES_A_CORE * cores))


def _quota_cores() -> float:
    """The smallest CPU quota of this process's control groups and those above them, in cores; infinity without any."""
    return min(map(_quota_of, _cgroup_folders()), default=float("inf"))


def _cgroup_folders() -> Iterator[Path]:
    """Where the groups of this process and their parents are mounted; inside a container, only its own may be."""
    try:
        lines = _OWN_CGROUPS.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # not there, or not text
        return
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Of the first kind, the mount has the names of its controllers in any order, or that of the first.
        for root in {_CGROUPS / name for name in (controllers, "cpu", "cpu,cpuacct")} if controllers else {_CGROUPS}:
            group = root / path.lstrip("/")
            yield group
            yield from (parent for parent in group.parents if parent == root or root in parent.parents)


def _quota_of(folder: Path) -> float:
    """Cores that a control group may use; infinity where it does not say."""
    try:
        if (folder / "cpu.max").exists():  # cgroup 2
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
        return int(quota) / int(period) if int(quota) > 0 else float("inf")
    except (OSError, ValueError, ZeroDivisionError):  # no limit is "max", or -1
        return float("inf")
