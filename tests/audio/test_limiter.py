"""limiter.py: nothing above full scale, nothing changed away from peaks, a smooth gain."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np.audio.limiter import AHEAD_MS, HOLD_MS, limited
from tests.support.blocks import RATE_HZ, cuts, joined, pieces, speech
from tests.support.helpers import assert_close

AHEAD, HOLD = (round(ms * RATE_HZ / 1000) for ms in (AHEAD_MS, HOLD_MS))
lengths = st.integers(0, 5000)
seeds = st.integers(0, 2**32 - 1)


def limit(samples, places=(), rate_hz=RATE_HZ):
    return joined(limited(pieces(samples, places), rate_hz))


@given(n_samples=lengths, seed=seeds, gain=st.floats(0.1, 20), places=cuts)
@settings(deadline=None)
@example(n_samples=5000, seed=0, gain=20, places=[1, 2, 3, 120, 121, 122])
def test_any_cut_gives_the_same_bits_within_full_scale(n_samples, seed, gain, places):
    samples = speech(n_samples, seed) * np.float32(gain)
    whole = limit(samples)
    assert len(whole) == n_samples
    assert np.abs(whole).max(initial=0) <= 1
    assert np.array_equal(limit(samples, places), whole)


@given(n_samples=lengths, seed=seeds, places=cuts)
@settings(deadline=None)
def test_up_to_full_scale_every_bit_stays(n_samples, seed, places):
    samples = speech(n_samples, seed)
    samples /= np.abs(samples).max(initial=1e-9)
    assert limit(samples, places).tobytes() == samples.tobytes()


@given(place=st.integers(0, 8000), peak=st.floats(1.0001, 50), sign=st.sampled_from([-1, 1]))
@settings(deadline=None)
def test_away_from_a_peak_every_bit_stays(place, peak, sign):
    samples = speech(8001)
    samples[place] = sign * peak
    got = limit(samples)
    assert got[place] == pytest.approx(sign, abs=1e-6)
    touched = np.flatnonzero(got != samples)
    assert place - AHEAD <= touched.min()
    assert touched.max() <= place + HOLD + AHEAD


def naive_gain(samples, fade, n_ahead, n_hold):
    """By the definition: windows that hold a sample, the largest peak in each, their weighted mean."""
    gains = []
    for n in range(len(samples)):
        attenuation = 0.0
        for k, weight in enumerate(fade):
            end = n - k + n_ahead
            window = samples[max(0, end - n_ahead - n_hold) : max(0, end + 1)]
            attenuation += weight * (1 - 1 / max(1.0, np.abs(window).max(initial=0)))
        gains.append(1 - attenuation)
    return np.array(gains)


def test_the_gain_is_that_of_naive_loops():
    samples = speech(1000) * 3
    samples[:500] /= 4
    fade = np.sin(np.pi * np.arange(1, 14) / 14) ** 2
    gain = naive_gain(samples, fade / fade.sum(), n_ahead=12, n_hold=96)
    assert_close(limit(samples, rate_hz=2_400), samples * gain)


def test_the_gain_is_smooth():
    """Over 5 ms from 1 to 1/4 and back: no step larger than a raised cosine's steepest."""
    samples = np.full(6000, 0.5, np.float32)
    samples[3000] = 4
    got = limit(samples) / samples
    assert np.abs(np.diff(np.delete(got, 3000))).max() < 0.75 * 2 / AHEAD


def test_a_steady_peak_is_turned_down_not_bent():
    """A sine above full scale stays a sine: the gain is held from period to period."""
    t = np.arange(RATE_HZ) / RATE_HZ
    got = limit((2 * np.sin(2 * np.pi * 50 * t)).astype(np.float32))[RATE_HZ // 4 : -RATE_HZ // 4]
    assert_close(got, np.sin(2 * np.pi * 50 * t)[RATE_HZ // 4 : -RATE_HZ // 4], 1e-3)


def test_it_is_five_milliseconds_late_and_no_more():
    samples = speech(4800)
    blocks = limited(iter([samples[:2400], samples[2400:]]), RATE_HZ)
    assert len(next(blocks)) == 2400 - AHEAD


@pytest.mark.parametrize("rate_hz", [1, 100, 8_000, 192_000])
def test_any_rate(rate_hz):
    samples = speech(3000) * 3
    got = limit(samples, [7, 700], rate_hz)
    assert len(got) == len(samples)
    assert np.abs(got).max() <= 1


def test_infinities_become_full_scale():
    samples = speech(3000)
    samples[[1000, 2000]] = np.inf, -np.inf
    got = limit(samples)
    assert np.isfinite(got).all()
    assert got[[1000, 2000]].tolist() == pytest.approx([1, -1])
