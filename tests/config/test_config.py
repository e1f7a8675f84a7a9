"""Configurations: every released one, the two file formats, and each way that a file can be wrong."""

import dataclasses
import hashlib
import json
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.config.config import Config, FlowConfig
from pockettts_np.config.load import load_config, released_models
from pockettts_np.hub import catalogue
from tests.support.helpers import GOLDEN

LANGUAGES = ("dutch", "english", "french", "german", "italian", "portuguese", "spanish")
# name: layers, d_model, kv heads, z, flow type, encoder width, decoder width, EOS threshold
SIZES = {
    "english": (6, 1024, 16, 1024, "lsd", 32, 512, -4.0),
    "english_2026-01": (6, 1024, 16, 1024, "lsd", 512, 512, -4.0),
    "english_2026-09_24l": (24, 1024, 16, 1024, "lsd", 32, 512, -4.0),
    "english_drifting_26-09": (6, 1024, 16, 1024, "drifting", 32, 512, -4.0),
    "english_18m_2026-10": (8, 512, 8, 64, "drifting", 32, 128, -1.0),
    "english_7m_refl_2026-10": (8, 224, 2, 64, "drifting", 32, 128, -1.0),
    "english_2m_2026-10": (8, 112, 1, 64, "pointwise", 32, 128, -1.0),
    "german_24l": (24, 1024, 16, 1024, "lsd", 32, 512, -4.0),
}
NO_ENCODER = """
[flow_lm]
dtype = "float32"
[flow_lm.flow]
dim = 128
depth = 2
[flow_lm.transformer]
d_model = 192
hidden_scale = 4
max_period = 10000
num_heads = 4
num_layers = 6
[flow_lm.lookup_table]
dim = 192
n_bins = 512
tokenizer = "sentencepiece"
tokenizer_path = "tok.model"
[mimi]
dtype = "float32"
sample_rate = 24000
channels = 1
frame_rate = 12.5
quantizer = { dimension = 32, output_dimension = 128 }
[mimi.decoder_seanet]
dimension = 128
channels = 1
n_filters = 16
n_residual_layers = 1
ratios = [6, 5, 4]
kernel_size = 3
residual_kernel_size = 3
last_kernel_size = 3
dilation_base = 2
pad_mode = "constant"
compress = 2
[mimi.decoder_transformer]
d_model = 128
input_dimension = 128
output_dimensions = [128]
num_heads = 4
num_layers = 2
layer_scale = 0.01
context = 50
dim_feedforward = 384
"""


def tables(config: object) -> object:
    """A configuration as a file would hold it, without what is absent."""
    if not dataclasses.is_dataclass(config):
        return [tables(item) for item in config] if isinstance(config, tuple) else config
    named = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name not in ("name", "released")}
    out = {key: tables(value) for key, value in named.items() if value is not None}
    if "replace_characters" in out:
        out["replace_characters"] = dict(config.replace_characters)
    return out


