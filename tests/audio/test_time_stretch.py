"""speed.py: another pace, the same pitch, the same words; nothing depends on how the input is cut."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np.audio.time_stretch import SEARCH_MS, STEP_MS, stretched
from tests.support.blocks import RATE_HZ, cuts, joined, pieces, speech

SPEEDS = [0.25, 0.4, 0.5, 0.7, 0.95, 1.1, 1.3, 1.6, 2.0, 3.0, 4.0]
speeds = st.floats(0.25, 4)


def stretch(samples, speed, places=(), rate_hz=RATE_HZ):
    return joined(stretched(pieces(samples, places), rate_hz, speed))


@given(n_samples=st.integers(0, 5000), seed=st.integers(0, 2**32 - 1), speed=speeds, places=cuts)
@settings(deadline=None)
@example(n_samples=5000, seed=0, speed=0.5, places=[1, 2, 3, 959, 960, 961, 4999])
@example(n_samples=5000, seed=0, speed=2.0, places=[1, 2, 3, 959, 960, 961, 4999])
@example(n_samples=5000, seed=0, speed=0.25, places=[1, 2, 3, 959, 960, 961, 4999])
@example(n_samples=5000, seed=0, speed=4.0, places=[1, 2, 3, 959, 960, 961, 4999])
@example(n_samples=2760, seed=0, speed=4.0, places=[])  # ends within what its last step stands for
def test_any_cut_gives_the_same_bits_and_the_exact_length(n_samples, seed, speed, places):
    samples = speech(n_samples, seed)
    whole = stretch(samples, speed)
    assert len(whole) == round(n_samples / speed)
    assert np.array_equal(stretch(samples, speed, places), whole)


def test_a_speed_of_one_hands_the_blocks_on():
    blocks = pieces(speech(100), [30, 60])
    assert all(got is given for got, given in zip(stretched(blocks, RATE_HZ, 1.0), blocks, strict=True))


@given(speed=speeds, samples=st.lists(st.floats(-1, 1, width=32), max_size=3000))
@settings(deadline=None, max_examples=30)
def test_it_never_gets_louder(speed, samples):
    samples = np.array(samples, np.float32)
    assert np.abs(stretch(samples, speed)).max(initial=0) <= np.abs(samples).max(initial=0) + 1e-6


def assert_pitch(samples, hz):
    """The autocorrelation's peak near the period lies within 1 % of it, and is nearly as high as that at 0."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 2 * len(samples))) ** 2
    likeness = np.fft.irfft(spectrum)
    lags = np.arange(int(0.8 * RATE_HZ / hz), int(1.25 * RATE_HZ / hz))
    lag = lags[np.argmax(likeness[lags])]
    below, at, above = likeness[lag - 1 : lag + 2]
    assert RATE_HZ / (lag + (below - above) / (2 * (below - 2 * at + above))) == pytest.approx(hz, rel=0.01)
    assert at > 0.95 * likeness[0]


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("hz", [70, 110, 200, 330])
def test_pitch_stays(speed, hz):
    t = np.arange(RATE_HZ) / RATE_HZ
    sine = np.sin(2 * np.pi * hz * t)
    pulses = sum(np.cos(2 * np.pi * hz * k * t) for k in range(1, 3000 // hz)) * hz / 3000
    for samples in (sine, pulses):
        assert_pitch(stretch(samples.astype(np.float32), speed), hz)


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_steady_tone_stays_clean(speed):
    """No dips and no clicks at the seams: what is not the tone is 30 dB below it."""
    t = np.arange(RATE_HZ) / RATE_HZ
    got = stretch(np.sin(2 * np.pi * 150 * t).astype(np.float32), speed)[1000:-2000]
    assert np.abs(np.diff(got)).max() < 1.1 * 2 * np.pi * 150 / RATE_HZ
    spectrum = np.abs(np.fft.rfft(got * np.blackman(len(got)))) ** 2
    tone = np.argmax(spectrum)
    assert spectrum[max(0, tone - 20) : tone + 21].sum() > 0.999 * spectrum.sum()


@pytest.mark.parametrize("speed", SPEEDS)
def test_every_part_is_where_it_belongs(speed):
    """What begins each 0.5 s begins each 0.5 s / speed, within what is searched: 10 ms of the input, and in a step, of
    which each runs at the natural speed, as much more as the step is longer than its part of the input."""
    samples = np.zeros(5 * RATE_HZ, np.float32)
    for onset in range(1, 9):
        samples[onset * 12_000 : onset * 12_000 + 2400] = speech(2400, onset)
    loud = np.flatnonzero(np.abs(stretch(samples, speed)) > 0.05) / RATE_HZ
    starts = loud[np.diff(loud, prepend=-1) > min(0.1, 0.2 / speed)]
    assert len(starts) == 8
    farthest_ms = (SEARCH_MS + STEP_MS * max(0, 1 - speed)) / speed
    assert np.abs(starts - np.arange(1, 9) * 0.5 / speed).max() < max(farthest_ms, 20) / 1000 + 0.0001


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_first_frame_is_heard_at_once(speed):
    blocks = stretched(iter(pieces(speech(4800), [1920])), RATE_HZ, speed)
    assert len(next(blocks)) >= 960 / speed - 240


def test_silence_stays_silence():
    assert not stretch(np.zeros(5000, np.float32), 1.5).any()


def test_a_long_stream_is_not_kept():
    generator = stretched(iter([speech(1920)] * 200), RATE_HZ, 1.3)
    for _ in range(150):
        next(generator)
    assert len(generator.gi_frame.f_locals["stretch"].heard) < 5000
