"""The model that comes with the package: when it is chosen, and that any text can be given to it."""

import logging
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np import TTSModel, __main__, export_model_state, quantize_model
from pockettts_np.config.load import load_config
from pockettts_np.hub import catalogue, errors, fetch
from tests.support.english import answer_for_english
from tests.support.helpers import GOLDEN

REF_WAV = GOLDEN.parents[1] / "ref.wav"


@pytest.fixture(scope="module")
def builtin():
    return TTSModel.load_model("builtin")


@pytest.fixture
def english_in_cache(monkeypatch):
    """As if the files that `names` holds were cached: weights, open weights, tokenizer."""
    english = load_config("english")
    files = {
        "weights": english.weights_path,
        "open weights": english.weights_path_without_voice_cloning,
        "tokenizer": english.flow_lm.lookup_table.tokenizer_path,
    }

    def cached(*names):
        there = {files[name] for name in names}
        monkeypatch.setattr(fetch, "cached_path", lambda uri: GOLDEN if uri in there else None)

    return cached


@pytest.mark.parametrize("weights", ["weights", "open weights"])
def test_the_large_model_is_the_default_where_it_is_cached(english_in_cache, caplog, weights):
    english_in_cache(weights, "tokenizer")
    assert catalogue.default_language() == "english"
    assert not caplog.records


@pytest.mark.parametrize("names", [[], ["weights"], ["open weights"], ["tokenizer"]])
def test_else_the_builtin_model_is_and_one_line_says_so(english_in_cache, caplog, names):
    english_in_cache(*names)
    assert catalogue.default_language() == "builtin"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "language english" in caplog.text


def test_load_model_without_a_name_follows_the_rule(caplog):
    model = TTSModel.load_model()
    assert (model.config.name, model.config.released) == ("builtin", False)
    assert len(caplog.records) == 1


@pytest.fixture
def english_within_reach(tiny_model, tmp_path, monkeypatch):
    """As if the large model could be fetched, and its voice alba: a tiny one answers for it."""
    saved = tmp_path / "alba.safetensors"
    export_model_state(tiny_model.get_initial_state(), saved)
    answer_for_english(monkeypatch)
    local_path = fetch.local_path
    monkeypatch.setattr(fetch, "local_path", lambda uri: saved if "/alba." in str(uri) else local_path(uri))
    return saved


@pytest.mark.usefixtures("english_within_reach")
@pytest.mark.parametrize("threads", [None, 1])
def test_a_model_without_a_name_is_the_large_one_once_its_voice_is_named(threads):
    """What programs written for pocket-tts do."""
    model = TTSModel.load_model(temp=0.7)
    if threads:
        model = replace(model, threads=threads)
    model.eos_threshold = -2.0
    voice = model.get_state_for_audio_prompt("alba")
    assert model.config.name == "english"
    assert (model.temp, model.eos_threshold, model.threads) == (0.7, -2.0, threads or model.threads)
    assert len(model.generate_audio(voice, "Hello world, this is a test.", noise=0)) > 0
    assert TTSModel.load_model().config.name == "builtin"


@pytest.mark.usefixtures("english_within_reach")
@pytest.mark.parametrize("given", [REF_WAV, str(REF_WAV), REF_WAV.read_bytes(), "samples", "saved"])
def test_a_recording_or_its_saved_voice_is_a_reason_for_the_large_model(given, english_within_reach):
    if isinstance(given, str) and given in ("samples", "saved"):
        given = english_within_reach if given == "saved" else soundfile.read(REF_WAV, dtype="float32")[0][:24_000]
    model = TTSModel.load_model()
    model.get_state_for_audio_prompt(given)
    assert model.config.name == "english"


def test_its_own_voice_is_none_and_settles_that_the_model_is_the_builtin_one(builtin, tmp_path):
    export_model_state(builtin.get_default_voice(), tmp_path / "own.safetensors")
    for first_voice in (
        TTSModel.get_default_voice,
        TTSModel.get_initial_state,
        lambda model: model.get_state_for_audio_prompt(tmp_path / "own.safetensors"),
    ):
        model = TTSModel.load_model()
        assert len(model.generate_audio(first_voice(model), "Hello.", noise=0)) > 0
        with pytest.raises(ValueError, match="has no voice but kumo"):
            model.get_state_for_audio_prompt("alba")


def test_where_the_large_model_is_out_of_reach_the_error_says_so_and_the_builtin_one_still_speaks():
    model = TTSModel.load_model()
    for _ in range(2):
        with pytest.raises(errors.OfflineError, match=r"needs the model english, and that cannot be .*the network off"):
            model.get_state_for_audio_prompt("alba")
    assert model.config.name == "builtin"
    assert len(model.generate_audio(model.get_default_voice(), "Hello.", noise=0)) > 0


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ("nobody", FileNotFoundError, "There is no voice nobody"),
        (None, TypeError, "The voice is a NoneType"),
        (np.zeros((24_000, 2)), ValueError, "channels come last"),
    ],
)
def test_what_can_be_no_voice_fetches_nothing(given, error, sentence):
    model = TTSModel.load_model()
    with pytest.raises(error, match=sentence):
        model.get_state_for_audio_prompt(given)


