"""commands/output.py: generate's format, rate, speed and loudspeaker, with a fake model."""

import io
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from pockettts_np import __main__
from pockettts_np.audio.samples import to_int16
from pockettts_np.commands.terminal import options
from tests.support.blocks import RATE_HZ, pieces, speech
from tests.support.fake_device import FakeDevice

SPEECH = speech(RATE_HZ)
SILENCE = np.zeros(4800, np.float32)


class FakeModel:
    """Says one second, or raises half way."""

    sample_rate = RATE_HZ
    config = SimpleNamespace(mimi=SimpleNamespace(frame_samples=1920))

    def __init__(self):
        self.error = None
        self.closed = False

    def get_default_voice(self):
        return "default"

    def generate_audio_stream(self, state, text, **given):
        try:
            for frame in pieces(SPEECH, range(1920, RATE_HZ, 1920)):
                yield frame
                if self.error is not None:
                    raise self.error
        finally:
            self.closed = True


@pytest.fixture
def model(monkeypatch):
    fake = FakeModel()
    monkeypatch.setattr(options, "load_tts_model", lambda args: fake)
    monkeypatch.setattr(options, "default_language", lambda: "builtin")
    return fake


@pytest.fixture
def generate(tmp_path, monkeypatch, capsysbinary):
    """Run it in an empty folder: status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def generate(*argv):
        status = __main__.main(["generate", "--text", "Hello.", *map(str, argv)])
        out, err = capsysbinary.readouterr()
        return status, out, err.decode()

    return generate


@pytest.fixture
def device(monkeypatch):
    device = FakeDevice()
    device.install(monkeypatch)
    return device


def files():
    return sorted(path.name for path in Path().iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.wav", "WAV"), ("a", "WAV"), ("a.flac", "FLAC"), ("a.ogg", "OGG"), ("a.OPUS", "OGG"), ("a.mp3", "MP3")],
)
def test_the_ending_says_the_format(model, generate, name, kind):
    assert generate("--output-path", name)[0] == 0
    info = soundfile.info(name)
    assert (info.format, info.samplerate, info.frames) == (kind, RATE_HZ, RATE_HZ + 4800)
    assert files() == [name]


def test_the_option_says_the_format_whatever_the_ending(model, generate):
    assert generate("--output-path", "a.raw", "--format", "s16le")[0] == 0
    assert Path("a.raw").read_bytes() == to_int16(np.concatenate([SPEECH, SILENCE])).tobytes()


@pytest.mark.parametrize("form", ["flac", "opus", "ogg", "mp3", "wav", "s16le", "f32le"])
def test_a_pipe_takes_every_format(model, generate, form):
    status, out, err = generate("--output-path", "-", "--format", form)
    assert (status, files()) == (0, [])
    assert err.startswith("INFO: standard output written: ")
    if form == "f32le":
        assert np.array_equal(np.frombuffer(out, "<f4"), np.concatenate([SPEECH, SILENCE]))
    elif form != "s16le":
        assert soundfile.info(io.BytesIO(out)).samplerate == RATE_HZ


@pytest.mark.parametrize(("speed", "rate_hz"), [(2, 16_000), (0.5, 44_100), (1, 8_000)])
def test_speed_and_rate(model, generate, speed, rate_hz):
    assert generate("--output-path", "a.wav", "--speed", speed, "--rate", rate_hz)[0] == 0
    info = soundfile.info("a.wav")
    assert (info.samplerate, info.frames) == (rate_hz, rate_hz / speed + rate_hz // 5)


REFUSED = {
    "--output-path a.m4a": "a.m4a ends in .m4a; wanted .wav, .flac, .ogg, .opus, .mp3, .aac, or name the format.",
    "--speed 0.2": "The speed is 0.2; wanted 0.25 to 4 times the natural one.",
    "--rate 7999": "The rate is 7999 Hz; wanted 8000 to 192000.",
    "--rate 44100 --output-path a.opus": "opus cannot hold 44100 samples a second; wanted a rate of 8000, 12000, "
    "16000, 24000, 48000 Hz.",
    "--play": "To play speech, sounddevice is needed: pip install 'pockettts-np[play]'.",
}


@pytest.mark.parametrize("argv", REFUSED)
def test_what_cannot_be_is_refused_before_a_model_is_loaded(monkeypatch, generate, argv):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setattr(options, "load_tts_model", lambda args: pytest.fail("the model was loaded"))
    assert generate(*argv.split()) == (1, b"", f"pockettts-np: error: {REFUSED[argv]}\n")
    assert files() == []


def test_wrong_usage(generate):
    for argv in (["--format", "m4a"], ["--rate", "x"], ["--speed", "fast"]):
        with pytest.raises(SystemExit) as caught:
            generate(*argv)
        assert caught.value.code == 2


def test_a_failure_leaves_no_file_of_any_format(model, generate):
    model.error = ValueError("The weights are damaged.")
    for name in ("a.wav", "a.flac", "a.opus", "a.mp3"):
        assert generate("--output-path", name)[0] == 1
        assert model.closed
    assert files() == []


def test_played_speech_needs_no_file(model, generate, device):
    status, out, err = generate("--play")
    assert (status, out, files()) == (0, b"", [])
    assert err.startswith("INFO: played: 12 frames, ")
    assert np.array_equal(device.sound(), SPEECH[SPEECH != 0])


def test_played_speech_is_also_written_where_a_file_is_named(model, generate, device):
    assert generate("--play", "--output-path", "a.wav", "--rate", 48_000, "--quiet") == (0, b"", "")
    content = Path("a.wav").read_bytes()
    assert struct.unpack_from("<I", content, 40) == (len(content) - 44,) == (2 * (48_000 + 9600),)
    assert device.options["samplerate"] == 48_000


def test_ctrl_c_stops_the_sound_and_leaves_no_file(model, generate, device):
    device.pace = 0.01
    model.error = KeyboardInterrupt()
    assert generate("--play", "--output-path", "a.wav") == (130, b"", "pockettts-np: interrupted\n")
    assert (device.aborted, device.closed, model.closed) == (True, True, True)
    assert files() == []
