"""The build backend: setuptools, with the kernels compiled beforehand and requirements that are true.

A wheel with kernels needs no compiler on the device. Where they cannot be compiled, the wheel requires Numba instead,
which compiles them there.
"""

import sys
from pathlib import Path
from typing import Any

from setuptools import build_meta as _setuptools
from setuptools.build_meta import build_sdist, get_requires_for_build_editable, get_requires_for_build_sdist

from tools.build import kernels
from tools.build.requirements import ALWAYS, COMPILER

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Settings = dict[str, Any] | None
REQUIREMENTS = Path("build") / "requirements.txt"  # pyproject.toml reads it


def get_requires_for_build_wheel(settings: Settings = None) -> list[str]:
    """What the build needs: Numba where the kernels can be compiled."""
    _write_requirements([])
    needed = _setuptools.get_requires_for_build_wheel(settings)
    try:
        kernels.wanted()
    except kernels.CannotBuildError:
        return needed
    return [*needed, COMPILER]


def prepare_metadata_for_build_wheel(folder: str, settings: Settings = None) -> str:
    _write_requirements(_with_kernels())
    return _setuptools.prepare_metadata_for_build_wheel(folder, settings)


def build_wheel(folder: str, settings: Settings = None, metadata: str | None = None) -> str:
    _write_requirements(_with_kernels())
    return _setuptools.build_wheel(folder, settings, metadata)


def prepare_metadata_for_build_editable(folder: str, settings: Settings = None) -> str:
    _write_requirements([COMPILER])
    return _setuptools.prepare_metadata_for_build_editable(folder, settings)


def build_editable(folder: str, settings: Settings = None, metadata: str | None = None) -> str:
    """Sources that are edited make libraries stale: Numba compiles them."""
    _write_requirements([COMPILER])
    return _setuptools.build_editable(folder, settings, metadata)


def _with_kernels() -> list[str]:
    """Compile the kernels; what the wheel requires beyond what it always does."""
    try:
        levels = kernels.wanted()
        if not kernels.are_built(levels):
            print(f"Compiling the kernels for {', '.join(levels)}: about a minute each.", file=sys.stderr)
            kernels.build(levels)
    except (kernels.CannotBuildError, OSError) as error:
        print(f"The kernels are not compiled, so the package requires {COMPILER}: {error}.", file=sys.stderr)
        kernels.remove()
        return [COMPILER]
    return []


def _write_requirements(more: list[str]) -> None:
    REQUIREMENTS.parent.mkdir(exist_ok=True)
    REQUIREMENTS.write_text("\n".join([*ALWAYS, *more]) + "\n", encoding="utf-8")
