"""Memory: what is not needed is not read, work goes in blocks, and nothing grows however long a program speaks."""

import contextlib
import dataclasses
import gc
import mmap
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pockettts_np import TTSModel, export_model_state
from pockettts_np.config.tensors import MatrixStack
from pockettts_np.kernels.panels import NumberType
from pockettts_np.loading import single_file
from pockettts_np.loading.single_file import quantized_tensors
from pockettts_np.model import quantize_model
from pockettts_np.weights.checkpoint import Weights, open_checkpoint
from pockettts_np.weights.packing import stacked_panels
from pockettts_np.weights.safetensors_file import SafetensorsFile
from pockettts_np.weights.storage import Storage
from tests.support.helpers import GOLDEN, assert_close
from tests.support.random_models import small_model

ENCODER = ("mimi.encoder.", "mimi.encoder_transformer.", "mimi.downsample.")
RECORDING = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
KILOBYTE, MEGABYTE = 1_000, 1_000_000
FRAME_SAMPLES = 1920


@pytest.fixture
def own_model(tmp_path):
    """Writes lsd.toml with changed tensors and returns its path."""

    def write(change=lambda tensors: tensors) -> Path:
        tensors = change(load_file(GOLDEN / "lsd.safetensors"))
        save_file(
            {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, tmp_path / "lsd.safetensors"
        )
        toml = (GOLDEN / "lsd.toml").read_text(encoding="utf-8")
        toml = toml.replace('"tokenizer.model"', f"'{(GOLDEN / 'tokenizer.model').as_posix()}'")
        (tmp_path / "lsd.toml").write_text(toml, encoding="utf-8")
        return tmp_path / "lsd.toml"

    return write


# ---------------------------------------------------------------- the encoder is read when a voice is cloned


@pytest.fixture
def read_tensors(monkeypatch):
    """Names of the tensors that were read from a file."""
    names = []
    raw = SafetensorsFile.raw
    monkeypatch.setattr(SafetensorsFile, "raw", lambda file, name: (names.append(name), raw(file, name))[1])
    return names


@pytest.mark.parametrize("one_file", [False, True])
def test_who_speaks_with_a_saved_voice_never_reads_the_encoder(own_model, tmp_path, read_tensors, one_file):
    config = own_model()
    if one_file:
        quantize_model(tmp_path / "model.safetensors", config=config)
        config = tmp_path / "model.safetensors"
    other = TTSModel.load_model(config=config)
    export_model_state(other.get_state_for_audio_prompt(RECORDING), tmp_path / "voice.safetensors")
    del read_tensors[:]
    model = TTSModel.load_model(config=config)
    voice = model.get_state_for_audio_prompt(tmp_path / "voice.safetensors")
    next(model.generate_audio_stream(voice, "Hello.", noise=0))
    assert [name for name in read_tensors if name.startswith(ENCODER)] == []
    assert model.has_voice_cloning
    model.get_state_for_audio_prompt(RECORDING)
    read_once = [name for name in read_tensors if name.startswith(ENCODER)]
    assert {name for name in SafetensorsFile(tmp_path / "lsd.safetensors").names() if name.startswith(ENCODER)} == set(
        read_once
    )
    model.get_state_for_audio_prompt(RECORDING)
    assert [name for name in read_tensors if name.startswith(ENCODER)] == read_once


@pytest.mark.parametrize("name", ["mimi.encoder.model.0.conv.weight", "mimi.downsample.conv.conv.weight"])
def test_a_damaged_encoder_is_refused_when_the_model_is_loaded(own_model, name):
    with pytest.raises(ValueError, match=f"{name}.*is missing"):
        TTSModel.load_model(config=own_model(lambda t: {key: value for key, value in t.items() if key != name}))
    with pytest.raises(ValueError, match=f"{name}.*has shape"):
        TTSModel.load_model(config=own_model(lambda t: t | {name: t[name][:-1]}))
    with pytest.raises(ValueError, match=f"{name}.*has type"):
        TTSModel.load_model(config=own_model(lambda t: t | {name: t[name].astype(np.uint16)}))
    with pytest.raises(ValueError, match="has no place for"):
        TTSModel.load_model(config=own_model(lambda t: t | {"mimi.encoder.spare": t[name]}))


def test_a_bad_number_in_the_encoder_is_found_when_it_is_read(own_model, tmp_path):
    def spoil(tensors):
        tensors["mimi.encoder.model.0.conv.weight"].flat[0] = np.nan
        return tensors

    config = own_model(spoil)
    model = TTSModel.load_model(config=config)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"encoder\.model\.0\.conv\.weight' holds NaN"):
            model.get_state_for_audio_prompt(RECORDING)
    with pytest.raises(ValueError, match=r"encoder\.model\.0\.conv\.weight' holds NaN"):
        quantize_model(tmp_path / "model.safetensors", config=config)
    assert not (tmp_path / "model.safetensors").exists()


def test_the_first_clones_of_several_threads_are_alike(own_model):
    model = TTSModel.load_model(config=own_model())
    with ThreadPoolExecutor(3) as pool:
        voices = list(pool.map(lambda _: model.get_state_for_audio_prompt(RECORDING[:2000]).rows(), range(3)))
    for rows in voices:
        assert np.array_equal(rows, voices[0])


def test_the_first_clone_gives_back_what_it_read_and_nothing_that_others_speak_with(own_model, monkeypatch):
    model = TTSModel.load_model(config=own_model())
    released, release = [], SafetensorsFile.release
    monkeypatch.setattr(SafetensorsFile, "release", lambda file, name: (released.append(name), release(file, name))[1])
    model.get_state_for_audio_prompt(RECORDING)
    assert set(released) == {name for name in model.files[0].names() if name.startswith(ENCODER)}