def write(folder: Path, contents: object, name: str = "my.yaml") -> Path:
    path = folder / name
    text = contents if isinstance(contents, str) else yaml.safe_dump(contents, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


def changed(key: str, value: object, name: str = "english_7m_2026-10") -> dict:
    """A released configuration with the value at the dotted `key` replaced, or removed if it is `...`."""
    whole = tables(load_config(name))
    section = whole
    *path, last = key.split(".")
    for part in path:
        section = section[part]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return whole


def test_27_models_are_released():
    names = released_models()
    assert len(names) == 27
    assert names == sorted(names)
    assert {name for name in names if "english" not in name} == {
        language + size for language in LANGUAGES if language != "english" for size in ("", "_24l")
    }


@pytest.mark.parametrize("name", released_models())
def test_released_models_load(name):
    config = load_config(name)
    assert (config.name, config.released) == (name, True)
    assert config.mimi.has_encoder
    assert (config.mimi.frame_samples, config.mimi.frame_stride, config.mimi.latent_dim) == (1920, 16, 32)
    assert config.mimi.sample_rate == 24000
    assert config.default_temperature == 0.3
    assert config.flow_lm.transformer.num_layers == (24 if "24l" in name else 8 if "m_" in name else 6)
    for address in (config.weights_path, config.weights_path_without_voice_cloning):
        assert address.startswith("hf://kyutai/pocket-tts")
        assert f"/languages/{name}/model.safetensors@" in address
    assert ("‘", "'") in config.replace_characters
    assert config.remove_semicolons == name.startswith(("french", "german"))
    assert config.pad_with_spaces_for_short_inputs == (name == "english_2026-01")
    assert config.flow_lm.insert_bos_before_voice == (name != "english_2026-01")


def fingerprint(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def test_every_value_is_the_reference_s():
    """Hashes of the reference's, recorded by `python -m tools.golden`; it has no times of words, and one way to cut."""
    recorded = json.loads((GOLDEN / "text.json").read_text(encoding="utf-8"))
    configs = {name: tables(load_config(name)) for name in released_models()}
    heads = [config.pop("timestamp_heads") for config in configs.values()]
    assert sum(map(bool, heads)) == 20
    for config in configs.values():
        assert (config.pop("min_frames_before_eos"), config.pop("one_sentence_per_chunk")) == (6, False)
    assert {name: fingerprint(config) for name, config in configs.items()} == recorded["configurations"]
    assert fingerprint(dict(catalogue.VOICES)) == recorded["voices"]


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    config = load_config(name)
    lm, mimi = config.flow_lm, config.mimi
    transformer = lm.transformer
    got = (transformer.num_layers, transformer.d_model, transformer.kv_heads, lm.condition_dim, lm.flow.type)
    got += (mimi.encoder_dim, mimi.decoder_head.dimension, config.default_eos_threshold)
    assert got == SIZES[name]
    assert transformer.head_dim * transformer.num_heads == transformer.q_dim
    assert mimi.decoding_transformer.context == (50 if "m_" in name else 250)
    assert mimi.decoder_head.hop_samples * mimi.frame_stride == mimi.frame_samples


def test_optional_sizes_fall_back():
    transformer = load_config("english").flow_lm.transformer
    assert (transformer.q_dim, transformer.kv_heads, transformer.head_dim, transformer.ff_dim) == (1024, 16, 64, 4096)
    small = load_config("english_2m_2026-10").flow_lm.transformer
    assert (small.q_dim, small.kv_heads, small.head_dim, small.ff_dim) == (192, 1, 64, 96)
    codec = load_config("english").mimi.decoding_transformer
    assert (codec.q_dim, codec.kv_heads, codec.head_dim, codec.ff_dim) == (512, 8, 64, 2048)
    assert FlowConfig(8, 1).n_time_conditions == 2
    assert FlowConfig(8, 1, "flow_matching").n_time_conditions == 1
    assert FlowConfig(8, 1, "pointwise").n_time_conditions == 0


@pytest.mark.parametrize("name", released_models())
@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_yaml_says_the_same_as_toml(name, suffix, tmp_path):
    wanted = load_config(name)
    got = load_config(write(tmp_path, tables(wanted), "other" + suffix))
    assert got == dataclasses.replace(wanted, name="other", released=False)


def test_no_encoder(tmp_path):
    config = load_config(write(tmp_path, NO_ENCODER, "small.toml"))
    assert not config.mimi.has_encoder
    assert config.mimi.encoder_dim == 128
    assert config.weights_path is None
    assert config.flow_lm.flow.type == "lsd"


def test_configurations_are_values():
    assert load_config("german") == load_config("german")
    assert len({load_config("german"), load_config("german"), load_config("dutch")}) == 2


# ---- bases ----


def test_values_override_the_base(tmp_path):
    text = 'extends = "german"\nweights_path = "my.safetensors"\nreplace_characters.x = "y"\nflow_lm.flow.depth = 3'
    config, base = load_config(write(tmp_path, text, "mine.toml")), load_config("german")
    assert (config.name, config.released, config.weights_path) == ("mine", False, "my.safetensors")
    assert config.flow_lm.flow == dataclasses.replace(base.flow_lm.flow, depth=3)
    assert dict(config.replace_characters) == {**dict(base.replace_characters), "x": "y"}
    assert config.mimi == base.mimi
    assert config.remove_semicolons


def test_base_beside_the_file(tmp_path):
    write(tmp_path, NO_ENCODER, "base.toml")
    config = load_config(write(tmp_path, 'extends = "base.toml"\ndefault_temperature = 0', "mine.toml"))
    assert config.default_temperature == 0.0
    assert config.flow_lm.transformer.d_model == 192


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ('extends = "mine.toml"', ValueError, "in a circle"),
        ('extends = "none.toml"', FileNotFoundError, "none.toml, and there is no such file"),
        ('extends = "_100m"', FileNotFoundError, "no released model '_100m'"),
        ("extends = 3", ValueError, "extends is 3"),
    ],
)
def test_bad_base(text, error, sentence, tmp_path):
    with pytest.raises(error, match=sentence):
        load_config(write(tmp_path, text, "mine.toml"))


