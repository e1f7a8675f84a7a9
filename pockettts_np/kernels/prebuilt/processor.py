"""Which libraries of kernels the running processor can use."""

import platform
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """A level of instructions, and what NumPy calls those that it needs beyond the level below."""

    name: str
    features: tuple[str, ...]


# Best first. Processors with AVX2 and FMA3 have the rest of x86-64-v3 too: BMI, LZCNT, MOVBE.
X86 = (
    Level("x86-64-v4", ("AVX512F", "AVX512CD", "AVX512_SKX")),
    Level("x86-64-v3", ("AVX2", "FMA3", "F16C")),
    Level("x86-64-v2", ("SSSE3", "SSE41", "SSE42", "POPCNT")),
)
ARM = (Level("aarch64", ()),)
_LEVELS = {"x86_64": X86, "amd64": X86, "aarch64": ARM, "arm64": ARM}
_SUFFIXES = {"linux": ".so", "darwin": ".dylib", "win32": ".dll"}


def library_name(level: str) -> str:
    """The file of a level's library on this system. What freezes programs knows libraries by their `lib`."""
    return f"lib{level}{_SUFFIXES.get(sys.platform, '.so')}"


def level_of(name: str) -> str:
    """The level of which a file is the library."""
    return name.partition(".")[0].removeprefix("lib")


def usable_levels() -> list[str]:
    """Names of levels, the fastest first; none for a processor that no library is built for."""
    if sys.maxsize < 2**32:  # a 32-bit Python on a 64-bit processor
        return []
    has = _features()
    levels = _LEVELS.get(platform.machine().lower(), ())
    return [
        level.name
        for i, level in enumerate(levels)
        if all(has.get(feature, False) for below in levels[i:] for feature in below.features)
    ]


def has_integer_products() -> bool:
    """Whether products of bytes take fewer instructions than those of float32."""
    return platform.machine().lower() in ("x86_64", "amd64")


def has_byte_products() -> bool:
    """Whether one instruction adds up four products of bytes, in the registers of x86-64-v4: AVX512-VNNI."""
    return _features().get("AVX512VNNI", False)


def _features() -> dict[str, bool]:
    """What NumPy found out about the processor when it was imported."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]
    except ImportError:  # a NumPy to come: the lowest level is what every processor of its name has
        return dict.fromkeys(X86[-1].features, True)
    features: dict[str, bool] = __cpu_features__
    return features
