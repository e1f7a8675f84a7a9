"""resampling.py: equal to scipy's and to the definition; as a stream equal to the whole, with little input ahead."""

import math
import tracemalloc

import numpy as np
import pytest
import scipy.signal
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np.audio.resampling import resample, resampled
from tests.support.blocks import RATE_HZ, cuts, joined, pieces, speech
from tests.support.helpers import assert_close

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]
rates = st.sampled_from(RATES_HZ) | st.integers(1_000, 12_000)


def scipy_resampled(samples, from_hz, to_hz):
    """In float64, of which that of float32 samples is as far as ours."""
    divisor = math.gcd(from_hz, to_hz)
    return scipy.signal.resample_poly(samples.astype(np.float64), to_hz // divisor, from_hz // divisor)


def naive_resample(samples, up, down):
    """Insert zeros, filter, take every `down`-th: float64, with the filter of scipy's documentation."""
    half = 10 * max(up, down)
    taps = up * scipy.signal.firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0))
    spread = np.zeros(len(samples) * up)
    spread[::up] = samples
    n_out = -(-len(samples) * up // down)
    padded = np.concatenate([np.zeros(half), spread, np.zeros(half + down)])
    return np.array([np.dot(padded[i * down : i * down + 2 * half + 1], taps) for i in range(n_out)])


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 24_000), (16_000, 24_000), (48_000, 24_000), (22_050, 24_000)])
def test_resampling_equals_zero_stuffing_and_filtering(from_hz, to_hz):
    divisor = np.gcd(from_hz, to_hz)
    samples = speech(500)
    wanted = naive_resample(samples.astype(np.float64), to_hz // divisor, from_hz // divisor)
    assert_close(resample(samples, from_hz, to_hz), wanted, 1e-6)


@pytest.mark.parametrize("from_hz", RATES_HZ)
@pytest.mark.parametrize("to_hz", [*RATES_HZ, RATE_HZ])
def test_every_pair_of_usual_rates_equals_scipy(from_hz, to_hz):
    samples = speech(3000)
    assert_close(resample(samples, from_hz, to_hz), scipy_resampled(samples, from_hz, to_hz), 1e-6)


@given(from_hz=rates, to_hz=rates, n_samples=st.integers(1, 2000), seed=st.integers(0, 2**32 - 1))
@example(from_hz=44_101, to_hz=24_000, n_samples=2000, seed=0)
@example(from_hz=24_000, to_hz=44_101, n_samples=2000, seed=0)
@example(from_hz=24_000, to_hz=24_001, n_samples=2000, seed=0)
@example(from_hz=1_000, to_hz=192_000, n_samples=1, seed=0)
@example(from_hz=192_000, to_hz=3_000, n_samples=5, seed=292_719_671)  # whose samples cancel each other
@settings(max_examples=30)
def test_any_pair_of_rates_equals_scipy(from_hz, to_hz, n_samples, seed):
    samples = speech(n_samples, seed)
    want = scipy_resampled(samples, from_hz, to_hz)
    # What a sum of samples is rounded by follows from the samples, also where the sum is next to nothing.
    tol = 1e-6 * max(1.0, np.abs(samples).max() / np.abs(want).max())
    assert_close(resample(samples, from_hz, to_hz), want, tol)


def test_a_long_recording_in_blocks_equals_scipy():
    samples = speech(150_000)
    assert_close(resample(samples, 44_100, 24_000), scipy_resampled(samples, 44_100, 24_000), 1e-6)


def test_a_tone_keeps_its_pitch_and_its_length():
    t = np.arange(44_100) / 44_100
    samples = resample(np.sin(2 * np.pi * 440 * t).astype(np.float32), 44_100, 24_000)
    assert len(samples) == 24_000
    middle = slice(2_000, 22_000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)
    assert_close(samples[middle], wanted[middle], 2e-3)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 24_000), (24_000, 44_100), (48_000, 24_000)])
def test_no_samples_give_none(from_hz, to_hz):
    assert resample(np.zeros(0, np.float32), from_hz, to_hz).shape == (0,)


def test_an_equal_rate_changes_nothing():
    samples = speech(100)
    assert resample(samples, 24_000, 24_000) is samples


# ---------------------------------------------------------------- streams


@pytest.mark.parametrize("to_hz", RATES_HZ)
@given(n_samples=st.integers(0, 5000), seed=st.integers(0, 2**32 - 1), places=cuts)
@settings(deadline=None, max_examples=20)
@example(n_samples=1, seed=0, places=[])
@example(n_samples=5000, seed=0, places=[1, 2, 3, 11, 12, 81, 500])
def test_any_cut_equals_resampling_the_whole_bit_for_bit(to_hz, n_samples, seed, places):
    samples = speech(n_samples, seed)
    wanted = resample(samples, RATE_HZ, to_hz)
    assert np.array_equal(joined(resampled(pieces(samples, places), RATE_HZ, to_hz)), wanted)


@given(
    from_hz=st.integers(8_000, 12_000),
    to_hz=st.integers(8_000, 12_000),
    n_samples=st.integers(1, 300),
    places=st.lists(st.integers(0, 300), max_size=3),
)
@settings(deadline=None, max_examples=30)
def test_any_pair_of_rates(from_hz, to_hz, n_samples, places):
    samples = speech(n_samples)
    got = joined(resampled(pieces(samples, places), from_hz, to_hz))
    assert len(got) == -(-n_samples * to_hz // from_hz)
    assert np.array_equal(got, resample(samples, from_hz, to_hz))


def test_an_equal_rate_hands_the_blocks_on():
    blocks = pieces(speech(100), [30, 60])
    assert all(got is given for got, given in zip(resampled(blocks, RATE_HZ, RATE_HZ), blocks, strict=True))


@pytest.mark.parametrize("to_hz", RATES_HZ)
def test_all_but_ten_samples_of_the_lower_rate_come_at_once(to_hz):
    blocks = resampled(iter(pieces(speech(4000), [1920])), RATE_HZ, to_hz)
    heard_seconds = len(next(blocks)) / to_hz
    assert 1920 / RATE_HZ - heard_seconds <= 11 / min(RATE_HZ, to_hz)


@pytest.mark.parametrize("to_hz", [8_000, 44_100])
def test_a_long_stream_keeps_no_more_than_a_short_one(to_hz):
    def peak_bytes(n_blocks):
        block = speech(4800)
        tracemalloc.start()
        try:
            for _ in resampled([block] * n_blocks, RATE_HZ, to_hz):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak_bytes(100) < 1.05 * peak_bytes(3)


def test_a_long_recording_takes_little_more_memory_than_its_result():
    """What is filtered at a time is a small part of a minute."""
    samples = np.zeros(60 * 44_100, np.float32)
    tracemalloc.start()
    try:
        n_bytes = resample(samples, 44_100, 24_000).nbytes
        assert tracemalloc.get_traced_memory()[1] < 2 * n_bytes + 5_000_000  # the blocks, and they in one
    finally:
        tracemalloc.stop()