def test_yaml_has_no_base(tmp_path):
    with pytest.raises(ValueError, match="extends is not a key"):
        load_config(write(tmp_path, {**tables(load_config("german")), "extends": "german"}))


# ---- paths ----


def test_relative_paths(tmp_path, monkeypatch):
    """The working directory first, as in the reference; then the configuration's folder; else as written."""
    folder, here = tmp_path / "models", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    both = 'weights_path = "w.safetensors"\nweights_path_without_voice_cloning = "v.safetensors"\n' + NO_ENCODER
    path = write(folder, both, "m.toml")
    for file in (folder / "tok.model", folder / "w.safetensors", here / "w.safetensors"):
        file.touch()
    config = load_config(path)
    assert config.flow_lm.lookup_table.tokenizer_path == str(folder / "tok.model")
    assert config.weights_path == "w.safetensors"
    assert config.weights_path_without_voice_cloning == "v.safetensors"


# ---- errors ----


def test_misspelt_name():
    with pytest.raises(FileNotFoundError, match=r"no released model 'germn'. Did you mean german"):
        load_config("germn")
    with pytest.raises(FileNotFoundError, match=r"'zzz'. Known names: dutch, dutch_24l, .*spanish_24l"):
        load_config("zzz")
    with pytest.raises(FileNotFoundError, match="released model"):
        load_config("")


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"my.yaml: no such configuration file. Known names: dutch"):
        load_config(tmp_path / "my.yaml")
    with pytest.raises(FileNotFoundError, match="no such configuration file"):
        load_config(str(tmp_path) + ".toml")
    with pytest.raises(ValueError, match="wanted a name, or a file ending"):
        load_config("model.json")


