"""Voices: from recordings, to files and back, and what is said about files that are none."""

import dataclasses
import json
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file, save, save_file

from pockettts_np import export_model_state
from pockettts_np.audio.recording import end_on_pause
from pockettts_np.audio.resampling import resample
from pockettts_np.commands.inspection.info import describe
from pockettts_np.files.memory import InMemoryFile
from pockettts_np.loading.voice import load_voice
from pockettts_np.modules.attention import KVCache
from pockettts_np.weights.safetensors_file import SafetensorsFile
from tests.support.helpers import GOLDEN, assert_close
from tests.support.random_models import small_model

pytestmark = pytest.mark.numerics

REF_WAV = GOLDEN.parent.parent / "ref.wav"
RATE_HZ = 24_000
MODEL = small_model()
CACHE, OFFSET, PAD, END = (
    f"transformer.layers.{{}}.self_attn/{key}" for key in ("cache", "offset", "pad", "current_end")
)


def assert_same_voice(got: KVCache, want: KVCache) -> None:
    assert (got.n_rows, got.position) == (want.n_rows, want.position)
    assert np.array_equal(got.rows(), want.rows())


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """The part of ref.wav from 1 s on, 0.6 s long: 30 frames of the pause rule, the last one loud."""
    samples, _ = soundfile.read(REF_WAV, start=RATE_HZ, frames=14_400, dtype="float32")
    return samples


@pytest.fixture(scope="module")
def voice(speech) -> KVCache:
    return MODEL.get_state_for_audio_prompt(speech)


@pytest.fixture
def saved(voice, tmp_path) -> dict[str, np.ndarray]:
    """The tensors of a voice file, to be changed."""
    export_model_state(voice, tmp_path / "saved.safetensors")
    return load_file(tmp_path / "saved.safetensors")


@pytest.fixture
def load(tmp_path):
    def load(tensors: dict[str, np.ndarray], model=MODEL) -> KVCache:
        path = tmp_path / "voice.safetensors"
        save_file({name: np.array(tensor, order="C") for name, tensor in tensors.items()}, path)
        return model.get_state_for_audio_prompt(path)

    return load


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(("maker", "warns"), [("english", True), ("lsd", False), (None, False), ("", False)])
def test_a_voice_of_another_model_of_the_same_sizes_is_told_by_its_name(voice, tmp_path, caplog, maker, warns):
    path = tmp_path / "v.safetensors"
    export_model_state(voice, path, maker)
    assert MODEL.get_state_for_audio_prompt(path).n_rows == voice.n_rows
    assert ("was made with the model english, and this is lsd" in caplog.text) == warns
    assert describe(SafetensorsFile(path)).get("made_with") == (maker or None)


def test_a_voice_file_holds_what_the_reference_wants(voice, saved):
    n_layers, n_heads, head_dim = voice.sizes
    assert set(saved) == {name.format(i) for i in range(n_layers) for name in (CACHE, OFFSET, PAD)}
    for i in range(n_layers):
        cache, offset, pad = (saved[name.format(i)] for name in (CACHE, OFFSET, PAD))
        assert (cache.dtype, cache.shape) == (np.float32, (2, 1, voice.n_rows, n_heads, head_dim))
        assert np.array_equal(cache[:, 0], voice.rows()[i])
        assert (offset.dtype, pad.dtype) == (np.int64, np.int64)
        assert (offset.tolist(), pad.tolist()) == ([voice.n_rows], [0])


@pytest.mark.parametrize("address", [str, lambda path: path])
def test_a_saved_voice_is_the_voice(voice, tmp_path, address):
    export_model_state(voice, tmp_path / "v.safetensors")
    assert_same_voice(MODEL.get_state_for_audio_prompt(address(tmp_path / "v.safetensors")), voice)


