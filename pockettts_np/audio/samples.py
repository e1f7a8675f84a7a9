"""Blocks of sound in memory, and their 16-bit form."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

MOST_CHANNELS = 8  # more are samples: soundfile and others give [n, channels]


def to_int16(samples: NDArray[Any]) -> NDArray[np.int16]:
    """Float samples to 16-bit: clamped to ±1, times 32767, cut toward zero. ValueError: no float samples, or NaN."""
    _require_numbers(samples)
    return (np.clip(samples, -1, 1, dtype=np.float32) * np.float32(32767)).astype(np.int16)


def int16_bytes(samples: NDArray[Any]) -> bytes:
    """Mono samples [n] as little-endian 16-bit; errors as `speech_block`."""
    return to_int16(speech_block(samples)).astype("<i2", copy=False).tobytes()


def speech_block(samples: NDArray[Any]) -> Samples:
    """Mono samples [n] as float32. ValueError: another shape, no floating-point numbers, or NaN."""
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError(f"The samples have shape {list(samples.shape)}; wanted [n], one channel.")
    _require_numbers(samples)
    return np.asarray(samples, np.float32)


def in_range(samples: NDArray[Any]) -> Samples:
    """Mono samples [n] as float32 in ±1; errors as `speech_block`."""
    return np.clip(speech_block(samples), -1, 1)


def mono(samples: NDArray[Any]) -> Samples:
    """Samples [n] or [channels, n] as their mean [n], float32.

    The channels come first, as in torch. The other order, soundfile's, is refused rather than guessed.
    ValueError: that, another shape, or no finite floating-point numbers.
    """
    _require_floats(samples)
    shape = list(samples.shape)
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise ValueError(f"The samples have shape {shape}; wanted [n] or [channels, n].")
    if samples.ndim == 2 and shape[0] > MOST_CHANNELS:
        raise ValueError(
            f"The samples have shape {shape}; wanted [n] or [channels, n], with {MOST_CHANNELS} channels at most. "
            "If the channels come last, as from soundfile, give samples.T."
        )
    with np.errstate(over="ignore"):  # of numbers that float32 has not: refused below
        channels = np.asarray(samples, np.float32)
    if not np.isfinite(channels).all():
        raise ValueError("The samples hold NaN or infinity.")
    return channels if channels.ndim == 1 else channels.mean(axis=0)


def _require_numbers(samples: NDArray[Any]) -> None:
    _require_floats(samples)
    if np.isnan(samples).any():
        raise ValueError("The sound holds NaN instead of samples; the model's weights may be damaged.")


def _require_floats(samples: NDArray[Any]) -> None:
    if not np.issubdtype(samples.dtype, np.floating):
        scale = f" Divide by {-np.iinfo(samples.dtype).min}." if samples.dtype.kind == "i" else ""
        raise ValueError(f"The samples are {samples.dtype}; wanted floating-point numbers in ±1.{scale}")