def test_yaml_without_pyyaml(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pockettts-np\[yaml\]'"):
        load_config(write(tmp_path, "a: 1"))


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("my.toml", b"a = ", "my.toml: not a readable TOML file"),
        ("my.yaml", b"a: [", "my.yaml: not a readable YAML file"),
        ("my.yaml", b"\xff\xfe\x00", "not a readable YAML file"),
        ("my.toml", b"\xff", "not a readable TOML file"),
        ("my.yaml", b"", "wanted keys and values, got empty"),
        ("my.yaml", b"- 1\n- 2", r"wanted keys and values, got \[1, 2\]"),
        ("my.yaml", b"[" * 3000, "nested too deeply|not a readable YAML file"),
        ("my.yaml", b"flow_lm: &a {flow: *a}", "my.yaml: "),
        ("my.yaml", b"1: 2", "my.yaml: 1 is not a key"),
    ],
)
def test_unreadable_files(name, contents, sentence, tmp_path):
    path = tmp_path / name
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=sentence):
        load_config(path)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("flow_lm.transformer.n_heads", 8, r"flow_lm.transformer.n_heads is not a key.* Did you mean num_heads\?"),
        ("flow_lm.zzzz", 8, "flow_lm.zzzz is not a key.* Known here: dtype, flow"),
        ("name", "x", "name is not a key"),
        ("flow_lm.transformer.d_model", ..., "flow_lm.transformer.d_model is missing"),
        ("mimi", ..., "mimi is missing"),
        ("mimi", None, "mimi is empty; wanted a section"),
        ("flow_lm.flow", [1], r"flow_lm.flow is \[1\]; wanted a section"),
        ("flow_lm.flow.dim", "192", "flow_lm.flow.dim is '192'; wanted a whole number"),
        ("flow_lm.flow.dim", 192.5, "flow_lm.flow.dim is 192.5; wanted a whole number"),
        ("flow_lm.flow.dim", True, "flow_lm.flow.dim is True; wanted a whole number"),
        ("flow_lm.flow.dim", None, "flow_lm.flow.dim is empty"),
        ("flow_lm.flow.dim", 191, "flow_lm.flow.dim is 191.*even"),
        ("flow_lm.flow.depth", 0, "flow_lm.flow.depth is 0; a size must be at least 1"),
        ("flow_lm.flow.type", "euler", "flow_lm.flow.type is 'euler'; wanted one of lsd"),
        ("flow_lm.dtype", "int8", "flow_lm.dtype is 'int8'; wanted one of float32"),
        ("flow_lm.insert_bos_before_voice", 1, "insert_bos_before_voice is 1; wanted true or false"),
        ("flow_lm.lookup_table.dim", 128, "flow_lm.lookup_table.dim is 128, but transformer.d_model is 224"),
        ("flow_lm.lookup_table.tokenizer_path", 1, "tokenizer_path is 1; wanted a string"),
        ("flow_lm.transformer.num_heads", 7, "num_heads is 7, which does not divide the attention width 512"),
        ("flow_lm.transformer.num_heads", 512, "num_heads is 512, so a head is 1 wide"),
        ("flow_lm.transformer.num_kv_heads", 3, "num_kv_heads is 3, which does not divide num_heads 8"),
        ("flow_lm.transformer.num_kv_heads", -1, "num_kv_heads is -1"),
        ("mimi.channels", 2, "mimi.channels is 2; only mono"),
        ("mimi.decoder_seanet.channels", 2, "mimi.decoder_seanet.channels is 2; only mono"),
        ("mimi.seanet.ratios", [6, "5"], r"mimi.seanet.ratios\[1\] is '5'; wanted a whole number"),
        ("mimi.seanet.ratios", "654", "mimi.seanet.ratios is '654'; wanted a list"),
        ("mimi.seanet.ratios", [], "mimi.seanet.ratios is empty"),
        ("mimi.seanet.ratios", [6, 0], "mimi.seanet.ratios is .*at least 1"),
        ("mimi.seanet.ratios", [6, 5], "mimi.seanet.ratios multiply to 30, but the decoder's to 120"),
        ("mimi.seanet.pad_mode", "reflect", "mimi.seanet.pad_mode is 'reflect'"),
        ("mimi.seanet.compress", 65, "mimi.seanet.compress is 65"),
        ("mimi.seanet", ..., "mimi.seanet and transformer make the encoder together"),
        ("mimi.transformer.output_dimensions", [512, 1], "output_dimensions is .512, 1.; wanted"),
        ("mimi.transformer.max_period", 0, "mimi.transformer.max_period is 0.0; it must be positive"),
        ("mimi.seanet.dimension", 64, "mimi.transformer.input_dimension is 512, but seanet.dimension is 64"),
        ("mimi.outer_dim", 64, "mimi.outer_dim is 64, but the decoder's seanet dimension is 128"),
        ("mimi.quantizer.output_dimension", 64, "mimi.quantizer.output_dimension is 64"),
        ("mimi.decoder_transformer", ..., "decoder transformer's input_dimension is 512"),
        ("mimi.frame_rate", 0, "mimi.frame_rate is 0.0; it must be positive"),
        ("mimi.frame_rate", 12, r"a frame of 2000 samples is not a multiple"),
        ("mimi.frame_rate", 13, "does not cut sample_rate 24000 into whole frames"),
        ("mimi.frame_rate", float("nan"), "mimi.frame_rate is nan; wanted a finite number"),
        ("default_temperature", -0.1, "default_temperature is -0.1"),
        ("default_temperature", "0.3", "default_temperature is '0.3'; wanted a finite number"),
        ("default_eos_threshold", float("inf"), "default_eos_threshold is inf"),
        ("model_recommended_frames_after_eos", -1, "model_recommended_frames_after_eos is -1"),
        ("min_frames_before_eos", -1, "min_frames_before_eos is -1; it must not be negative"),
        ("max_frames_after_eos", -1, "max_frames_after_eos is -1; it must not be negative"),
        ("max_clause_words", 1, "max_clause_words is 1; it must be at least 2"),
        ("one_sentence_per_chunk", 1, "one_sentence_per_chunk is 1; wanted true or false"),
        ("replace_characters", {"ab": "c"}, "has the key 'ab'; wanted a single character"),
        ("replace_characters", {"a": 1}, r"replace_characters\['a'\] is 1; wanted a string"),
        ("replace_characters", {1: "a"}, "replace_characters is 1; wanted a string"),
        ("replace_characters", ["a"], "replace_characters is .'a'.; wanted a table of strings"),
        ("timestamp_heads", 3, "timestamp_heads is 3; wanted a list of sections"),
        ("timestamp_heads", [3], r"timestamp_heads\[0\] is 3; wanted a section"),
        ("timestamp_heads", [{"layer": 3}], r"timestamp_heads\[0\].head is missing"),
        (
            "timestamp_heads",
            [{"layer": 8, "head": 0}],
            "layer 8, head 0; counted from 0, the last are layer 7 and head 7",
        ),
        ("timestamp_heads", [{"layer": 0, "head": -1}], "timestamp_heads has layer 0, head -1"),
        ("weights_path", ["x"], "weights_path is .'x'.; wanted a string"),
    ],
)
def test_wrong_values_name_file_and_key(key, value, sentence, tmp_path):
    path = write(tmp_path, changed(key, value))
    with pytest.raises(ValueError, match=sentence) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize("missing", ["decoder_seanet", "decoder_transformer"])