def test_unused_rows_are_not_saved(voice, tmp_path):
    export_model_state(voice, tmp_path / "a.safetensors")
    export_model_state(voice.copy(spare_rows=40), tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_loaded_voice_speaks_as_the_one_in_memory(voice, tmp_path):
    export_model_state(voice, tmp_path / "v.safetensors")
    loaded = load_voice(tmp_path / "v.safetensors", MODEL.flow_lm)
    model = dataclasses.replace(MODEL, threads=1)  # then the decoder gets its latents in equal batches
    want = model.generate_audio(voice, "Hello.", frames_after_eos=0, noise=1)
    assert np.array_equal(model.generate_audio(loaded, "Hello.", frames_after_eos=0, noise=1), want)


def test_rows_that_hold_nothing_are_left_out_but_counted(voice, saved, load, tmp_path):
    """The reference pads with NaN behind the rows, and before them when it has shared a batch."""
    for i in range(2):
        cache = saved[CACHE.format(i)]
        nothing = np.full((2, 1, 3, *cache.shape[3:]), np.nan, np.float32)
        saved[CACHE.format(i)] = np.concatenate([nothing, cache, nothing], axis=2)
        saved[PAD.format(i)] += 3
        saved[OFFSET.format(i)] += 3
    padded = load(saved)
    assert_same_voice(padded, KVCache.from_rows(voice.rows(), voice.n_rows + 3))
    export_model_state(padded, tmp_path / "again.safetensors")
    again = load_file(tmp_path / "again.safetensors")
    assert np.array_equal(again[CACHE.format(1)], saved[CACHE.format(1)][:, :, : 3 + voice.n_rows], equal_nan=True)
    assert again[PAD.format(0)] == 3
    assert_same_voice(load(again), padded)


def test_files_without_pad_have_none(voice, saved, load):
    assert_same_voice(load({name: tensor for name, tensor in saved.items() if "pad" not in name}), voice)


def test_older_files_tell_their_length_by_the_shape_of_current_end(voice, saved, load):
    older = {CACHE.format(i): saved[CACHE.format(i)] for i in range(2)}
    older |= {END.format(i): np.zeros(voice.n_rows - 1, np.float32) for i in range(2)}
    assert_same_voice(load(older), KVCache.from_rows(voice.rows()[:, :, :-1], voice.n_rows - 1))


@pytest.mark.parametrize("name", ["lsd", "wide"])
def test_the_oldest_files_hold_the_voice_before_it_was_read(load, name):
    """Models with a row for the beginning of a voice put it first."""
    model = small_model(name)
    prompt = np.random.default_rng(0).standard_normal((1, 5, 16)).astype(np.float32)
    got = load({"audio_prompt": prompt}, model)
    want = model.flow_lm.init_state()
    if model.config.flow_lm.insert_bos_before_voice:
        model.flow_lm.prompt(model.flow_lm.bos_before_voice, want)
    model.flow_lm.prompt(prompt[0], want)
    assert got.position == want.position == 5 + (name == "lsd")
    assert_close(got.rows(), want.rows())


def test_a_voice_file_may_be_stored_in_half_precision(voice, saved, load):
    half = {name: t.astype(np.float16) if t.dtype == np.float32 else t for name, t in saved.items()}
    assert_close(load(half).rows(), voice.rows(), 2**-11)


# ---------------------------------------------------------------- another model's voice


@pytest.mark.parametrize("other", ["grouped", "drifting"])
def test_a_voice_of_other_heads_is_refused(saved, load, other):
    model = small_model(other)
    if other == "grouped":
        with pytest.raises(ValueError, match=r"another model: .*/cache' has shape .*wants \[2, 1, T, 2, 4\]"):
            load(saved, model)
    else:  # equal sizes cannot be told apart
        assert load(saved, model).n_rows > 0


def test_a_voice_of_other_layers_is_refused(saved, load):
    saved["transformer.layers.2.self_attn/cache"] = saved[CACHE.format(0)]
    with pytest.raises(ValueError, match="the voice of another model: it has 3 layers, this model 2"):
        load(saved)


@pytest.mark.parametrize("shape", [(1, 5, 12), (2, 5, 16), (1, 0, 16), (5, 16)])
def test_a_prompt_of_another_width_is_refused(load, shape):
    with pytest.raises(ValueError, match=r"another model: 'audio_prompt' has shape .* wants \[1, T, 16\]"):
        load({"audio_prompt": np.zeros(shape, np.float32)})


def test_generating_with_another_model_s_voice_is_refused_before_the_first_chunk(voice):
    with pytest.raises(ValueError, match="belongs to another model: it has 2 layers with 2 heads of 8; this model has"):
        small_model("grouped").generate_audio_stream(voice, "Hello.")


# ---------------------------------------------------------------- damage


def change(saved, name, value):
    return saved | {name.format(0): value}


def without(saved, name):
    return {key: tensor for key, tensor in saved.items() if key != name.format(0)}


DAMAGE = {
    "not a voice: it holds no attention cache": lambda s: {"weight": np.ones(3)},
    "not a voice: it lacks the number '.*layers.0.self_attn/offset'": lambda s: without(s, OFFSET),
    "another model: it has 1 layers": lambda s: without(s, CACHE),
    "'.*offset' is float32 of shape": lambda s: change(s, OFFSET, np.array([np.inf], np.float32)),
    r"'.*offset' is int64 of shape \[2\]; wanted one int64": lambda s: change(s, OFFSET, np.array([3, 3])),
    r"'.*pad' is int64 of shape \[0\]": lambda s: change(s, PAD, np.zeros(0, np.int64)),
    "room for 10 rows, but says that rows 0 to 99 are filled": lambda s: change(s, OFFSET, np.array([99])),
    "says that rows 0 to 0 are filled": lambda s: change(s, OFFSET, np.array([0])),
    "says that rows 0 to -1 are filled": lambda s: change(s, OFFSET, np.array([-1])),
    "says that rows -1 to": lambda s: change(s, PAD, np.array([-1])),
    "says that rows 4 to 4": lambda s: change(change(s, PAD, np.array([4])), OFFSET, np.array([4])),
    "its layers differ in length": lambda s: change(s, OFFSET, np.array([3])),
    "layer 0 hold NaN": lambda s: change(s, CACHE, np.where(s[CACHE.format(0)] > 1, np.nan, s[CACHE.format(0)])),
    "layer 0 hold NaN or infinity": lambda s: change(s, CACHE, s[CACHE.format(0)] * np.float64(1e300)),
    r"wants \[2, 1, T, 2, 8\]": lambda s: change(s, CACHE, s[CACHE.format(0)][0]),
    "lacks the number": lambda s: without(s, OFFSET) | {END.format(0): np.array(3)},
    "'audio_prompt' holds NaN or infinity": lambda s: {"audio_prompt": np.full((1, 2, 16), np.inf, np.float32)},
    r"layer 0 hold numbers as large as 1e\+30": lambda s: change(s, CACHE, np.full_like(s[CACHE.format(0)], 1e30)),
    r"'audio_prompt' holds numbers as large as 2e\+05": lambda s: {"audio_prompt": np.full((1, 2, 16), 2e5)},
}


@pytest.mark.parametrize("sentence", DAMAGE)
def test_what_is_wrong_with_a_voice_file_is_said(saved, load, sentence):
    with pytest.raises(ValueError, match=rf"voice\.safetensors.*{sentence}"):
        load(DAMAGE[sentence](saved))


def test_a_voice_file_cut_short_is_refused(voice, tmp_path):
    path = tmp_path / "v.safetensors"
    export_model_state(voice, path)
    content = path.read_bytes()
    for n in [0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:n])
        with pytest.raises(ValueError, match=r"v\.safetensors"):
            MODEL.get_state_for_audio_prompt(path)


