"""Streams of samples for tests: something like speech, cut in any way."""

import numpy as np
from hypothesis import strategies as st

RATE_HZ = 24_000

cuts = st.lists(st.integers(0, 5000), max_size=12)


def speech(n_samples, seed=0, pitch_hz=120, rate_hz=RATE_HZ):
    """Pulses at a wandering pitch through a resonance, with a little noise and swells; float32 [n] inside ±0.9."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples) / rate_hz
    phase = 2 * np.pi * pitch_hz * (t + 0.02 * np.sin(2 * np.pi * 1.3 * t + rng.uniform(0, 6)))
    voiced = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 20))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * t + rng.uniform(0, 6))
    samples = swell * voiced + rng.normal(0, 0.02, n_samples)
    return (0.9 * samples / max(1.0, np.abs(samples).max(initial=0))).astype(np.float32)


def pieces(samples, places):
    """The samples in blocks that end at the given places, in any order and also outside."""
    return np.split(samples, sorted(min(place, len(samples)) for place in places))


def joined(blocks):
    blocks = list(blocks)
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    return np.concatenate([np.zeros(0, np.float32), *blocks])


NO_SPEECH = [  # a block of no mono sound, and what is said of it
    (np.zeros((1920, 2), np.float32), r"samples have shape \[1920, 2\]; wanted \[n\], one channel"),
    (np.zeros((2, 1920), np.float32), r"shape \[2, 1920\]"),
    (np.float32(0.5), r"shape \[\]"),
    (np.zeros(9, np.int16), r"samples are int16; wanted floating-point numbers in ±1\. Divide by 32768"),
    (np.zeros(9, bool), "samples are bool"),
    (np.zeros(9, np.uint8), r"samples are uint8; wanted floating-point numbers in ±1\.$"),
    (np.zeros(9, complex), "samples are complex128"),
    (np.zeros(9, object), "samples are object"),
    (np.array([0.1, np.nan], np.float32), "holds NaN instead of samples"),
]
