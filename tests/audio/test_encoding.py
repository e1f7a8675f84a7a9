"""encoder.py: every format there and back, while it grows, into files and pipes; what cannot be written."""

import errno
import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings

from pockettts_np.audio import encoding
from pockettts_np.audio.codecs import libsndfile
from pockettts_np.audio.encoding import SUFFIXES, encoded, format_of, open_sink, require_format
from pockettts_np.audio.recording import read_audio
from pockettts_np.audio.samples import to_int16
from pockettts_np.files.writing import replacing_file
from tests.support.blocks import NO_SPEECH, RATE_HZ, cuts, joined, pieces, speech
from tests.support.helpers import GOLDEN

FORMATS = {name: form for name, form in encoding.FORMATS.items() if name != "aac"}  # whose library is an extra

REF_WAV = GOLDEN.parent.parent / "ref.wav"
CODECS = ["wav", "flac", "ogg", "opus", "mp3"]
LOSSY = {"ogg": 12, "opus": 8, "mp3": 12}  # dB of signal above what coding changed
SPEECH = speech(2 * RATE_HZ)
FRAMES = pieces(SPEECH, range(1920, 2 * RATE_HZ, 1920))


class Pipe(io.BytesIO):
    """A file that cannot seek."""

    def seekable(self):
        return False

    def seek(self, *place):
        raise io.UnsupportedOperation("seek")

    tell = seek


def written(name, blocks=FRAMES, rate_hz=RATE_HZ, kind=io.BytesIO):
    file = kind()
    with open_sink(file, name, rate_hz) as sink:
        for block in blocks:
            sink.write(block)
    return file.getvalue()


def snr_db(got, wanted):
    """Signal to noise, after the level that fits best."""
    level = np.dot(got, wanted) / np.dot(wanted, wanted)
    return 10 * np.log10(np.sum((level * wanted) ** 2) / np.sum((got - level * wanted) ** 2))


# There and back


@pytest.mark.parametrize("name", CODECS)
def test_a_file_gives_the_speech_back(tmp_path, name):
    path = tmp_path / f"speech.{name}"
    with replacing_file(path) as file, open_sink(file, format_of(path), RATE_HZ) as sink:
        for block in FRAMES:
            sink.write(block)
    samples, rate_hz = read_audio(path)
    assert (len(samples), rate_hz) == (len(SPEECH), RATE_HZ)
    if name in LOSSY:
        assert snr_db(samples, SPEECH) > LOSSY[name]
        assert path.stat().st_size < len(SPEECH) * 2 / 3
    else:
        assert np.array_equal(np.round(samples * 32768), to_int16(SPEECH))
    info = soundfile.info(path)
    form = FORMATS[name]
    assert info.channels == 1
    assert (info.format, info.subtype) == (form.container or "WAV", form.codec or "PCM_16")


@pytest.mark.parametrize(("name", "dtype"), [("s16le", "<i2"), ("f32le", "<f4")])
def test_bare_samples_have_no_header(name, dtype):
    got = np.frombuffer(written(name), dtype)
    assert np.array_equal(got, to_int16(SPEECH) if name == "s16le" else SPEECH)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "ogg"])
@given(places=cuts)
@settings(deadline=None, max_examples=10)
def test_how_speech_is_cut_changes_nothing(name, places):
    """But for Vorbis, whose encoder looks as far ahead as there is speech."""
    samples = SPEECH[:5000]
    got, wanted = (sound_of(written(name, blocks), name) for blocks in (pieces(samples, places), [samples]))
    assert np.array_equal(got, wanted)


def sound_of(content, name):
    """The samples in a file's content; an Ogg stream differs by its serial number."""
    if not FORMATS[name].container:
        return np.frombuffer(content, np.uint8)
    return soundfile.read(io.BytesIO(content), dtype="float32")[0]


@pytest.mark.parametrize("name", FORMATS)
def test_blocks_of_nothing_are_nothing(name):
    nothing = np.zeros(0, np.float32)
    blocks = [nothing, *FRAMES[:3], nothing, nothing]
    assert np.array_equal(sound_of(written(name, blocks), name), sound_of(written(name, FRAMES[:3]), name))