def prompt_of(n_rows):
    """A voice before the model has read it, as a file in memory."""
    return InMemoryFile("The voice", save({"audio_prompt": np.zeros((1, n_rows, 16), np.int8)}))


def test_a_voice_may_be_bounded_in_rows(voice, tmp_path):
    export_model_state(voice, tmp_path / "v.safetensors")
    assert load_voice(tmp_path / "v.safetensors", MODEL.flow_lm, max_rows=voice.n_rows).n_rows == voice.n_rows
    limit = voice.n_rows - 1
    for file, n_rows in [(tmp_path / "v.safetensors", voice.n_rows), (prompt_of(100_000), 100_000)]:
        with pytest.raises(ValueError, match=rf"is too long: it has {n_rows} rows.*; wanted at most {limit}"):
            load_voice(file, MODEL.flow_lm, max_rows=limit)


def test_the_table_of_a_voice_file_is_small():
    many = save({f"tensor {i}": np.zeros(0) for i in range(20_000)})
    with pytest.raises(ValueError, match="is not a safetensors file"):
        load_voice(InMemoryFile("The voice", many), MODEL.flow_lm)


def test_layers_that_share_their_bytes_are_no_voice(saved):
    rows, names = saved[CACHE.format(0)], [CACHE.format(i) for i in range(2)]
    entry = {"dtype": "F32", "shape": rows.shape, "data_offsets": [0, rows.nbytes]}
    table = json.dumps(dict.fromkeys(names, entry)).encode()
    with pytest.raises(ValueError, match="share bytes"):
        load_voice(InMemoryFile("The voice", len(table).to_bytes(8, "little") + table + rows.tobytes()), MODEL.flow_lm)


