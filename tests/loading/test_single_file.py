"""A model as one file: the same model as `quantize=True` makes, and clear words about files that are none."""

import base64
import contextlib
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from pockettts_np import TTSModel, export_model_state
from pockettts_np.loading import model_source
from pockettts_np.loading.headers import CONFIG_KEY, TOKENIZER_KEY
from pockettts_np.loading.single_file import open_model
from pockettts_np.model import quantize_model
from pockettts_np.weights import safetensors_file
from tests.support.helpers import GOLDEN, assert_close

pytestmark = pytest.mark.numerics

NAMES = ["lsd", "wide", "grouped", "source_filter"]  # wide has tokenizer.json, grouped a decoder of its own


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """Paths of the golden models as single files, by name."""
    folder = tmp_path_factory.mktemp("quantized")
    for name in NAMES:
        quantize_model(folder / f"{name}.safetensors", config=GOLDEN / f"{name}.toml")
    return {name: folder / f"{name}.safetensors" for name in NAMES}


def header(path) -> tuple[dict, int]:
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), 8 + size


def portable(config):
    """A golden configuration as it is stored: its files by name, without folders."""
    table = config.flow_lm.lookup_table
    table = dataclasses.replace(table, tokenizer_path=Path(table.tokenizer_path).name)
    flow_lm = dataclasses.replace(config.flow_lm, lookup_table=table)
    return dataclasses.replace(config, weights_path=Path(config.weights_path).name, flow_lm=flow_lm)


def rewritten(path, target, **metadata):
    """A copy of a model with other metadata; None takes an entry away."""
    table, data_start = header(path)
    entries = table["__metadata__"] | metadata
    table["__metadata__"] = {key: value for key, value in entries.items() if value is not None}
    text = json.dumps(table).encode()
    target.write_bytes(len(text).to_bytes(8, "little") + text + path.read_bytes()[data_start:])
    return target


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_the_model_that_quantising_at_load_makes(quantized, name):
    stored = TTSModel.load_model(config=quantized[name])
    loaded = TTSModel.load_model(config=GOLDEN / f"{name}.toml", quantize=True)
    assert stored.config == portable(loaded.config)
    assert stored.sampling == loaded.sampling
    text = "Hello world, this is it."
    assert stored.tokenizer.encode(text) == loaded.tokenizer.encode(text)
    rows = np.random.default_rng(0).standard_normal((3, loaded.flow_lm.bos.size)).astype(np.float32)
    states = [model.flow_lm.init_state() for model in (stored, loaded)]
    for model, state in zip((stored, loaded), states, strict=True):
        model.flow_lm.prompt(model.flow_lm.text([5, 6, 7]), state)
    for row in rows:
        (z, eos), (want, want_eos) = (m.flow_lm.step(row, s) for m, s in zip((stored, loaded), states, strict=True))
        assert np.array_equal(z, want)
        assert eos == want_eos
    # The file has float16 also where a loaded model keeps float32: in the smallest of the codec's layers.
    sound, want = (m.decoder(rows[:1], m.decoder.init_state()) for m in (stored, loaded))
    # A source-filter decoder then has another pitch, by a thousandth, and its high harmonics soon another phase.
    assert_close(sound, want, 0.5 if name == "source_filter" else 2**-9)


def test_the_file_is_small_and_any_safetensors_reader_reads_it(quantized):
    path = quantized["lsd"]
    assert path.stat().st_size < (GOLDEN / "lsd.safetensors").stat().st_size
    _, data_start = header(path)
    assert data_start % 4096 == 0
    with safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        tokenizer = base64.b64decode(file.metadata()[TOKENIZER_KEY])
    assert tokenizer == (GOLDEN / "tokenizer.model").read_bytes()
    assert str(GOLDEN.parent).encode() not in path.read_bytes()
    matrix, scale = (tensors[f"flow_lm.transformer.layers.*.linear1.weight{part}"] for part in ("", "_scale"))
    assert matrix.dtype == np.int8
    assert scale.shape == (2, 32)
    assert tensors["mimi.decoder.model.0.conv.weight"].dtype == np.float16
    assert tensors["mimi.decoder.model.0.conv.bias"].dtype == np.float32