@pytest.mark.parametrize("name", ["wav", "flac", "opus", "mp3"])
def test_what_lies_before_the_start_stays(name):
    file = io.BytesIO(b"before")
    file.seek(6)
    with open_sink(file, name, RATE_HZ) as sink:
        sink.write(SPEECH)
    content = file.getvalue()
    assert content[:6] == b"before"
    assert np.array_equal(sound_of(content[6:], "flac"), sound_of(written(name, [SPEECH]), "flac"))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_louder_than_full_scale_is_clamped(name):
    loud = np.where(np.arange(RATE_HZ) // 120 % 2, 40, -40).astype(np.float32)
    clamped = np.clip(loud, -1, 1)
    assert np.array_equal(sound_of(written(name, [loud]), name), sound_of(written(name, [clamped]), name))


# While it grows


@pytest.mark.parametrize("name", ["wav", "flac", "opus", "mp3", "s16le", "f32le"])
def test_speech_arrives_soon(name):
    """After one second of speech, what a pipe has already brought lasts 0.7 s or more, in every format but Vorbis."""
    pipe = Pipe()
    with open_sink(pipe, name, RATE_HZ) as sink:
        for block in FRAMES:
            sink.write(block)
        so_far = len(pipe.getvalue())
    assert so_far > 0.85 * len(pipe.getvalue())


@pytest.mark.parametrize("name", FORMATS)
def test_a_connection_gets_what_a_pipe_gets(name):
    parts = list(encoded(iter(FRAMES), name, RATE_HZ))
    assert all(parts)
    pipe = written(name, kind=Pipe)
    assert len(b"".join(parts)) == len(pipe)
    if FORMATS[name].container != "OGG":  # which has a serial number
        assert b"".join(parts) == pipe


def test_the_first_bytes_come_with_the_first_block():
    for name in ("wav", "opus", "mp3", "flac", "s16le"):
        n_pulled = 0

        def watched():
            nonlocal n_pulled
            for block in FRAMES:
                n_pulled += 1
                yield block

        next(encoded(watched(), name, RATE_HZ))
        assert n_pulled == 1, name


@pytest.mark.parametrize("name", ["ogg", "opus"])
def test_an_ogg_pipe_is_a_whole_file(name):
    got = sound_of(written(name, kind=Pipe), name)
    assert np.array_equal(got, sound_of(written(name), name))


@pytest.mark.parametrize("name", CODECS)
def test_what_a_pipe_gets_is_read_to_its_end(tmp_path, name):
    path = tmp_path / "speech"
    path.write_bytes(written(name, kind=Pipe))
    samples, _ = read_audio(path)
    assert len(samples) == len(SPEECH) if name != "mp3" else 0 <= len(samples) - len(SPEECH) < 0.1 * RATE_HZ


@pytest.mark.skipif(sys.platform == "win32", reason="`>>` there is no way to open a file")
@pytest.mark.parametrize("name", FORMATS)
def test_behind_what_a_file_has_comes_what_a_pipe_gets(tmp_path, name):
    """As by `>>`: everything written goes to the end, a header that knows the length as well."""
    path = tmp_path / "speech"
    for before in (b"", b"before"):
        path.write_bytes(before)
        with path.open("ab") as file, open_sink(file, name, RATE_HZ) as sink:
            sink.write(SPEECH)
        content, pipe = path.read_bytes(), written(name, [SPEECH], kind=Pipe)
        assert content.startswith(before)
        assert len(content) == len(before) + len(pipe)
        if FORMATS[name].container != "OGG":  # which has a serial number
            assert content == before + pipe


def ogg_packets(data):
    """The packets of an Ogg stream (RFC 3533, section 6)."""
    at, packet = 0, b""
    while at < len(data):
        sizes = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(sizes)
        for size in sizes:
            packet += data[at : at + size]
            at += size
            if size < 255:
                yield packet
                packet = b""


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 48_000])
def test_opus_is_made_in_one_layer(rate_hz):
    """Two layers, or the one for speech alone, take twice the time; a packet begins with its kind (RFC 6716, 3.1)."""
    ref, _ = soundfile.read(REF_WAV, frames=RATE_HZ, dtype="float32")
    _, _, *packets = ogg_packets(written("opus", [ref], rate_hz))
    assert all(packet[0] >> 3 >= 16 for packet in packets)