@pytest.mark.parametrize(
    "given", [prompt_of(3).content, REF_WAV, np.sin(np.arange(RATE_HZ, dtype=np.float32))], ids=type
)
def test_a_voice_that_nobody_wants_any_more_is_not_made(given):
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        MODEL.get_state_for_audio_prompt(given, stop=stop)


def test_a_missing_voice_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nobody\.safetensors"):
        MODEL.get_state_for_audio_prompt(tmp_path / "nobody.safetensors")


def test_a_voice_without_rows_is_seen_but_not_saved(tmp_path):
    """That of a model without a learnt beginning, which no file can hold."""
    model = small_model("wide")
    empty = model.get_initial_state()
    assert empty.rows().shape == (2, 2, 0, *empty.sizes[1:])
    assert empty.key_rows(0, 0).shape == (0, empty.sizes[2])
    with pytest.raises(ValueError, match="holds no rows"):
        export_model_state(empty, tmp_path / "v.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_only_a_voice_is_saved(tmp_path):
    with pytest.raises(TypeError, match="The voice is a dict; wanted what get_state_for_audio_prompt returns"):
        export_model_state({}, tmp_path / "v.safetensors")


def test_a_voice_that_cannot_be_written_leaves_nothing(voice, tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot be written"):
        export_model_state(voice, tmp_path / "none" / "v.safetensors")
    with pytest.raises(IsADirectoryError):
        export_model_state(voice, tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- from recordings


def clone(samples, path, rate_hz=RATE_HZ, subtype="PCM_16") -> KVCache:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return MODEL.get_state_for_audio_prompt(path)


@pytest.mark.parametrize("name", ["v.wav", "v.flac"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_lossless_files_are_the_samples_they_hold(speech, voice, tmp_path, name, n_channels):
    assert_same_voice(clone(np.stack([speech] * n_channels, axis=1), tmp_path / name), voice)


def test_ref_wav_is_a_voice(tmp_path):
    """Ten seconds: 12.5 rows a second, and one for the beginning."""
    encoder = Listener()
    model = dataclasses.replace(MODEL, encoder=encoder)
    assert model.get_state_for_audio_prompt(str(REF_WAV)).n_rows == 2
    samples, _ = soundfile.read(REF_WAV, dtype="float32")
    assert np.array_equal(encoder.heard, end_on_pause(samples, RATE_HZ))
    assert 9 * RATE_HZ < len(encoder.heard) <= len(samples) + 0.08 * RATE_HZ


@pytest.mark.parametrize(
    ("subtype", "rate_hz", "tol"),
    [
        ("PCM_24", 24_000, 0),  # ref.wav has 16 bits
        ("FLOAT", 24_000, 0),
        ("PCM_U8", 24_000, 0.01),  # noise of 1/256 of full scale; a random codec was seen to make 0.003 of it
        ("FLOAT", 48_000, 0.001),  # two filters shave the band's upper edge: 0.0001 was seen
        ("FLOAT", 44_100, 0.001),
    ],
)
def test_other_widths_and_rates_make_nearly_the_same_voice(speech, voice, tmp_path, subtype, rate_hz, tol):
    got = clone(resample(speech, RATE_HZ, rate_hz), tmp_path / "v.wav", rate_hz, subtype)
    assert got.n_rows == voice.n_rows
    assert_close(got.rows(), voice.rows(), tol)


def test_channels_are_averaged(speech, voice):
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, len(speech)).astype(np.float32)
    got = MODEL.get_state_for_audio_prompt(np.stack([speech + noise, speech - noise]))
    assert_close(got.rows(), voice.rows())
    assert_same_voice(MODEL.get_state_for_audio_prompt(speech.astype(np.float64)), voice)


class Listener:
    """Stands in for the encoder: remembers what it heard, and makes one row of it."""

    def __call__(self, samples: np.ndarray, threads: int, stop: threading.Event | None) -> np.ndarray:
        self.heard = samples
        return np.ones((1, MODEL.config.mimi.encoder_dim), np.float32)


def heard(source, **options) -> np.ndarray:
    listener = Listener()
    dataclasses.replace(MODEL, encoder=listener).get_state_for_audio_prompt(source, **options)
    return listener.heard


def test_silence_at_the_end_changes_nothing(speech):
    want = heard(speech)
    for n in (1, 480, 24_000):
        assert np.array_equal(heard(np.concatenate([speech, np.zeros(n, np.float32)])), want)
    assert np.array_equal(want[-1920:], np.zeros(1920))  # 80 ms


def test_truncation_keeps_thirty_seconds(tmp_path):
    samples, _ = soundfile.read(REF_WAV, dtype="float32")
    long = np.tile(samples, 3)
    soundfile.write(tmp_path / "v.wav", long, RATE_HZ)
    assert len(long) > 31 * RATE_HZ
    assert np.array_equal(heard(tmp_path / "v.wav"), heard(long))
    assert np.array_equal(heard(tmp_path / "v.wav", truncate=True), heard(long[: 30 * RATE_HZ]))
    assert np.array_equal(heard(REF_WAV, truncate=True), heard(samples))
    assert np.array_equal(heard(long, truncate=True), heard(long[: 30 * RATE_HZ]))


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros(100, np.int16), "samples are int16; wanted floating-point"),
        (np.zeros(0, np.float32), r"shape \[0\]; wanted \[n\] or \[channels, n\]"),
        (np.zeros((1, 2, 3), np.float32), r"shape \[1, 2, 3\]"),
        (np.array(0.5), r"shape \[\]"),
        (np.full(100, np.nan, np.float32), "hold NaN or infinity"),
        (np.full(100, 1e300), "hold NaN or infinity"),  # in float32
        (np.zeros(100, bool), "samples are bool"),
        (np.zeros(100, complex), "samples are complex128"),
        (np.zeros((24_000, 2), np.float32), r"shape \[24000, 2\]; .* channels come last.*give samples\.T"),
        (np.zeros((24_000, 1)), r"give samples\.T"),
        (np.zeros(24_000), "The recording is silent"),
        (np.linspace(-1000, 1000, 24_000), "The recording has samples up to 1000, but full scale is 1"),
        (np.broadcast_to(np.float32(0.5), 301 * 24_000), "The recording lasts 301 seconds, and a voice may have 300"),
    ],
)
def test_samples_that_are_no_recording_are_refused(samples, sentence):
    with pytest.raises(ValueError, match=sentence):
        MODEL.get_state_for_audio_prompt(samples)


def test_files_that_are_no_recording_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nobody\.wav"):
        MODEL.get_state_for_audio_prompt(tmp_path / "nobody.wav")
    (tmp_path / "text.wav").write_text("Not audio.")
    with pytest.raises(ValueError, match=r"text\.wav cannot be read"):
        MODEL.get_state_for_audio_prompt(tmp_path / "text.wav")
    with pytest.raises(ValueError, match="is silent"):
        clone(np.zeros(24_000), tmp_path / "silent.wav")


# ---------------------------------------------------------------- who can clone


@pytest.mark.parametrize(
    ("part", "why"),
    [("encoder", "weights come without an encoder"), ("speaker_projection", "speaker projection is empty")],
)
def test_a_model_that_cannot_clone_says_so_in_one_sentence(part, why, speech):
    if part == "encoder":
        mute = dataclasses.replace(MODEL, encoder=None)
    else:
        mute = dataclasses.replace(MODEL, flow_lm=dataclasses.replace(MODEL.flow_lm, speaker_projection=None))
    assert MODEL.has_voice_cloning
    assert not mute.has_voice_cloning
    for source in (speech, REF_WAV, str(REF_WAV)):
        with pytest.raises(ValueError, match=f"cannot clone a voice: its {why}.*Use a catalogue voice.*saved") as error:
            mute.get_state_for_audio_prompt(source)
        assert "\n" not in str(error.value)


def test_a_catalogue_voice_is_for_released_models_only():
    with pytest.raises(ValueError, match="'alba' was made with the weights of a released model"):
        MODEL.get_state_for_audio_prompt("alba")


# ---------------------------------------------------------------- in memory


def test_a_voice_is_the_same_from_bytes_as_from_a_file(voice, speech, tmp_path):
    export_model_state(voice, tmp_path / "saved.safetensors")
    saved = MODEL.get_state_for_audio_prompt((tmp_path / "saved.safetensors").read_bytes())
    assert_same_voice(saved, voice)
    soundfile.write(tmp_path / "speech.flac", speech, RATE_HZ)
    cloned = MODEL.get_state_for_audio_prompt((tmp_path / "speech.flac").read_bytes())
    assert_same_voice(cloned, MODEL.get_state_for_audio_prompt(tmp_path / "speech.flac"))
    assert cloned.keys.flags.writeable


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_bytes_are_the_content_of_a_file(voice, tmp_path, kind):
    export_model_state(voice, tmp_path / "saved.safetensors")
    content = kind((tmp_path / "saved.safetensors").read_bytes())
    assert_same_voice(MODEL.get_state_for_audio_prompt(content), voice)


@pytest.mark.parametrize("given", [None, 7, [0.0, 0.1], {"voice": "alba"}, MODEL])
def test_what_can_be_no_voice_is_no_path(given):
    with pytest.raises(TypeError, match=f"The voice is a {type(given).__name__}; wanted a catalogue name, a path"):
        MODEL.get_state_for_audio_prompt(given)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "^The voice is empty: 0 bytes"),
        (b"nothing of the kind", "^The voice cannot be read: it is damaged"),
        ((2).to_bytes(8, "little") + b"{}", "^The voice is not a voice: it holds no attention cache"),
        ((9).to_bytes(8, "little") + b'{"', "^The voice is not a safetensors file, or it was cut short"),
    ],
)
def test_bytes_that_are_no_voice_are_refused(content, sentence):
    with pytest.raises(ValueError, match=sentence):
        MODEL.get_state_for_audio_prompt(content)