def test_the_file_stands_alone(quantized, tmp_path, monkeypatch):
    """It can be moved, and needs neither its configuration nor its tokenizer."""
    moved = tmp_path / "model.safetensors"
    moved.write_bytes(quantized["lsd"].read_bytes())
    monkeypatch.chdir(tmp_path)
    model = TTSModel.load_model(config="model.safetensors")
    voice = model.get_state_for_audio_prompt(np.random.default_rng(0).uniform(-0.5, 0.5, 2000).astype(np.float32))
    export_model_state(voice, tmp_path / "voice.safetensors")
    again = model.get_state_for_audio_prompt(tmp_path / "voice.safetensors")
    assert np.array_equal(again.rows(), voice.rows())
    model = dataclasses.replace(model, threads=1)
    assert len(next(model.generate_audio_stream(again, "Hello.", noise=0))) == 1920


def test_a_released_model_stays_one(tmp_path, monkeypatch):
    load_config = model_source.load_config
    released = dataclasses.replace(load_config(GOLDEN / "lsd.toml"), name="english", released=True)
    monkeypatch.setattr(model_source, "load_config", lambda source: released)
    quantize_model(tmp_path / "m.safetensors", "english")
    config, *_ = open_model(tmp_path / "m.safetensors")
    assert config == portable(released)


def test_a_model_with_a_voice_is_mapped_once(tmp_path, monkeypatch):
    """Where a limit counts addresses, a second map of the file is a second model."""
    path, mapped, map_file = tmp_path / "m.safetensors", [], safetensors_file._mapped
    quantize_model(path, config=GOLDEN / "lsd.toml", voice=GOLDEN / "voice_saved.safetensors")
    monkeypatch.setattr(safetensors_file, "_mapped", lambda path: (mapped.append(path), map_file(path))[1])
    assert TTSModel.load_model(config=path).own_voice is not None
    assert mapped == [path]


def test_a_quantised_model_is_not_quantised_again(quantized, tmp_path):
    with pytest.raises(ValueError, match=r"lsd\.safetensors is quantised already"):
        quantize_model(tmp_path / "twice.safetensors", config=quantized["lsd"])
    assert list(tmp_path.iterdir()) == []


def test_language_and_configuration_exclude_each_other(tmp_path):
    with pytest.raises(ValueError, match="Both language and config were given"):
        quantize_model(tmp_path / "m.safetensors", "english", GOLDEN / "lsd.toml")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot be written"):
        quantize_model(tmp_path / "none" / "m.safetensors", config=GOLDEN / "lsd.toml")
    assert list(tmp_path.iterdir()) == []


def test_weights_alone_are_no_model():
    with pytest.raises(ValueError, match=r"lsd\.safetensors holds weights alone\. Name the configuration"):
        TTSModel.load_model(config=GOLDEN / "lsd.safetensors")


NOT_A_CONFIG = ["", "{", "[]", "3", "null", "{}", '{"flow_lm": 3}', "[" * 100_000, 3, ["x"], {}]


@pytest.mark.parametrize("config", NOT_A_CONFIG, ids=range(len(NOT_A_CONFIG)))
def test_damaged_configurations_are_refused(quantized, tmp_path, config):
    path = rewritten(quantized["lsd"], tmp_path / "m.safetensors", **{CONFIG_KEY: config})
    with pytest.raises(ValueError, match=r"m\.safetensors"):
        TTSModel.load_model(config=path)


@pytest.mark.parametrize("tokenizer", ["", "not base64", "AAAA", 3, []])
def test_damaged_tokenizers_are_refused(quantized, tmp_path, tokenizer):
    path = rewritten(quantized["lsd"], tmp_path / "m.safetensors", **{TOKENIZER_KEY: tokenizer})
    with pytest.raises(ValueError, match=r"m\.safetensors(.* tokenizer| holds weights alone)"):
        TTSModel.load_model(config=path)


@pytest.mark.parametrize("metadata", [3, "x", [], None, {CONFIG_KEY: "{}"}])
def test_damaged_metadata_are_refused(tmp_path, metadata):
    text = json.dumps({"__metadata__": metadata}).encode()
    (tmp_path / "m.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ValueError, match=r"m\.safetensors"):
        TTSModel.load_model(config=tmp_path / "m.safetensors")


@given(data=st.data())
@settings(max_examples=40)
def test_a_changed_byte_of_the_header_is_refused_or_harmless(quantized, tmp_path_factory, data):
    content = bytearray(quantized["grouped"].read_bytes())
    size = int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(0, 8 + size - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        TTSModel.load_model(config=path)