def test_threads_that_name_voices_at_once_load_the_large_model_once(english_within_reach, monkeypatch):
    loads = []
    load_model = TTSModel.load_model

    def counted(*names, **options):
        loads.append(names)
        return load_model(*names, **options)

    monkeypatch.setattr(TTSModel, "load_model", counted)
    model = TTSModel.load_model()
    with ThreadPoolExecutor(4) as pool:
        voices = list(pool.map(model.get_state_for_audio_prompt, ["alba"] * 8))
    assert loads == [(), ("english",)]
    assert all(voice.sizes == voices[0].sizes for voice in voices)


def test_a_model_to_quantise_is_the_large_one_where_none_is_named(tmp_path):
    with pytest.raises(errors.OfflineError, match="languages/english/"):
        quantize_model(tmp_path / "m.safetensors")


def test_the_command_speaks_with_nothing_but_a_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert __main__.main(["generate", "--text", "Hello world."]) == 0
    errors = capsys.readouterr().err
    assert errors.count("built-in") == 1
    speech, rate_hz = soundfile.read("tts_output.wav")
    assert rate_hz == 24_000
    assert 0.5 < len(speech) / rate_hz < 2.5
    assert 0.05 < np.abs(speech).max() < 1


@pytest.mark.parametrize(
    "command",
    [
        ["generate", "--text", "Hi.", "--voice", "alba"],
        ["export-voice", "alba", "a.safetensors"],
        ["quantize", "a.safetensors"],
    ],
)
def test_what_the_builtin_model_cannot_do_asks_for_the_large_one(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert __main__.main(command) == 1
    assert "languages/english/" in capsys.readouterr().err  # which the tests may not fetch


@pytest.mark.parametrize("voice", ["alba", "ref.wav", np.zeros(24_000, np.float32)])
def test_other_voices_are_refused_with_what_to_do(builtin, voice):
    with pytest.raises(ValueError, match="no voice but kumo, and cannot clone another: load the language english"):
        builtin.get_state_for_audio_prompt(voice)


def test_the_default_voice_of_a_model_of_ones_own_is_cloned_or_its_own(builtin, tiny_model):
    assert builtin.get_default_voice().n_rows == 3  # the beginning, and two rows that stand for kumo
    with pytest.raises(errors.OfflineError, match=re.escape("alba-mackenna/casual.wav")):
        tiny_model.get_default_voice()


def test_the_default_voice_of_a_released_model_is_that_of_its_language(tiny_model, monkeypatch):
    import dataclasses

    model = dataclasses.replace(
        tiny_model, config=dataclasses.replace(tiny_model.config, name="german_24l", released=True)
    )
    with pytest.raises(errors.OfflineError, match="german_24l/embeddings/juergen"):
        model.get_default_voice()


def test_it_is_small_and_ends_by_itself(builtin, caplog):
    assert catalogue.builtin_file().stat().st_size < 8_000_000
    speech = builtin.generate_audio(builtin.get_default_voice(), "I need no network.")
    assert 0.7 < len(speech) / builtin.sample_rate < 2.5
    assert "longest length" not in caplog.text


@pytest.mark.parametrize("text", ["你好。", "…", "🙂", "—"])
def test_a_text_without_anything_it_can_read_is_refused(builtin, text):
    with pytest.raises(ValueError, match="nothing to speak"):
        builtin.generate_audio_stream(builtin.get_default_voice(), text)


@given(st.text(max_size=60))
@settings(max_examples=50)
def test_what_it_reads_is_plain_letters_whatever_the_text(builtin, text):
    from pockettts_np.conditioners.text import split_into_chunks

    try:
        chunks = split_into_chunks(builtin.tokenizer, f"At 5 pm: {text}", 50, builtin.config)
    except ValueError:
        return
    assert re.fullmatch(r"[a-z ',.?!]*", "".join(chunk.text for chunk in chunks))


def test_it_speaks_where_no_folder_can_be_written(monkeypatch):
    """As in a container whose file system is read-only: nothing is written on the way to the first sound."""

    def refuse(event, arguments):
        is_write = event == "open" and bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if watching and (is_write or event in ("os.mkdir", "os.rename", "tempfile.mkdtemp", "tempfile.mkstemp")):
            written.append((event, arguments[0]))

    watching, written = [], []
    sys.addaudithook(refuse)
    watching.append(True)
    try:
        model = TTSModel.load_model("builtin")
        frame = next(model.generate_audio_stream(model.get_default_voice(), "Hello.", noise=0))
    finally:
        watching.clear()
    assert len(frame) % 1920 == 0
    assert [place for _, place in written if ".nbc" not in str(place) and "pockettts-" not in str(place)] == []
