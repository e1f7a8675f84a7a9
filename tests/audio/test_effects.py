"""sound.py: speed, rate and peaks in one chain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.audio.effects import processed
from tests.support.blocks import NO_SPEECH, RATE_HZ, cuts, joined, pieces, speech


@given(
    n_samples=st.integers(0, 5000),
    speed=st.floats(0.25, 4),
    to_hz=st.sampled_from([None, 8_000, 16_000, 24_000, 44_100, 48_000]),
    gain=st.floats(0.1, 5),
    places=cuts,
)
@settings(deadline=None, max_examples=25)
def test_any_cut_gives_the_same_bits_and_the_exact_length(n_samples, speed, to_hz, gain, places):
    samples = speech(n_samples) * np.float32(gain)
    whole = joined(processed([samples], RATE_HZ, speed=speed, to_hz=to_hz))
    assert len(whole) == -(-round(n_samples / speed) * (to_hz or RATE_HZ) // RATE_HZ)
    assert np.abs(whole).max(initial=0) <= 1
    assert np.array_equal(joined(processed(pieces(samples, places), RATE_HZ, speed=speed, to_hz=to_hz)), whole)


def test_by_default_every_bit_stays():
    samples = speech(RATE_HZ)
    assert joined(processed([samples], RATE_HZ)).tobytes() == samples.tobytes()


def test_the_order_is_speed_then_rate_then_peaks():
    """Twice as fast and at half the rate: a quarter of the samples, and what resampling adds is within ±1 again."""
    samples = np.sign(speech(RATE_HZ))
    got = joined(processed([samples], RATE_HZ, speed=2, to_hz=12_000))
    assert len(got) == RATE_HZ // 4
    assert 0.99 < np.abs(got).max() <= 1


@pytest.mark.parametrize("speed", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("to_hz", [8_000, 48_000])
def test_speech_is_heard_from_the_first_frame_on(speed, to_hz):
    blocks = processed(iter([speech(1920)] * 3), RATE_HZ, speed=speed, to_hz=to_hz)
    assert len(next(blocks)) > 0.01 * to_hz


def test_closing_it_closes_the_source():
    closed = False

    def source():
        nonlocal closed
        try:
            while True:
                yield speech(1920)
        finally:
            closed = True

    given_blocks = source()
    blocks = processed(given_blocks, RATE_HZ, speed=1.5, to_hz=48_000)
    next(blocks)
    assert not closed
    blocks.close()
    assert closed


def test_an_error_of_the_source_comes_through():
    def source():
        yield speech(1920)
        raise RuntimeError("fell over")

    blocks = processed(source(), RATE_HZ, speed=1.5)
    next(blocks)
    with pytest.raises(RuntimeError, match="fell over"):
        next(blocks)


@pytest.mark.parametrize("speed", [0, 0.249, 4.01, -1, float("nan"), float("inf")])
def test_other_speeds_are_refused_at_once(speed):
    with pytest.raises(ValueError, match=r"^The speed is .*; wanted 0\.25 to 4 times the natural one\.$"):
        processed([], RATE_HZ, speed=speed)


@pytest.mark.parametrize("to_hz", [-1, 7_999, 192_001, 44_100.5])
def test_other_rates_are_refused_at_once(to_hz):
    with pytest.raises(ValueError, match=r"^The rate is .* Hz; wanted 8000 to 192000\.$"):
        processed([], RATE_HZ, to_hz=to_hz)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(ValueError, match="The rate is 0 Hz"):
        processed([], RATE_HZ, to_hz=0)


@pytest.mark.parametrize(("block", "sentence"), NO_SPEECH)
def test_what_is_no_mono_sound_is_refused(block, sentence):
    with pytest.raises(ValueError, match=sentence):
        list(processed([speech(1920), block], RATE_HZ))


def test_other_floats_become_float32():
    blocks = list(processed([speech(1920).astype(np.float64)], RATE_HZ))
    assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
