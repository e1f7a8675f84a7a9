"""What `pockettts-np info --system` tells: what the package runs on, and how."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...hub.cache import hub_cache
from ...kernels.prebuilt.processor import usable_levels
from ...kernels.ways import way
from ...settings import cache_dir
from ...threads.cores import usable_cores
from ...version import __version__
from ..terminal.progress import table

PACKAGE = Path(__file__).parents[2]


def describe() -> dict[str, Any]:
    """The package, Python, the processor, and how the kernels are run. ValueError: as `kernels.ways.way`."""
    import numpy

    kernels = way()
    return {
        "version": __version__,
        "package": str(PACKAGE),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": numpy.__version__,
        "platform": platform.platform(),
        "processor_levels": usable_levels(),
        "threads": usable_cores(),
        "kernels": {"way": kernels.name, "detail": kernels.detail, "passed_over": kernels.passed_over},
        "caches": {"package": _folder(cache_dir), "hub": _folder(hub_cache)},
    }


def as_table(found: dict[str, Any]) -> str:
    """For people."""
    kernels, caches = found["kernels"], found["caches"]
    rows = [
        ("version", found["version"]),
        ("package", found["package"]),
        ("Python", found["python"]),
        ("NumPy", found["numpy"]),
        ("platform", found["platform"]),
        ("processor levels", ", ".join(found["processor_levels"]) or "none that libraries are built for"),
        ("threads", str(found["threads"])),
        ("kernels", f"{kernels['way']} ({kernels['detail']})"),
        *((f"not {name}", reason) for name, reason in kernels["passed_over"].items()),
        ("package's cache", caches["package"] or "none: there is no home folder"),
        ("hub's cache", caches["hub"] or "none: there is no home folder"),
    ]
    return table(rows)


def _folder(find: Callable[[], Path]) -> str | None:
    """None where there is no home folder."""
    try:
        return str(find())
    except FileNotFoundError:
        return None
