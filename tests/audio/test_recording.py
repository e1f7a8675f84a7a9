"""recording.py: recordings of every kind, the pause at the end, and WAV written while it grows."""

import errno
import io
import os
import re
import stat
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pockettts_np.audio import recording as recording_module
from pockettts_np.audio import wav
from pockettts_np.audio.recording import end_on_pause, read_audio
from pockettts_np.audio.samples import to_int16
from pockettts_np.audio.wav import WavStream, write_wav
from pockettts_np.files import writing
from pockettts_np.files.memory import InMemoryFile
from pockettts_np.files.writing import replacing_file, require_writable
from tests.support.helpers import assert_close

REF_WAV = Path(__file__).parents[2] / "ref.wav"
RATE_HZ = 16_000
FILE_LAWS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tones(n_samples=RATE_HZ // 2, n_channels=1, seed=0):
    """Something like speech in every channel, float64 [n, channels] inside ±0.9."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples)[:, None] / RATE_HZ
    hz, phase = rng.uniform(100, 900, n_channels), rng.uniform(0, 6, n_channels)
    return 0.8 * np.sin(2 * np.pi * hz * t + phase) + rng.uniform(-0.1, 0.1, (n_samples, n_channels))


def wav_of(path, samples, rate_hz=RATE_HZ, subtype="PCM_16", **options):
    soundfile.write(path, samples, rate_hz, subtype=subtype, **options)
    return path


def recording(folder, kind, samples=None):
    """A mono recording in one of the promised formats."""
    path = folder / f"speech.{kind}"
    soundfile.write(path, tones() if samples is None else samples, RATE_HZ)
    return path


# Reading


def test_ref_wav_is_ten_seconds_of_mono_speech_at_24_khz():
    samples, rate_hz = read_audio(REF_WAV)
    with wave.open(str(REF_WAV)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getnframes()) == (1, 2, len(samples))
    assert rate_hz == 24_000
    assert 9 < len(samples) / rate_hz < 12
    assert np.abs(samples).max() == pytest.approx(10 ** (-3 / 20), abs=1e-3)
    assert REF_WAV.stat().st_size < 600_000


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6])
def test_sixteen_bits_are_divided_by_32768_and_channels_averaged(tmp_path, n_channels):
    pcm = to_int16(tones(n_channels=n_channels))
    samples, rate_hz = read_audio(wav_of(tmp_path / "a.wav", pcm))
    assert rate_hz == RATE_HZ
    assert_close(samples, (pcm / 32768).mean(axis=1), 1e-7)


@pytest.mark.parametrize(
    ("subtype", "bits"),
    [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24), ("PCM_32", 24), ("FLOAT", 24), ("DOUBLE", 24)],
)
@pytest.mark.parametrize("n_channels", [1, 6])
def test_every_sample_width_reads_to_its_own_precision(tmp_path, subtype, bits, n_channels):
    wanted = tones(n_channels=n_channels)
    samples, _ = read_audio(wav_of(tmp_path / "a.wav", wanted, subtype=subtype))
    assert_close(samples, wanted.mean(axis=1), 2.0 ** (1 - bits) / 0.5)


@pytest.mark.parametrize(("kind", "tol"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.3), ("mp3", 0.3)])
def test_every_format_gives_the_recording_back(tmp_path, kind, tol):
    wanted = scipy.signal.lfilter([0.2] * 5, 1, tones()[:, 0])
    samples, rate_hz = read_audio(recording(tmp_path, kind, wanted))
    assert (rate_hz, len(samples)) == (RATE_HZ, len(wanted))
    assert_close(samples, wanted, tol)
    assert np.corrcoef(samples, wanted)[0, 1] > 0.99


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_the_format_is_told_by_content_not_by_name(tmp_path, kind):
    path = recording(tmp_path, kind)
    wanted, _ = read_audio(path)
    for name in ("renamed.raw", "renamed.mp3", "renamed"):
        assert np.array_equal(read_audio(path.rename(tmp_path / name))[0], wanted)
        path = tmp_path / name


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_reading_in_blocks_changes_nothing(tmp_path, monkeypatch, kind):
    path = recording(tmp_path, kind)
    whole, _ = soundfile.read(path, dtype="float32")
    monkeypatch.setattr(recording_module, "_BLOCK_FRAMES", 777)
    assert np.array_equal(read_audio(path)[0], whole)


def test_an_mp3_without_a_length_is_read_to_its_end(tmp_path):
    path = recording(tmp_path, "mp3")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Info", bytes(4)).replace(b"Xing", bytes(4)))
    samples, _ = read_audio(path)
    assert abs(len(samples) - RATE_HZ // 2) < 3 * 1152


@pytest.mark.parametrize("rate_hz", [1_000, 8_000, 22_050, 44_100, 192_000, 384_000])
def test_any_rate_is_read(tmp_path, rate_hz):
    samples, got_hz = read_audio(wav_of(tmp_path / "a.wav", tones(), rate_hz))
    assert (got_hz, len(samples)) == (rate_hz, RATE_HZ // 2)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_max_seconds_keeps_the_start(tmp_path, kind):
    path = recording(tmp_path, kind)
    whole, _ = read_audio(path)
    assert np.array_equal(read_audio(path, max_seconds=0.1)[0], whole[: RATE_HZ // 10])
    assert np.array_equal(read_audio(path, max_seconds=99)[0], whole)


def test_an_hour_is_refused_but_its_start_can_be_read(tmp_path):
    path = wav_of(tmp_path / "hour.wav", tones())
    an_hour_bytes = 3600 * RATE_HZ * 2
    with path.open("r+b") as file:
        file.seek(4)
        file.write(struct.pack("<I", 36 + an_hour_bytes))
        file.seek(40)
        file.write(struct.pack("<I", an_hour_bytes))
        file.truncate(44 + an_hour_bytes)  # sparse: zeros that take no space
    with pytest.raises(ValueError, match=r"lasts 3600 seconds.*cut it first"):
        read_audio(path)
    samples, _ = read_audio(path, max_seconds=30)
    assert len(samples) == 30 * RATE_HZ


@pytest.mark.parametrize("announced", [0x7FFFF000, 2_000_000_000, 0x80000000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_announces_any_length_and_is_read_to_its_end(tmp_path, announced):
    path = wav_of(tmp_path / "growing.wav", tones())
    content = path.read_bytes()
    path.write_bytes(content[:40] + struct.pack("<I", announced) + content[44:])
    assert len(read_audio(path)[0]) == RATE_HZ // 2


# What is no recording


def assert_sentence(error, path):
    assert str(path) in str(error)
    assert str(error).endswith(".")
    assert "\n" not in str(error)


def test_what_is_not_a_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    cases = {"absent.wav": FileNotFoundError, ".": IsADirectoryError, "pipe.wav": ValueError}
    for name, kind in cases.items():
        with pytest.raises(kind) as caught:
            read_audio(tmp_path / name)
        assert_sentence(caught.value, tmp_path / name)


NOISE = bytes(np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"Hello, this is a text.\n" * 50, "cannot be read"),
        (bytes(5000), "cannot be read"),
        (NOISE, "cannot be read"),
        (b"RIFF" + NOISE, "cannot be read"),
        (b"fLaC" + NOISE, "cannot be read"),
        (b"OggS" + NOISE, "cut short"),
        (b"ID3\x04\x00\x00\x00\x00\x01\x00" + NOISE, "cannot be read"),
        (b"ID3", "cannot be read"),
        (b"FORM\x00\x01\xf4\x2eAIFFCOMM\x00\x00\x00\x12\x00\x01\x00\x00\xfa\x00", "cannot be read"),
        (b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 2000, "cannot be read"),
    ],
)
def test_what_is_not_audio_is_refused(tmp_path, content, says):
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=says) as caught:
        read_audio(path)
    assert_sentence(caught.value, path)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.5, 0.9, 0.97])
def test_a_recording_cut_short_is_refused(tmp_path, kind, kept):
    path = recording(tmp_path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match="cut short") as caught:
        read_audio(path)
    assert_sentence(caught.value, path)


def test_an_ogg_without_its_last_page_is_cut_short(tmp_path):
    path = recording(tmp_path, "ogg", tones(RATE_HZ)[:, 0])
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    with pytest.raises(ValueError, match="cut short"):
        read_audio(path)


def test_an_mp3_behind_a_tag_is_read_and_missed_when_cut(tmp_path):
    path = recording(tmp_path, "mp3")
    wanted, _ = read_audio(path)
    twenty_thousand = bytes([0, 1, 28, 32])  # seven bits a byte
    content = b"ID3\x04\x00\x00" + twenty_thousand + bytes(20_000) + path.read_bytes()
    path.write_bytes(content)
    assert np.array_equal(read_audio(path)[0], wanted)
    path.write_bytes(content[:-500])
    with pytest.raises(ValueError, match="cut short"):
        read_audio(path)


@pytest.mark.parametrize(
    ("samples", "subtype", "says"),
    [
        (np.zeros(0), "PCM_16", "no samples"),
        (np.zeros(1000), "PCM_16", "silent"),
        (np.full(1000, 127, np.int32) << 24, "PCM_U8", "silent"),
        (np.full(1000, 0.25), "FLOAT", "silent"),
        (np.tile([1, -1, 0], 500) / 32768, "PCM_16", "silent"),
        (np.array([0.1, np.nan, -0.1]), "FLOAT", "NaN or infinite"),
        (np.array([0.1, np.inf, -0.1]), "FLOAT", "NaN or infinite"),
        (np.array([[np.inf, -np.inf], [0.1, 0.2]]), "DOUBLE", "NaN or infinite"),
        (np.array([[3e38, 3e38], [0.1, 0.2]]), "FLOAT", "NaN or infinite"),
        (np.array([0.1, 20_000.0, -0.3]), "FLOAT", "up to 20000"),
        (np.array([0.1, -32_000.0, 0.3]), "FLOAT", "up to 32000"),
    ],
)
def test_samples_without_speech_are_refused(tmp_path, samples, subtype, says):
    path = wav_of(tmp_path / "a.wav", samples, subtype=subtype)
    with pytest.raises(ValueError, match=says) as caught:
        read_audio(path)
    assert_sentence(caught.value, path)


@pytest.mark.parametrize("rate_hz", [1, 999, 384_001, 2**31 - 1])
def test_a_rate_that_no_recording_has_is_refused(tmp_path, rate_hz):
    path = wav_of(tmp_path / "a.wav", tones())
    with path.open("r+b") as file:
        file.seek(24)
        file.write(struct.pack("<I", rate_hz))
    with pytest.raises(ValueError, match=f"has {rate_hz} samples a second"):
        read_audio(path)


def of_unknown_length(content):
    """A FLAC as it comes from a pipe: 36 bits of its header are the number of samples, and 0 is unknown."""
    content = bytearray(content)
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    return content


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path, monkeypatch):
    path = recording(tmp_path, "flac")
    whole, _ = read_audio(path)
    path.write_bytes(of_unknown_length(path.read_bytes()))
    for block_frames in (1 << 16, 777, len(whole)):
        monkeypatch.setattr(recording_module, "_BLOCK_FRAMES", block_frames)
        assert np.array_equal(read_audio(path)[0], whole)
        assert np.array_equal(read_audio(path, max_seconds=0.1)[0], whole[: RATE_HZ // 10])
        assert np.array_equal(read_audio(path, max_seconds=99)[0], whole)


def test_a_flac_of_unknown_length_that_was_cut_is_refused(tmp_path):
    path = recording(tmp_path, "flac")
    path.write_bytes(of_unknown_length(path.read_bytes())[:-100])
    with pytest.raises(ValueError, match="cut short"):
        read_audio(path)


def test_a_flac_of_unknown_length_may_last_as_long_as_any(tmp_path, monkeypatch):
    path = recording(tmp_path, "flac", tones(2 * RATE_HZ))
    path.write_bytes(of_unknown_length(path.read_bytes()))
    monkeypatch.setattr(recording_module, "LONGEST_SECONDS", 2)
    assert len(read_audio(path)[0]) == 2 * RATE_HZ
    monkeypatch.setattr(recording_module, "LONGEST_SECONDS", 1)
    with pytest.raises(ValueError, match="lasts more than 1 seconds"):
        read_audio(path)


@pytest.mark.parametrize("riff_bytes", [0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_wav_that_announces_nothing_is_read_to_its_end(tmp_path, riff_bytes, subtype):
    """So a stream looks whose program was to write the length at its end, and was cut before."""
    path = wav_of(tmp_path / "a.wav", tones(n_channels=2), subtype=subtype)
    whole, _ = read_audio(path)
    content = path.read_bytes()
    start = content.index(b"data")
    path.write_bytes(
        content[:4] + struct.pack("<I", riff_bytes) + content[8 : start + 4] + bytes(4) + content[start + 8 :]
    )
    got, _ = read_audio(path)
    assert np.array_equal(got[: len(whole)], whole)
    assert len(got) - len(whole) <= 12  # where a chunk follows the samples, it cannot be told from them
    assert np.array_equal(read_audio(path, max_seconds=0.1)[0], whole[: RATE_HZ // 10])


def test_an_empty_wav_with_a_chunk_behind_its_data_is_empty(tmp_path):
    path = wav_of(tmp_path / "a.wav", np.zeros(0))
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 5) + b"INFO!" + b"\0")
    with pytest.raises(ValueError, match="no samples"):
        read_audio(path)


MP4 = b"\0\0\0\x1cftypM4A \0\0\2\0M4A isomiso2"
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01"
AAC_WAV = b"RIFF\xcc\x3f\0\0WAVEfmt \x14\0\0\0\xff\0\1\0\xc0\x5d\0\0\x9b\x21\0\0\0\4\0\0\2\0\0\0data\x64\0\0\0"
OGG = b"OggS\0\6" + bytes(20) + b"\1\x64"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "me.m4a",
            MP4,
            "is MP4 (.m4a, .mp4, .mov, .3gp), which cannot be read; convert it first: ffmpeg -i {} me.wav.",
        ),
        ("me.wav", MP4, "is MP4 (.m4a, .mp4, .mov, .3gp), which cannot be read; convert it first: ffmpeg -i {} me-pcm"),
        ("a b.webm", WEBM, "is WebM or Matroska (.webm, .mka, .mkv), which cannot be read; convert it first: ffmpeg "),
        ("me.wma", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "is Windows Media (.wma), which cannot be read; "),
        ("me.aac", b"\xff\xf1\x58\x40\x3f\x1f\xfc", "is AAC (.aac), which cannot be read; "),
        ("me.amr", b"#!AMR\n\x3c", "is AMR (.amr), which cannot be read; "),
        ("me.spx", OGG + b"Speex   1.2", "is Speex (.spx), which cannot be read; "),
        ("me.oga", OGG + b"\x7fFLAC\1", "is FLAC in Ogg (.oga), which cannot be read; "),
        ("me.wav", AAC_WAV, "is a damaged WAV, or one with an uncommon codec, which cannot be read; convert it"),
        ("me.wav", b"\n<!DOCTYPE html><html>", "is no recording but a web page."),
        ("me.wav", b"version https://git-lfs.github.com/spec/v1\n", "is no recording but what Git LFS has in place"),
        ("me.zip", b"PK\3\4", "is no recording but a ZIP archive."),
        (
            "me.wav",
            b"Hello",
            "cut short, or not a recording in wav, flac, mp3 or ogg. If other programs play it, convert",
        ),
    ],
)
def test_a_format_that_is_not_read_is_named_with_the_way_out(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content + bytes(range(256)))
    with pytest.raises(ValueError, match=re.escape(says.format(path))) as caught:
        read_audio(path)
    assert_sentence(caught.value, path)


def test_a_recording_in_memory_has_no_name_to_convert_from():
    with pytest.raises(ValueError, match=r"^The voice is MP4 .* first: ffmpeg -i FILE voice\.wav\.$"):
        read_audio(InMemoryFile("The voice", MP4 + bytes(99)))


def test_a_quiet_recording_is_not_silent(tmp_path):
    samples, _ = read_audio(wav_of(tmp_path / "a.wav", 1e-3 * tones()))
    assert 0 < np.abs(samples).max() < 2e-3


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
@FILE_LAWS
@given(data=st.data())
def test_a_damaged_recording_is_read_or_refused_in_a_sentence(tmp_path, kind, data):
    """Up to ten bytes are changed, most of them in the headers; then the file may be cut."""
    path = recording(tmp_path, kind, tones(2000)[:, 0])
    content = bytearray(path.read_bytes())
    where = st.one_of(st.integers(0, 100), st.integers(0, len(content) - 1))
    changes = st.dictionaries(where, st.sampled_from([0, 1, 127, 128, 255]), max_size=10)
    for position, value in data.draw(changes).items():
        content[position % len(content)] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    try:
        samples, rate_hz = read_audio(path)
    except ValueError as error:
        assert_sentence(error, path)
    else:
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert len(samples) <= recording_module.LONGEST_SECONDS * rate_hz


# The pause at the end


def naive_end_on_pause(samples, rate_hz):
    """The rule in plain loops and float64."""
    frame = max(1, int(0.02 * rate_hz))
    levels = []
    for i in range(len(samples) // frame):
        power = sum(float(x) ** 2 for x in samples[i * frame : (i + 1) * frame]) / frame
        levels.append(20 * np.log10(np.sqrt(power) + 1e-12))
    if not levels:
        return np.asarray(samples, dtype=np.float64)
    end = frame * max(i + 1 for i, level in enumerate(levels) if level > max(levels) - 35)
    kept = [float(x) for x in samples[:end]]
    fade = min(int(0.02 * rate_hz), end)
    for i in range(fade):
        kept[end - fade + i] *= 1 - i / (fade - 1) if fade > 1 else 1
    return np.array(kept + [0.0] * int(0.08 * rate_hz))


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_samples=st.integers(0, 900),
    quiet_from=st.integers(0, 900),
    quiet_db=st.floats(0, 90),
    rate_hz=st.sampled_from([30, 50, 1_000, 2_205, 8_000]),
)
@example(seed=0, n_samples=0, quiet_from=0, quiet_db=0, rate_hz=8_000)
@example(seed=0, n_samples=159, quiet_from=0, quiet_db=0, rate_hz=8_000)
@example(seed=0, n_samples=160, quiet_from=0, quiet_db=0, rate_hz=8_000)
def test_the_end_is_cut_faded_and_padded_as_the_naive_rule_says(seed, n_samples, quiet_from, quiet_db, rate_hz):
    samples = np.random.default_rng(seed).uniform(-1, 1, n_samples).astype(np.float32)
    samples[quiet_from:] *= np.float32(10 ** (-quiet_db / 20))
    before = samples.copy()
    assert_close(end_on_pause(samples, rate_hz), naive_end_on_pause(samples, rate_hz))
    assert np.array_equal(samples, before)


def test_speech_then_silence_ends_on_80_ms_of_zeros():
    samples = np.concatenate([tones(24_000)[:, 0], np.zeros(24_000)]).astype(np.float32)
    ended = end_on_pause(samples, 24_000)
    assert len(ended) == 24_000 + 1920
    assert not ended[24_000:].any()
    assert np.array_equal(ended[: 24_000 - 480], samples[: 24_000 - 480])


# Writing


def test_samples_are_clamped_and_cut_toward_zero():
    samples = np.array([0, 1, -1, 1.5, -7, np.inf, 0.6 / 32767, -0.6 / 32767, 1.9 / 32767], np.float32)
    assert to_int16(samples).tolist() == [0, 32767, -32767, 32767, -32767, 32767, 0, 0, 1]
    assert to_int16(samples).dtype == np.int16


def test_nan_is_never_written():
    with pytest.raises(ValueError, match="NaN instead of samples"):
        to_int16(np.array([0.0, np.nan]))


class Pipe(io.BytesIO):
    """A file that only grows."""

    def seekable(self):
        return False

    def tell(self):
        raise OSError(errno.ESPIPE, "Illegal seek")

    def seek(self, offset, whence=0):
        raise OSError(errno.ESPIPE, "Illegal seek")


def streamed(file, samples, cuts=()):
    stream = WavStream(file, 24_000)
    for part in np.split(samples, sorted(cuts)):
        stream.write(part)
    stream.close()
    return file.getvalue()


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 500), max_size=6))
def test_a_stream_does_not_depend_on_how_it_was_cut(cuts):
    samples = np.random.default_rng(0).normal(0, 0.5, 500).astype(np.float32)
    assert streamed(io.BytesIO(), samples, cuts) == streamed(io.BytesIO(), samples)
    assert streamed(Pipe(), samples, cuts) == streamed(Pipe(), samples)


def test_a_finished_file_has_the_header_that_the_wave_module_writes():
    samples = tones()[:, 0]
    wanted = io.BytesIO()
    with wave.open(wanted, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(to_int16(samples).tobytes())
    assert streamed(io.BytesIO(), samples) == wanted.getvalue()


def test_a_pipe_keeps_the_huge_length():
    content = streamed(Pipe(), tones()[:, 0])
    assert struct.unpack_from("<I", content, 4) == (0x7FFFF024,)
    assert struct.unpack_from("<I", content, 40) == (0x7FFFF000,)
    assert content[44:] == to_int16(tones()[:, 0]).tobytes()


def test_a_stream_may_begin_behind_other_bytes():
    file = io.BytesIO()
    file.write(b"before")
    assert streamed(file, tones()[:, 0]) == b"before" + streamed(io.BytesIO(), tones()[:, 0])


def test_a_length_over_four_gigabytes_stays_in_the_header():
    assert struct.unpack_from("<I", wav._wav_header(24_000, 2**33), 4) == (0xFFFFFFFF,)


def test_what_is_written_can_be_read(tmp_path):
    samples = tones()[:, 0]
    write_wav(tmp_path / "a.wav", samples, 24_000)
    got, rate_hz = read_audio(tmp_path / "a.wav")
    assert rate_hz == 24_000
    assert np.abs(got - samples).max() <= 2 / 32768
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


# Files that appear only once complete


def write_half(target, error):
    with replacing_file(target) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
@pytest.mark.parametrize("existing", [b"old", None])
def test_a_failure_leaves_the_target_as_it_was(tmp_path, error, existing):
    target = tmp_path / "a.wav"
    if existing is not None:
        target.write_bytes(existing)
    with pytest.raises(type(error)) as caught:
        write_half(target, error)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([existing] if existing else [])
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(target)


def test_until_the_end_the_target_is_as_it_was(tmp_path):
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")
    with replacing_file(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_a_replaced_file_keeps_its_mode_and_its_link(tmp_path):
    target, link = tmp_path / "a.wav", tmp_path / "link.wav"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with replacing_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_the_longest_name_can_be_replaced(tmp_path):
    target = tmp_path / ("n" * 255)
    with replacing_file(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


def test_a_pipe_is_written_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replacing_file(pipe) as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_that_has_no_name_is_written(tmp_path):
    """As the shell's >(player) and /dev/stdout are."""
    reader, writer = os.pipe()
    with replacing_file(f"/dev/fd/{writer}") as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    os.close(writer)


@pytest.fixture
def not_root(monkeypatch):
    """Let permissions count as for the owner of all files, whoever runs the tests."""

    def access(path, mode):
        return Path(path).stat().st_mode >> 6 & mode == mode

    rename = Path.replace

    def replace(path, target):
        if not access(target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied", str(path), None, str(target))
        rename(path, target)

    monkeypatch.setattr(writing.os, "access", access)
    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.usefixtures("not_root")
def test_a_file_that_is_not_to_be_changed_is_refused_first(tmp_path):
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")
    target.chmod(0o444)
    for begin in (lambda: require_writable(target), lambda: replacing_file(target).__enter__()):
        with pytest.raises(PermissionError, match=r"a\.wav may not be written; take another name"):
            begin()
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


@pytest.mark.usefixtures("not_root")
@pytest.mark.parametrize("new", [b"n", b"new and longer"])
def test_a_file_in_a_folder_that_takes_no_new_ones_is_written_over(tmp_path, monkeypatch, new):
    target, elsewhere = tmp_path / "folder" / "a.wav", tmp_path / "elsewhere"
    target.parent.mkdir()
    elsewhere.mkdir()
    target.write_bytes(b"older")
    target.parent.chmod(0o555)
    monkeypatch.setattr(writing.tempfile, "gettempdir", lambda: str(elsewhere))
    require_writable(target)
    with pytest.raises(ValueError, match="no"):
        write_half(target, ValueError("no"))
    assert target.read_bytes() == b"older"
    with replacing_file(target) as file:
        file.write(new)
        assert target.read_bytes() == b"older"
    assert target.read_bytes() == new
    assert list(elsewhere.iterdir()) == []
    target.parent.chmod(0o755)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EPERM])
def test_a_mounted_file_is_written_over(tmp_path, monkeypatch, number):
    """It cannot be renamed, nor can another user's in a folder such as /tmp."""
    target = tmp_path / "a.wav"
    target.write_bytes(b"older")
    inode = target.stat().st_ino

    def replace(path, target):
        raise OSError(number, os.strerror(number), str(path), None, str(target))

    monkeypatch.setattr(Path, "replace", replace)
    with replacing_file(target) as file:
        file.write(b"new")
    assert (target.read_bytes(), target.stat().st_ino) == (b"new", inode)
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(OSError) as caught, replacing_file(tmp_path / "b.wav") as file:  # noqa: PT011
        file.write(b"new")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "b.wav"), None)


def test_a_folder_or_a_missing_folder_is_no_target(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"), replacing_file(tmp_path):
        pass
    with pytest.raises(FileNotFoundError, match="there is no folder"), replacing_file(tmp_path / "x" / "a.wav"):
        pass


def test_an_error_on_creation_names_the_target(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(writing, "_create", refuse)
    with pytest.raises(PermissionError) as caught, replacing_file(tmp_path / "a.wav"):
        pass
    assert caught.value.filename == str(tmp_path / "a.wav")
