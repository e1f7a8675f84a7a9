"""The model that comes with the package: when it is chosen, and that any text can be given to it."""

import logging
import os
import re
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np import TTSModel, __main__
from pockettts_np.config.load import load_config
from pockettts_np.hub import catalogue, errors, fetch
from tests.support.helpers import GOLDEN


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
    with pytest.raises(ValueError, match="one voice of its own and cannot clone another: load the language english"):
        builtin.get_state_for_audio_prompt(voice)


def test_the_default_voice_of_a_model_of_ones_own_is_cloned_or_its_own(builtin, tiny_model):
    assert builtin.get_default_voice().n_rows == 1
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
    assert catalogue.BUILTIN_PATH.stat().st_size < 8_000_000
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
