"""Blocks of sound in memory, and their 16-bit form."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def to_int16(samples: NDArray[Any]) -> NDArray[np.int16]:
    """Float samples to 16-bit: clamped to ±1, times 32767, cut toward zero. ValueError: NaN."""
    samples = np.asarray(samples, dtype=np.float32)
    require_numbers(samples)
    return (np.clip(samples, -1, 1) * np.float32(32767)).astype(np.int16)


def require_numbers(samples: NDArray[Any]) -> None:
    """Raise ValueError when there is a NaN among the samples."""
    if np.isnan(samples).any():
        raise ValueError("The sound holds NaN instead of samples; the model's weights may be damaged.")


def mono(samples: NDArray[Any]) -> Samples:
    """Samples [n] or [channels, n] as their mean [n], float32. ValueError: no finite floating-point numbers."""
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"The samples are {samples.dtype}; wanted floating-point numbers in ±1.")
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise ValueError(f"The samples have shape {list(samples.shape)}; wanted [n] or [channels, n].")
    if not np.isfinite(samples).all():
        raise ValueError("The samples hold NaN or infinity.")
    return np.asarray(samples if samples.ndim == 1 else samples.mean(axis=0), np.float32)