# ---------------------------------------------------------------- weights


def test_pages_that_were_released_leave_the_memory(tmp_path):
    """Where the system tells: Linux."""
    save_file({"a": np.ones(4_000_000, np.float32)}, tmp_path / "a.safetensors")
    file = SafetensorsFile(tmp_path / "a.safetensors")
    file.float32("a").sum()
    before = resident_bytes()
    file.release("a")
    if hasattr(mmap, "MADV_DONTNEED") and before:
        assert before - resident_bytes() > 15 * MEGABYTE


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16, NumberType.INT8])
def test_converting_a_stack_takes_one_matrix_at_a_time(tmp_path, kind):
    """The stack itself, and less than two float32 copies of one matrix beside it."""
    matrix = np.random.default_rng(0).standard_normal((256, 1024)).astype(np.float32)
    save_file({f"{i}.w": matrix for i in range(8)}, tmp_path / "a.safetensors")
    w = Weights("a", open_checkpoint(tmp_path / "a.safetensors"), Storage(stacks=kind))
    tracemalloc.start()
    panels = stacked_panels(w, "{}.w", 8, matrix.shape)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert panels.data.nbytes == 8 * matrix.size * kind.stored.itemsize
    assert peak_bytes - panels.data.nbytes - panels.scale.nbytes < 2 * matrix.nbytes


def test_a_quantised_file_is_written_one_matrix_at_a_time(tmp_path, monkeypatch):
    matrix = np.random.default_rng(0).standard_normal((256, 1024)).astype(np.float32)
    save_file({f"flow_lm.{i}.w": matrix for i in range(8)}, tmp_path / "a.safetensors")
    stack = MatrixStack("flow_lm.{}.w", 8, matrix.shape)
    monkeypatch.setattr(single_file, "language_model_stacks", lambda config: [stack])
    planned = quantized_tensors(Weights("a", open_checkpoint(tmp_path / "a.safetensors")), config=None)
    assert list(planned) == ["flow_lm.*.w", "flow_lm.*.w_scale"]
    tracemalloc.start()
    for tensor in planned.values():
        assert sum(piece.nbytes for piece in tensor.pieces()) == np.prod(tensor.shape) * tensor.dtype.itemsize
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2 * matrix.nbytes


def test_matrices_of_a_model_in_one_file_are_the_file_s_own_pages(own_model, tmp_path):
    quantize_model(tmp_path / "model.safetensors", config=own_model())
    model = TTSModel.load_model(config=tmp_path / "model.safetensors")
    for array in (*model.flow_lm.transformer.weights, *model.flow_lm.flow_net.weights, model.flow_lm.text.table):
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        is_mapped = isinstance(getattr(owner.base, "obj", owner.base), mmap.mmap)
        assert is_mapped or (array.dtype == np.float32 and array.nbytes < 64 * KILOBYTE)
    assert model.flow_lm.transformer.weights.linear1.dtype == np.int8


# ---------------------------------------------------------------- work goes in blocks


@dataclasses.dataclass
class CountingSEANet:
    """Makes silence, and notes how many rows it was given at once."""

    hop_samples: int
    n_rows: list[int]

    def init_state(self) -> None:
        return None

    def __call__(self, x: np.ndarray, state: None) -> np.ndarray:
        self.n_rows.append(len(x))
        return np.zeros((len(x) * self.hop_samples, 1), np.float32)


def test_many_frames_are_decoded_a_few_at_a_time():
    """All that were waiting come in one call, but the largest arrays, near the samples, hold two frames."""
    model = small_model()
    stride = model.config.mimi.frame_stride
    seanet = CountingSEANet(FRAME_SAMPLES // stride, [])
    decoder = dataclasses.replace(model.decoder, head=seanet)
    sound = decoder(np.zeros((9, 4), np.float32), decoder.init_state())
    assert sound.shape == (9 * FRAME_SAMPLES,)
    assert seanet.n_rows == [2 * stride] * 4 + [stride]


def test_decoding_no_frame_makes_no_sound():
    decoder = small_model().decoder
    assert_close(decoder(np.zeros((0, 4), np.float32), decoder.init_state()), np.zeros(0))


# ---------------------------------------------------------------- a long day


def resident_bytes() -> int:
    """Of this process; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    return 0


def test_hundreds_of_utterances_do_not_grow():
    """Spoken to their end, left early or stopped: soon a round of them leaves less than one object an utterance."""
    model = small_model()
    voice = model.get_state_for_audio_prompt(RECORDING)

    def utter(number: int) -> None:
        stop = threading.Event()
        stream = model.generate_audio_stream(voice, "Hello world.", frames_after_eos=0, noise=number, stop=stop)
        if number % 4 == 1:
            next(stream)
            stream.close()
            return
        for _ in stream:
            if number % 4 == 2:
                stop.set()

    n_threads = threading.active_count()
    grown_blocks, grown_bytes = [], []
    for _ in range(5):
        n_blocks, resident = sys.getallocatedblocks(), resident_bytes()
        for number in range(100):
            utter(number)
        gc.collect()
        grown_blocks.append(sys.getallocatedblocks() - n_blocks)
        grown_bytes.append(resident_bytes() - resident)
    # What happens once, such as an import, may fall into any of the rounds; what an utterance leaves is in all of them.
    assert min(grown_blocks) < 100
    assert min(grown_bytes) < MEGABYTE
    assert threading.active_count() == n_threads
