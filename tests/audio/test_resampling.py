"""rate.py: resampling as a stream equals resampling of the whole, and needs little input ahead."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np.audio.recording import resample
from pockettts_np.audio.resampling import resampled
from tests.support.blocks import RATE_HZ, cuts, joined, pieces, speech

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]


@pytest.mark.parametrize("to_hz", RATES_HZ)
@given(n_samples=st.integers(0, 5000), seed=st.integers(0, 2**32 - 1), places=cuts)
@settings(deadline=None, max_examples=20)
@example(n_samples=1, seed=0, places=[])
@example(n_samples=5000, seed=0, places=[1, 2, 3, 11, 12, 81, 500])
def test_any_cut_equals_resampling_the_whole_bit_for_bit(to_hz, n_samples, seed, places):
    samples = speech(n_samples, seed)
    wanted = resample(samples, RATE_HZ, to_hz) if n_samples else samples
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


def test_a_long_stream_keeps_no_more_than_a_block(monkeypatch):
    """The hundredth block is filtered with as little of the past as the second."""
    import scipy.signal

    lengths = []
    upfirdn = scipy.signal.upfirdn

    def watched(taps, samples, up, down):
        lengths.append(len(samples))
        return upfirdn(taps, samples, up, down)

    monkeypatch.setattr(scipy.signal, "upfirdn", watched)
    joined(resampled([speech(480)] * 100, RATE_HZ, 44_100))
    assert max(lengths) < 480 + 30