def test_a_flac_pipe_differs_in_the_header_alone():
    """STREAMINFO, bytes 8 to 42, knows the length only in a file."""
    pipe, file = written("flac", kind=Pipe), written("flac")
    assert pipe[:8] + pipe[42:] == file[:8] + file[42:]
    assert pipe[21] & 15 == 0
    assert pipe[22:26] == bytes(4)
    assert file[22:26] == len(SPEECH).to_bytes(4)


def test_an_mp3_pipe_plays_from_start_to_end():
    """Without the header that says how many samples to drop, some 70 ms of silence stay at its start."""
    got = sound_of(written("mp3", kind=Pipe), "mp3")
    late = len(got) - len(SPEECH)
    assert 0 <= late < 0.1 * RATE_HZ
    start = int(np.argmax(np.correlate(got[: RATE_HZ + late], SPEECH[:RATE_HZ])))
    assert snr_db(got[start : start + RATE_HZ], SPEECH[:RATE_HZ]) > LOSSY["mp3"]


# Formats and rates


def test_the_ending_says_the_format():
    for path, name in {"a.wav": "wav", "b.FLAC": "flac", "c.d.opus": "opus", "e.Mp3": "mp3", "f.ogg": "ogg"}.items():
        assert format_of(path) == name
    assert format_of("folder.x/speech") == "wav"
    with pytest.raises(ValueError, match=r"^a\.m4a ends in \.m4a; wanted \.wav, \.flac, .*\.$"):
        format_of("a.m4a")
    assert list(SUFFIXES) == [f".{name}" for name in [*CODECS, "aac"]]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_each_format_is_written_at_each_rate_or_refused(name, rate_hz):
    rates = FORMATS[name].rates_hz
    if rates and rate_hz not in rates:
        with pytest.raises(ValueError, match=rf"^{name} cannot hold {rate_hz} samples .* 48000 Hz\.$"):
            require_format(name, rate_hz)
        return
    content = written(name, [SPEECH], rate_hz)
    if FORMATS[name].container:
        assert soundfile.info(io.BytesIO(content)).samplerate == rate_hz


def test_what_only_libsndfile_refuses_is_a_sentence():
    with pytest.raises(ValueError, match=r"^libsndfile cannot write flac at 191999 samples a second; take .*\.$"):
        written("flac", rate_hz=191_999)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match=r"^There is no format 'm4a'; wanted one of wav, .*f32le\.$"):
        require_format("m4a", RATE_HZ)


def test_a_codec_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(soundfile, "check_format", lambda container, codec: codec != "OPUS")
    require_format("flac", RATE_HZ)
    with pytest.raises(ValueError, match=r"cannot write opus; update it \(pip install .*take wav\.$"):
        require_format("opus", RATE_HZ)


def test_pages_stay_long_where_soundfile_cannot_be_asked(monkeypatch):
    monkeypatch.delattr(soundfile, "_snd")
    assert libsndfile._shorten_pages(soundfile, None) is None


def test_wav_and_bare_samples_need_no_soundfile(tmp_path):
    """A player of a pipe starts sooner."""
    code = """
import sys
from pockettts_np.audio.encoding import encoded
for form in ("wav", "s16le"):
    list(encoded([], form, 24_000))
assert "soundfile" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# What goes wrong


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("block", "sentence"), NO_SPEECH)
def test_what_is_no_mono_sound_is_refused(name, block, sentence):
    """Two channels once became a file of twice the length, and 16-bit samples a square wave."""
    with pytest.raises(ValueError, match=sentence):
        written(name, [block])


class FullDisk(io.BytesIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", FORMATS)
def test_an_error_of_the_file_is_raised(name, capfd):
    """Not lost in a callback of libsndfile, which can only print it."""
    with pytest.raises(OSError, match="No space left"):
        written(name, kind=FullDisk)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["flac", "opus", "mp3"])
def test_a_failure_leaves_no_file(tmp_path, name):
    def broken():
        yield from FRAMES[:3]
        raise RuntimeError("fell over")

    with pytest.raises(RuntimeError), replacing_file(tmp_path / "a") as file:
        file.write(written(name, broken()))
    assert list(tmp_path.iterdir()) == []


def test_joined_blocks_are_what_was_cut():
    assert np.array_equal(joined(FRAMES), SPEECH)
