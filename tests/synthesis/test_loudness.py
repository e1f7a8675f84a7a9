"""Loudness: that of ITU-R BS.1770, and voices that are brought to one."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.signal import lfilter

from pockettts_np.synthesis.loudness import VoiceLevels, loudness
from tests.support.random_models import small_model
from tests.support.speech import SENTENCE, TWO_SENTENCES, quick

RATE_HZ = 24_000
# Of the standard's annex 1, at 48 kHz.
SHELF = [1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585]
HIGH_PASS = [1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621]


def naive(samples: np.ndarray) -> float:
    """The standard's own filters, blocks and gates, one after another, at 48 kHz."""
    heard = lfilter(*HIGH_PASS, lfilter(*SHELF, samples.astype(np.float64)))
    blocks = [np.mean(heard[i : i + 19_200] ** 2) for i in range(0, len(heard) - 19_200 + 1, 4_800)]
    loud = [b for b in blocks if b > 0 and -0.691 + 10 * math.log10(b) > -70]
    gate = -0.691 + 10 * math.log10(np.mean(loud)) - 10
    return -0.691 + 10 * math.log10(np.mean([b for b in loud if -0.691 + 10 * math.log10(b) > gate]))


def test_it_is_that_of_the_standard():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(4 * 48_000).astype(np.float32) * 0.1
    samples[48_000:96_000] *= 0.003  # below the relative gate
    samples[96_000:120_000] = 0
    assert loudness(samples, 48_000) == pytest.approx(naive(samples), abs=0.01)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100, 48_000])
def test_a_full_tone_near_a_kilohertz_has_its_known_loudness(rate_hz):
    tone = np.sin(2 * np.pi * 997 * np.arange(3 * rate_hz) / rate_hz).astype(np.float32)
    assert loudness(tone, rate_hz) == pytest.approx(-3.01, abs=0.05)
    assert loudness(tone * np.float32(0.1), rate_hz) == pytest.approx(-23.01, abs=0.05)


def test_silence_has_none_and_a_short_sound_is_one_block():
    assert loudness(np.zeros(RATE_HZ, np.float32), RATE_HZ) == -math.inf
    assert loudness(np.zeros(0, np.float32), RATE_HZ) == -math.inf
    assert math.isfinite(loudness(np.ones(100, np.float32), RATE_HZ))


class Amplified:
    """A decoder that makes all of its sound louder."""

    def __init__(self, inner, gain: float) -> None:
        self.inner, self.gain = inner, np.float32(gain)

    @property
    def frame_work(self):
        return self.inner.frame_work

    def stages(self, n):
        return [*self.inner.stages(n), lambda samples: samples * self.gain]


@pytest.mark.parametrize("gain", [0.02, 0.2, 1.0])
def test_voices_as_loud_as_they_like_are_brought_within_one_decibel(voice, gain):
    """The codec of random weights is as steady as noise, so that what is measured of some words holds for others."""
    plain = dataclasses.replace(small_model(eos_threshold=1.0), threads=1)
    model = dataclasses.replace(plain, decoder=Amplified(plain.decoder, gain), loudness=-23.0, levels=VoiceLevels())
    speech = model.generate_audio(voice, TWO_SENTENCES, noise=9)
    assert loudness(speech, RATE_HZ) == pytest.approx(-23, abs=1)


def test_a_voice_is_measured_once_and_copies_of_the_model_know_it(voice):
    model = quick()
    spoken = []

    class Counted(type(model.decoder)):
        def stages(self, n):
            spoken.append(1)
            return super().stages(n)

    model = dataclasses.replace(model, decoder=Counted(), loudness=-20.0, levels=VoiceLevels())
    want = model.generate_audio(voice, SENTENCE, noise=1)
    n_first = len(spoken)
    copy = dataclasses.replace(model, threads=2)
    assert np.array_equal(copy.generate_audio(voice, SENTENCE, noise=1), want)
    assert len(spoken) == n_first + 1 > 2


def test_without_a_loudness_nothing_changes_and_the_gain_is_one_for_all_of_a_voice(voice):
    model = quick()
    plain = model.generate_audio(voice, f"{SENTENCE} [pause:10ms] {SENTENCE}", noise=1)
    levelled = dataclasses.replace(model, loudness=-30.0)
    got = levelled.generate_audio(voice, f"{SENTENCE} [pause:10ms] {SENTENCE}", noise=1)
    loud = np.abs(plain) > 0.01
    ratios = got[loud] / plain[loud]
    assert np.ptp(ratios) < 1e-5 * ratios[0]
    levelled.loudness = None
    assert np.array_equal(levelled.generate_audio(voice, f"{SENTENCE} [pause:10ms] {SENTENCE}", noise=1), plain)


@pytest.mark.parametrize(
    ("lufs", "error"),
    [(-61, ValueError), (0, ValueError), (math.nan, ValueError), ("-20", TypeError), (True, TypeError)],
)
def test_a_loudness_that_cannot_be_had_is_refused_before_any_sound(voice, lufs, error):
    model = dataclasses.replace(quick(), loudness=lufs)
    with pytest.raises(error, match="The loudness is"):
        model.generate_audio_stream(voice, SENTENCE)
