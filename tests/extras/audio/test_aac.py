"""aac.py: AAC for players that know no other, judged by FFmpeg's decoder."""

import io
import sys

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.audio.codecs import aac
from pockettts_np.audio.encoding import encoded, open_sink, require_format
from tests.support.players import decoded

RATE_HZ = 24_000
PRIMING = 1024  # samples that the codec puts before the sound


def tone(n_samples, rate_hz=RATE_HZ):
    return (0.5 * np.sin(2 * np.pi * 300 * np.arange(n_samples) / rate_hz)).astype(np.float32)


def test_it_sounds_like_what_was_written():
    sound = tone(2 * RATE_HZ)
    samples, rate_hz = decoded(b"".join(encoded(np.array_split(sound, 25), "aac", RATE_HZ)), "aac")
    assert rate_hz == RATE_HZ
    heard = samples[PRIMING:][: len(sound)]
    assert len(heard) == len(sound)
    assert np.corrcoef(heard, sound)[0, 1] > 0.99


@pytest.mark.parametrize("rate_hz", aac.RATES_HZ)
def test_every_rate_stands_in_the_header(rate_hz):
    content = b"".join(encoded([tone(rate_hz // 2, rate_hz)], "aac", rate_hz))
    with av.open(io.BytesIO(content)) as file:
        assert file.format.name == "aac"
        assert file.streams.audio[0].rate == rate_hz
        assert file.streams.audio[0].channels == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=20))
def test_however_it_is_cut_it_sounds_the_same(lengths):
    sound = tone(sum(lengths))
    pieces = np.split(sound, np.cumsum(lengths)[:-1]) if lengths else []
    assert b"".join(encoded(pieces, "aac", RATE_HZ)) == b"".join(encoded([sound], "aac", RATE_HZ))


def test_the_first_sound_comes_soon():
    blocks = iter(np.split(tone(RATE_HZ), 100))
    n_taken = 0

    def taken():
        nonlocal n_taken
        for block in blocks:
            n_taken += 1
            yield block

    assert next(encoded(taken(), "aac", RATE_HZ))
    assert n_taken <= 20  # of 10 ms


def test_nothing_is_no_file():
    assert b"".join(encoded([], "aac", RATE_HZ)) == b""
    with pytest.raises(ValueError, match="NaN"), open_sink(io.BytesIO(), "aac", RATE_HZ) as sink:
        sink.write(np.array([np.nan], np.float32))


def test_other_rates_and_a_missing_library_are_sentences(monkeypatch):
    with pytest.raises(ValueError, match="aac cannot hold 24001 samples a second; wanted a rate of 96000, "):
        require_format("aac", 24_001)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r'^aac needs PyAV: pip install "pockettts-np\[aac\]", or take another format'):
        require_format("aac", RATE_HZ)