def test_a_model_needs_a_decoder(missing, tmp_path):
    path = write(tmp_path, changed(f"mimi.{missing}", ..., write(tmp_path, NO_ENCODER, "small.toml")))
    with pytest.raises(ValueError, match=f"mimi.{missing} is missing"):
        load_config(path)


SOURCE_FILTER = load_config(GOLDEN / "source_filter.toml")


def test_a_decoder_is_a_seanet_or_a_source_filter(tmp_path):
    head = SOURCE_FILTER.mimi.decoder_head
    assert (head.n_fft, head.n_bins, head.n_parameters) == (480, 241, 725)
    assert (SOURCE_FILTER.mimi.frame_stride, SOURCE_FILTER.mimi.frame_samples) == (8, 1920)
    whole = tables(SOURCE_FILTER)
    whole["mimi"]["decoder_seanet"] = tables(load_config("english_2m_2026-10").mimi.decoder_seanet)
    with pytest.raises(ValueError, match=r"mimi.decoder_seanet and decoder_source_filter are two kinds"):
        load_config(write(tmp_path, whole))


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("hop_samples", 241, "hop_samples is 241; two windows a row need an even number"),
        ("hop_samples", 0, "hop_samples is 0; a size must be at least 1"),
        ("hop_samples", 250, "a frame of 1920 samples is not a multiple of 250, the decoder's hop_samples"),
        ("dimension", 8, "outer_dim is 12, but the decoder's source_filter dimension is 8"),
        ("max_harmonic_hz", 12_000, "max_harmonic_hz is 12000.0; it must be below half of sample_rate 24000"),
        ("max_harmonic_hz", 0.5, "max_harmonic_hz is 0.5; it must be at least 1"),
        ("reference_pitch_hz", -150, "reference_pitch_hz is -150.0; it must be at least 1"),
        ("n_fft", 480, "n_fft is not a key"),
        ("reference_pitch_hz", ..., "decoder_source_filter.reference_pitch_hz is missing"),
    ],
)
def test_sizes_of_a_source_filter_decoder_are_checked(key, value, sentence, tmp_path):
    path = write(tmp_path, changed(f"mimi.decoder_source_filter.{key}", value, GOLDEN / "source_filter.toml"))
    with pytest.raises(ValueError, match=sentence) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: mimi.")


def test_whole_floats_are_integers(tmp_path):
    config = load_config(write(tmp_path, changed("flow_lm.transformer.max_period", 10000.0)))
    assert isinstance(config.flow_lm.transformer.max_period, int)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("float32")
KEYS = sorted(
    f"{section}{key}"
    for section, table in {
        "": tables(load_config("english_7m_2026-10")),
        "flow_lm.": tables(load_config("english_7m_2026-10").flow_lm),
        "flow_lm.transformer.": tables(load_config("english_7m_2026-10").flow_lm.transformer),
        "mimi.": tables(load_config("english_7m_2026-10").mimi),
        "mimi.seanet.": tables(load_config("english_7m_2026-10").mimi.seanet),
    }.items()
    for key in table
)


@settings(max_examples=50)
@given(st.sampled_from(KEYS), st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_value_is_taken_or_refused_in_a_sentence(tmp_path_factory, key, value):
    """Whatever stands in a file, the reader gives a configuration or a ValueError that starts with the file."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(json.dumps(changed(key, value)), encoding="utf-8")
    try:
        outcome: object = load_config(path)
    except ValueError as error:
        outcome = error
    assert isinstance(outcome, Config) or str(outcome).startswith(f"{path}: ")


# ---- catalogue ----


def test_voices():
    assert len(catalogue.VOICES) == 27
    assert all(address.startswith("hf://kyutai/") for address in catalogue.VOICES.values())
    assert catalogue.voice_state_address("german_24l", "juergen").startswith(
        "hf://kyutai/pocket-tts-without-voice-cloning/languages/german_24l/embeddings/juergen.safetensors@"
    )
    with pytest.raises(ValueError, match=r"no predefined voice 'bob'. Known voices: cosette, "):
        catalogue.voice_state_address("english", "bob")


def test_defaults_follow_the_language():
    assert catalogue.default_voice("english_2026-01") == "alba"
    voices = {language: catalogue.default_voice(language + "_24l") for language in LANGUAGES}
    assert len(set(voices.values())) == len(LANGUAGES)
    assert set(voices.values()) <= set(catalogue.VOICES)
    assert catalogue.default_text("french_24l").startswith("Bonjour le monde.")
    assert catalogue.default_text(None) == catalogue.default_text("english")
    assert len({catalogue.default_text(language) for language in LANGUAGES}) == len(LANGUAGES)
