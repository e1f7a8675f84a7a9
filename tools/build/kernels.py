"""The libraries of kernels in the source tree: compiled, linked, and found again."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pockettts_np.kernels.signatures import SIGNATURES
from tools.build.targets import TARGETS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "pockettts_np" / "kernels" / "prebuilt" / "libraries"
NEEDED = ("-lm", "-lc")  # memset and sincosf, by their oldest names; a program need not have libm by itself
LINK = ("-shared", "-nostdlib", "-s", "-Wl,-z,noexecstack,-z,now")
_LARGE = ("transformer", "transformer_rows", "transformer_lead")
PARTS = (_LARGE, tuple(name for name in SIGNATURES if name not in _LARGE))  # of about the same work
PLATFORM = "POCKETTTS_NP_PLATFORM"  # the tag of a wheel that is built for another system
LEVELS = "POCKETTTS_NP_LEVELS"  # names of targets, with spaces between; none: no libraries; default: this processor's


class CannotBuildError(Exception):
    """Why there will be no libraries."""


def libraries() -> list[Path]:
    """What has been built."""
    return sorted(FOLDER.glob("lib*.so"))


def wanted() -> list[str]:
    """The levels to build for. CannotBuildError: there are none for this machine, or nothing links."""
    if named := os.environ.get(LEVELS, "").strip():
        if unknown := set(named.split()) - TARGETS.keys() - {"none"}:
            raise SystemExit(
                f"{LEVELS} names {', '.join(sorted(unknown))}; it wants none or some of {', '.join(TARGETS)}."
            )
        levels = [level for level in dict.fromkeys(named.split()) if level != "none"]
        if not levels:
            raise CannotBuildError(f"{LEVELS} is {named!r}")
    else:
        levels = _of_this_machine()
    for level in levels:
        linker(level)
        machine = TARGETS[level].triple.partition("-")[0]
        if not wheel_platform().endswith(machine):
            raise SystemExit(
                f"The level {level} is for {machine}, but the wheel would be for {wheel_platform()}; name its platform "
                f"in {PLATFORM}, such as manylinux_2_17_{machine}."
            )
    return levels


def wheel_platform() -> str:
    """What the name of a wheel with libraries says it is for."""
    here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return os.environ.get(PLATFORM, "").strip() or here


def _of_this_machine() -> list[str]:
    if sys.platform != "linux" or sys.maxsize < 2**32:
        raise CannotBuildError(f"there is no target for {platform.system()} on {platform.machine()}")
    from pockettts_np.kernels.prebuilt.processor import usable_levels

    levels = usable_levels()[:1]
    if not levels:
        raise CannotBuildError(f"there is no target for {platform.machine()}")
    return levels


def linker(level: str) -> list[str]:
    """The command that links for a level: the C compiler's, or that of the ziglang package, which links for all."""
    triple = TARGETS[level].triple
    machine = triple.partition("-")[0]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-gnu.2.17"]
    names = ["cc", "gcc", "clang"] if machine == platform.machine() else [f"{machine}-linux-gnu-gcc"]
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise CannotBuildError(f"nothing links for {machine}: neither {names[0]} nor the package ziglang is there")
    return [found]


def are_built(levels: Sequence[str]) -> bool:
    """Whether the libraries of exactly these levels are there, whole, and of the sources as they are."""
    from pockettts_np.kernels.prebuilt.library import is_whole
    from pockettts_np.kernels.prebuilt.processor import level_of
    from pockettts_np.kernels.sources import library_version

    version = library_version().encode()
    built = libraries()
    return {level_of(path.name) for path in built} == set(levels) and all(
        version in content and is_whole(content) for content in (path.read_bytes() for path in built)
    )


def remove() -> None:
    """Leave no library for a wheel to hold."""
    for path in FOLDER.glob("*.so"):
        path.unlink()


def build(levels: Sequence[str]) -> None:
    """Compile and link, two processes at once; then replace what was there."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        with ThreadPoolExecutor(2) as pool:
            parts = [(level, part) for level in levels for part in PARTS]
            compiled = list(pool.map(lambda of: _compiled(*of, folder), parts))
        made = [
            _linked(level, [path for path, (of, _) in zip(compiled, parts, strict=True) if of == level], folder)
            for level in levels
        ]
        remove()
        for path in made:
            path.replace(FOLDER / path.name)


def _compiled(level: str, part: Sequence[str], folder: Path) -> Path:
    path = folder / f"{level}-{part[0]}.o"
    _run([sys.executable, "-m", "tools.build.emit", level, str(path), *part])
    return path


def _linked(level: str, parts: Sequence[Path], folder: Path) -> Path:
    from pockettts_np.kernels.prebuilt.library import with_checksum

    library = folder / f"lib{level}.so"
    _run([*linker(level), *LINK, "-o", str(library), *map(str, parts), *NEEDED])
    library.write_bytes(with_checksum(library.read_bytes()))
    return library


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuildError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
