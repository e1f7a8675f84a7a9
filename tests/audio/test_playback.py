"""playback.py with a fake loudspeaker."""

import sys

import numpy as np
import pytest

from pockettts_np.audio import playback
from pockettts_np.audio.playback import playing, require_player
from tests.support.blocks import RATE_HZ, speech
from tests.support.fake_device import FakeDevice


@pytest.fixture
def device(monkeypatch):
    device = FakeDevice()
    device.install(monkeypatch)
    monkeypatch.setattr(playback, "_CHECK_SECONDS", 0.01)
    return device


def play(blocks, rate_hz=RATE_HZ):
    with playing(rate_hz) as sink:
        for block in blocks:
            sink.write(block)


def tones(n_samples):
    """Samples that are all different from 0."""
    return np.where(speech(n_samples) < 0, -0.5, 0.5).astype(np.float32)


@pytest.mark.parametrize("sizes", [[1920] * 5, [1], [480], [479, 1, 481], [0, 7, 0, 5000, 1]])
def test_every_sample_is_heard_once_in_order(device, sizes):
    blocks = [tones(size) * (i + 1) / 10 for i, size in enumerate(sizes)]
    play(np.float32(block) for block in blocks)
    assert np.array_equal(device.sound(), np.concatenate(blocks).astype(np.float32))
    assert (device.closed, device.aborted) == (True, False)
    assert (device.options["samplerate"], device.options["channels"], device.options["dtype"]) == (24_000, 1, "float32")


def test_nothing_to_play_ends_at_once(device):
    play([])
    assert not device.sound().size


def test_sound_begins_when_enough_is_there_and_again_after_a_gap(device):
    """Here 4800 samples, ten blocks of the device."""
    device.asks.clear()
    with playing(RATE_HZ) as sink:
        for n_heard in (0, 4900):
            sink.write(tones(4700))
            device.ask()
            assert len(device.sound()) == n_heard
            sink.write(tones(200))
            for _ in range(12):
                device.ask()
            assert len(device.sound()) == n_heard + 4900
        assert not device.heard[-1].any()
        sink.write(tones(10))
        device.asks.set()
    assert len(device.sound()) == 9810


def test_a_fast_source_is_held_back(device, monkeypatch):
    monkeypatch.setattr(playback, "AHEAD_SECONDS", 0.3)
    device.pace = 0.002
    with playing(RATE_HZ) as sink:
        for n_written in range(1, 21):
            sink.write(np.ones(1920, np.float32))
            assert n_written * 1920 - sum(len(block) for block in device.heard) <= 7200 + 1920 + device.BLOCK
    assert len(device.sound()) == 20 * 1920


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("fell over")])
def test_an_interruption_is_silence_at_once(device, error):
    device.pace = 0.005

    def blocks():
        yield np.ones(RATE_HZ * 20, np.float32)
        raise error

    with pytest.raises(type(error)):
        play(blocks())
    assert device.aborted
    assert device.closed
    assert len(device.sound()) < RATE_HZ * 20


def test_an_interruption_while_the_rest_is_heard_is_silence_at_once(device, monkeypatch):
    device.pace = 0.005

    def interrupt(player):
        raise KeyboardInterrupt

    monkeypatch.setattr(playback._Player, "close", interrupt)
    with pytest.raises(KeyboardInterrupt):
        play([np.ones(RATE_HZ * 20, np.float32)])
    assert device.aborted


def test_a_device_that_goes_away_is_an_error(device, monkeypatch):
    monkeypatch.setattr(playback, "AHEAD_SECONDS", 0.3)
    device.n_blocks_to_live = 3
    with pytest.raises(OSError, match=r"^The sound device stopped before the speech had ended\.$"):
        play([tones(1920)] * 20)
    assert device.closed


def test_a_device_that_goes_away_at_the_end_is_an_error(device):
    device.pace = 0.05
    device.n_blocks_to_live = 1
    with pytest.raises(OSError, match="stopped before"):
        play([tones(1920)])


def test_a_device_that_refuses_the_rate_is_an_error(device):
    device.refuses = "Invalid sample rate"
    with pytest.raises(OSError, match=r"^The sound device cannot play 8001 samples a second: Invalid sample rate$"):
        play([tones(10)], 8001)


def test_nan_is_refused_and_too_loud_is_clamped(device):
    with pytest.raises(ValueError, match="NaN"):
        play([np.array([np.nan], np.float32)])
    device.heard.clear()
    play([np.array([3, -3], np.float32)])
    assert device.sound().tolist() == [1, -1]


# What is missing


def test_without_sounddevice_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ImportError, match=r"sounddevice is needed: pip install 'pockettts-np\[play\]'\.$"):
        require_player()


def test_without_portaudio_a_sentence_says_how_to_get_it(monkeypatch, tmp_path):
    """sounddevice is there, but its import raises OSError."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(ImportError, match=r"PortAudio is needed: apt install libportaudio2, or the like\.$"):
        require_player()


def test_without_a_device_a_sentence_says_what_to_do(device):
    def none(kind):
        raise device.module.PortAudioError("Error querying device -1")

    device.module.query_devices = none
    with pytest.raises(OSError, match=r"^There is no device to play speech on; write it to a file instead\.$"):
        play([])
