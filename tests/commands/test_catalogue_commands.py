"""models, voices, download, info, fetching on first use, and the kept quantised model, against the local hub.

Tiny golden models stand in for released ones, at the addresses of english.
"""

import dataclasses
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save, save_file

from pockettts_np import TTSModel, __main__
from pockettts_np import model as model_module
from pockettts_np.commands.inspection import info
from pockettts_np.commands.terminal import progress
from pockettts_np.config.load import load_config, released_models
from pockettts_np.config.parameter_count import count_parameters
from pockettts_np.files import locks, usage
from pockettts_np.hub import catalogue, download, errors, fetch, http
from pockettts_np.kernels import places
from pockettts_np.loading import int8_cache, model_source
from pockettts_np.model import quantize_model
from pockettts_np.weights.safetensors_file import SafetensorsFile
from tests.support.helpers import GOLDEN
from tests.support.hub_server import Fault, File, Hub, forget_settings, wrong_files

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"
ENGLISH = load_config("english")
GATED, OPEN = catalogue.weights_addresses(ENGLISH)
TOKENIZER = ENGLISH.flow_lm.lookup_table.tokenizer_path
SENTENCEPIECE = load_config("english_2m_2026-10").flow_lm.lookup_table.tokenizer_path  # of the tiny model
ALBA = catalogue.voice_state_address("english", "alba")
WITH_CLONING = (GOLDEN / "lsd.safetensors").read_bytes()
VOICE = (GOLDEN / "voice_saved.safetensors").read_bytes()


def without_cloning():
    tensors = load_file(GOLDEN / "lsd.safetensors")
    tensors["flow_lm.speaker_proj_weight"][:] = 0
    return save(tensors)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty working folder, caches of its own, no token, no proxy, no waiting."""
    forget_settings(monkeypatch)
    monkeypatch.setattr(http, "pause", lambda seconds: None)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def server(root, monkeypatch):
    with Hub() as hub:
        hub.serve(GATED, WITH_CLONING, needs=TOKEN)
        hub.serve(OPEN, without_cloning())
        hub.serve(TOKENIZER, (GOLDEN / "tokenizer.model").read_bytes(), is_large=False)
        hub.serve(SENTENCEPIECE, (GOLDEN / "tokenizer.model").read_bytes())
        hub.serve(ALBA, VOICE)
        for name, value in hub.env(root).items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.fixture
def tiny_english(monkeypatch):
    """The golden model under the name and the addresses of english."""
    golden = load_config(GOLDEN / "lsd.toml")
    table = dataclasses.replace(golden.flow_lm.lookup_table, tokenizer_path=SENTENCEPIECE)
    tiny = dataclasses.replace(
        golden,
        flow_lm=dataclasses.replace(golden.flow_lm, lookup_table=table),
        weights_path=GATED,
        weights_path_without_voice_cloning=OPEN,
        name="english",
        released=True,
    )
    monkeypatch.setattr(model_source, "load_config", lambda source: tiny)
    return tiny


@pytest.fixture
def run(capfd):
    """Run the command: status, standard output, standard error."""

    def run(*argv):
        status = __main__.main([str(argument) for argument in argv])
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def speak(run):
    def speak(*argv):
        return run("generate", "--text", "Hi.", "--seed", "1", "--frames-after-eos", "0", *argv)

    return speak


@pytest.fixture
def cut_off(monkeypatch):
    """Call it, and the network is away: whoever tries is an error of the test."""

    def cut_off():
        def refuse(*arguments):
            raise AssertionError("the network was touched")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    return cut_off


# ---- models and voices


def models(run):
    status, out, err = run("models", "--json")
    assert (status, err) == (0, "")
    return {model["name"]: model for model in json.loads(out)}


def test_models_lists_all_without_the_network(root, run, cut_off):
    cut_off()
    found = models(run)
    assert list(found) == ["builtin", *released_models()]
    assert len(found) == 28
    assert [name for name, model in found.items() if model["is_cached"]] == ["builtin"]
    assert {model["language"] for model in found.values()} == {*catalogue._DEFAULT_VOICES, "english"}
    assert found["french_24l"]["language"] == "french"
    for name, model in found.items():
        assert model["licence"] == ("Apache 2.0" if name == "builtin" else "CC BY 4.0")
        assert model["cloning_weights"] == ("none" if name == "builtin" else "gated")
    status, out, _ = run("models")
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 29)
    assert [line.split()[0] for line in lines] == ["NAME", *found]
    assert lines[1].endswith("built in, nothing to download")
    assert all(line.endswith("  no") for line in lines[2:])
    assert len(set(map(len, (line.removesuffix("no").rstrip() for line in lines[2:])))) > 0
    assert max(map(len, lines)) <= 110


def test_models_tells_what_is_here(server, run, monkeypatch, cut_off):
    def shown():
        return next(line for line in run("models")[1].splitlines() if line.startswith("english "))

    fetch.local_path(TOKENIZER)
    assert shown().endswith("in part")
    assert not models(run)["english"]["is_cached"]
    fetch.local_path(OPEN)
    english = models(run)["english"]
    assert (english["is_cached"], english["can_clone_now"]) == (True, False)
    assert shown().endswith("MB, without cloning")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch.local_path(GATED)
    cut_off()
    english = models(run)["english"]
    assert english["can_clone_now"]
    assert english["cached_bytes"] == len(WITH_CLONING) + (GOLDEN / "tokenizer.model").stat().st_size
    assert shown().endswith("MB, with cloning")


def test_voices_lists_those_of_a_model(server, run, cut_off):
    fetch.local_path(ALBA)
    cut_off()
    status, out, err = run("voices", "--json")
    assert (status, err) == (0, "")
    found = {voice["name"]: voice for voice in json.loads(out)}
    assert found.keys() == {*catalogue.VOICES, "kumo"}
    assert [name for name, voice in found.items() if voice["is_cached"]] == ["alba", "kumo"]
    assert [name for name, voice in found.items() if voice["is_default"]] == ["alba", "kumo"]
    assert found["alba"]["cached_bytes"] == len(VOICE)
    licences = {"CC BY 4.0", "CC BY-NC 4.0", "CC0", "unstated", "Apache 2.0"}
    assert {voice["licence"] for voice in found.values()} == licences
    assert {name for name, voice in found.items() if "NC" in voice["licence"]} == {"cosette", "jean"}
    assert found["daan"]["language"] == "dutch"
    status, out, _ = run("voices", "--language", "german_24l")
    lines = out.splitlines()
    assert len(lines) == 28
    assert [line.split()[0] for line in lines if line.endswith("no, the default")] == ["juergen"]


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("germam", "Did you mean german"),
        (GOLDEN / "lsd.toml", "give the name of a model"),
    ],
)
def test_voices_of_what_is_no_released_model(root, run, model, wanted):
    status, out, err = run("voices", "--language", model)
    assert (status, out) == (1, "")
    assert wanted in err


@pytest.mark.parametrize("name", ["lsd", "wide", "grouped", "flow_matching", "drifting", "pointwise"])
def test_parameters_are_as_many_as_a_checkpoint_holds(name):
    file = SafetensorsFile(GOLDEN / f"{name}.safetensors")
    held = sum(np.prod(file.shape(tensor), dtype=int) for tensor in file.names())
    assert sum(dataclasses.astuple(count_parameters(load_config(GOLDEN / f"{name}.toml")))) == held


def test_parameters_of_full_size():
    """Counted in checkpoints that the reference wrote."""
    counted = {
        "english": 109_502_146,
        "english_2026-01": 117_856_962,
        "english_18m_refl_2026-10": 27_923_058,
        "english_7m_2026-10": 16_611_666,
        "english_2m_2026-10": 11_671_934,
        "german_24l": 336_068_290,
    }
    assert counted == {name: sum(dataclasses.astuple(count_parameters(load_config(name)))) for name in counted}


# ---- download


def contents(server):
    return server.count("content") + sum(
        request.at == "hub-get" and "tokenizer" in request.path for request in server.requests
    )


def test_download_tells_the_size_first_and_fetches_once(server, run, cut_off, root):
    status, out, err = run("download", "english")
    assert (status, out) == (0, "")
    total = len(without_cloning()) + len(VOICE) + (GOLDEN / "tokenizer.model").stat().st_size
    lines = err.splitlines()
    assert lines[0] == f"INFO: english: 3 of 3 files to fetch, {usage.megabytes(total)}."
    assert sum("Fetching" in line for line in lines) == 3
    assert lines[-1] == "INFO: english: ready to speak without a network."
    assert not any("kyutai/pocket-tts/" in request.path for request in server.requests)
    assert all(fetch.cached_path(address) for address in (OPEN, TOKENIZER, ALBA))
    assert wrong_files(root, server) == []
    cut_off()
    status, _, err = run("download", "english", "english")
    assert (status, err) == (0, "INFO: english, english: all is here already.\n")


def test_download_asks_before_it_fetches(server, run):
    run("download", "english")
    kinds = [request.at for request in server.requests if request.method == "HEAD"]
    first_content = next(i for i, request in enumerate(server.requests) if request.method == "GET")
    assert [request.method for request in server.requests[:first_content]].count("HEAD") >= 3
    assert len(kinds) == 6


def test_download_with_a_token_fetches_the_weights_with_cloning(server, run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert run("download", "english")[0] == 0
    assert fetch.cached_path(GATED)
    assert not fetch.cached_path(OPEN)


def test_download_says_why_the_open_weights_come(server, run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    status, _, err = run("download", "english")
    assert status == 0
    assert "does not accept your token" in err
    assert fetch.cached_path(OPEN)


def test_download_says_why_there_is_no_more_to_fetch(server, run, monkeypatch):
    run("download", "english")
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    status, _, err = run("download", "english")
    assert status == 0
    assert "does not accept your token" in err
    assert err.endswith("all is here already.\n")


def test_download_of_every_voice(server, run):
    for name in catalogue.VOICES:
        server.serve(catalogue.voice_state_address("english", name), VOICE + name.encode())
    status, _, err = run("download", "english", "--voice", "alba", "--voice", "all", "-q")
    assert (status, err) == (0, "")
    for name in catalogue.VOICES:
        path = fetch.cached_path(catalogue.voice_state_address("english", name))
        assert path.read_bytes() == VOICE + name.encode()


def test_download_goes_on_where_it_was_cut(server, run):
    server.faults = [Fault(cut_after=10_000), Fault(status=500, times=4)]
    status, _, err = run("download", "english")
    assert status == 1
    assert "The fault is on its side: try again later." in err
    status, _, err = run("download", "english")
    assert status == 0
    assert "10.0 kB of it here already" in err
    assert fetch.cached_path(OPEN).read_bytes() == without_cloning()


@pytest.mark.parametrize("kept_bytes", [0, 1000, -1], ids=["empty", "cut short", "last byte changed"])
def test_download_mends_a_damaged_file(server, run, root, kept_bytes):
    run("download", "english")
    for address in (OPEN, TOKENIZER, ALBA):
        blob = fetch.cached_path(address).resolve()
        content = blob.read_bytes()
        blob.write_bytes(content[:kept_bytes] + (bytes([content[-1] ^ 1]) if kept_bytes < 0 else b""))
        status, _, err = run("download", "english")
        assert status == 0
        assert "was damaged in the cache" in err
        assert "1 of 3 files to fetch" in err
        assert blob.read_bytes() == content
    assert wrong_files(root, server) == []
    assert "damaged" not in run("download", "english")[2]


@pytest.mark.parametrize("kind", ["hard links", "copies"])
def test_download_mends_a_damaged_file_in_a_cache_without_symbolic_links(server, run, root, monkeypatch, kind):
    def refuse(*arguments, **options):
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    if kind == "copies":
        monkeypatch.setattr(os, "link", refuse)
    run("download", "english")
    for address in (OPEN, TOKENIZER, ALBA):
        path = fetch.cached_path(address)
        assert not path.is_symlink()
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        status, _, err = run("download", "english")
        assert (status, "was damaged in the cache" in err) == (0, True)
        assert fetch.cached_path(address).read_bytes() == content
    assert "damaged" not in run("download", "english")[2]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    server.requests.clear()
    assert run("download", "english")[0] == 0
    assert server.requests == []


def test_builtin_needs_no_download(root, run, cut_off):
    cut_off()
    assert run("download", "builtin") == (0, "", "INFO: builtin: all is here already.\n")


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["englich"], "There is no released model 'englich'. Did you mean english"),
        (["english", "--voice", "bob"], "There is no predefined voice 'bob'. Known voices: "),
        (["alba"], "alba is a voice, and each model has its own file of it: add --voice alba to a model."),
        ([GOLDEN / "lsd.toml"], "lsd.toml is a file; give the name of a model"),
        (["model.safetensors"], "model.safetensors is a file; give the name of a model"),
    ],
)
def test_download_of_unknown_names(root, run, cut_off, argv, wanted):
    cut_off()
    status, _, err = run("download", *argv)
    assert status == 1
    assert wanted in err


def test_download_without_a_network(server, run, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    status, _, err = run("download", "english")
    assert status == 1
    assert "HF_HUB_OFFLINE switches the network off" in err
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    server.faults = [Fault("hub-head", times=99, drop=True)]
    status, _, err = run("download", "english")
    assert status == 1
    assert "cannot be reached" in err


def test_download_without_room(server, run, monkeypatch, root):
    free = shutil.disk_usage(root)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: free)
    status, _, err = run("download", "english")
    assert status == 1
    assert "Make room, or set HF_HOME" in err
    assert wrong_files(root, server) == []


# ---- progress


class Terminal:
    """Takes the place of standard error, and looks like a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.fixture
def look(monkeypatch):
    def look():
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    return look


def test_bar_is_drawn_where_somebody_looks_and_cleared(server, look, monkeypatch):
    screen = look()
    clock = iter(range(10**6))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(download, "_BLOCK_BYTES", 20_000)
    assert __main__.main(["download", "english"]) == 0
    drawn = [line for line in screen.text.split("\r") if line.startswith("model.safetensors")]
    assert len(drawn) >= 5
    assert f"of {usage.megabytes(len(without_cloning()))} [" in drawn[0]
    assert drawn[0].count("#") < drawn[-1].count("#") < progress.FetchBar.WIDTH
    assert screen.text.endswith("\x1b[K")


def test_bar_is_not_drawn_faster_than_anybody_reads(look, monkeypatch):
    monkeypatch.setattr(progress.time, "perf_counter", lambda: 5.0)
    screen = look()
    with progress.show_fetching(quiet=False):
        for done_bytes in range(0, 1000, 10):
            hub_report(done_bytes, 1000)
    assert screen.text.count("a.wav") == 1


def hub_report(done_bytes, total_bytes, name="a.wav"):
    download._progress.get()(done_bytes, total_bytes, name)


def test_bar_is_quiet_on_demand(server, look):
    screen = look()
    assert __main__.main(["download", "english", "-q"]) == 0
    assert screen.text == ""


def test_bar_without_a_known_length(look):
    screen = look()
    with progress.show_fetching(quiet=False):
        hub_report(0, None)
    assert "a.wav: 0 B 0 B/s" in screen.text


# ---- first use


def test_first_use_fetches_and_says_so(server, speak, tiny_english, cut_off):
    status, _, err = speak("--language", "english")
    assert status == 0, err
    assert f"INFO: Fetching {OPEN[5:].split('/', 2)[2].split('@')[0]} of kyutai/pocket-tts-without-voice-cloning" in err
    assert usage.megabytes(len(without_cloning())) in err
    first = Path("tts_output.wav").read_bytes()
    cut_off()
    status, _, err = speak("--language", "english", "-q")
    assert (status, err) == (0, "")
    assert Path("tts_output.wav").read_bytes() == first


def test_first_use_is_quiet_on_demand(server, speak, tiny_english, monkeypatch):
    monkeypatch.setattr(TTSModel, "generate_audio_stream", lambda *_, **options: (np.zeros(n) for n in [1920]))
    assert speak("--language", "english", "-q") == (0, "", "")


def test_cloning_with_open_weights_is_refused_step_by_step(server, speak, tiny_english, golden):
    status, _, err = speak("--language", "english", "--voice", golden.parent.parent / "ref.wav")
    assert status == 1
    for step in (
        "accept the terms at https://huggingface.co/kyutai/pocket-tts,",
        "make a token at https://huggingface.co/settings/tokens",
        "set HF_TOKEN",
    ):
        assert step in err


# ---- a model as one file


@pytest.fixture
def one_file(tmp_path):
    quantize_model(tmp_path / "model.safetensors", config=GOLDEN / "lsd.toml")
    return tmp_path / "model.safetensors"


def test_model_file_speaks_with_nothing_else_on_the_disk(root, run, speak, cut_off, server, tiny_english):
    """Configuration, tokenizer, weights and the language's voice are inside."""
    status, _, err = run("quantize", "--language", "english", root / "m.safetensors")
    assert status == 0, err
    shutil.rmtree(root / "hf")
    cut_off()
    status, _, err = speak("--model", root / "m.safetensors")
    assert status == 0, err
    assert Path("tts_output.wav").stat().st_size > 4000


def test_voice_in_the_file_is_the_one_asked_for_and_cannot_be_changed(root, run, golden_model):
    given = GOLDEN / "voice_left_padded.safetensors"
    argv = ("quantize", "--config", GOLDEN / "lsd.toml", "m.safetensors", "--voice", given)
    assert run(*argv)[0] == 0
    model = TTSModel.load_model(config="m.safetensors")
    want = model.get_state_for_audio_prompt(given)
    for _ in range(2):
        voice = model.get_default_voice()
        assert np.array_equal(voice.rows(), want.rows())
        assert voice.position == want.position
        model.flow_lm.prompt(model.flow_lm.text([1, 2]), voice)
    found = described(run, "m.safetensors")
    assert found["voice"]["rows"] == want.n_rows
    assert "head width 8" in run("info", "m.safetensors")[1]
    assert found["parameters"] + found["cloning_parameters"] == 30_408


def test_model_of_ones_own_gets_no_voice_unasked(root, one_file, run):
    assert not any(name.startswith("voice.") for name in SafetensorsFile(one_file).names())
    assert run("quantize", "--config", GOLDEN / "lsd.toml", "m.safetensors")[0] == 0
    assert Path("m.safetensors").read_bytes() == one_file.read_bytes()
    assert TTSModel.load_model(config=one_file).own_voice is None


def test_voice_that_is_none_is_refused_before_the_model_is_loaded(root, run):
    status, _, err = run("quantize", "--config", "none.toml", "m.safetensors", "--voice", "nobody")
    assert status == 1
    assert "There is no voice nobody" in err


def test_damaged_voice_in_the_file_is_refused(root, one_file):
    tensors = load_file(one_file) | {"voice.x": np.zeros(1, np.float32)}
    metadata = SafetensorsFile(one_file).metadata
    save_file(tensors, "m.safetensors", metadata)
    with pytest.raises(ValueError, match=r"m\.safetensors is not a voice"):
        TTSModel.load_model(config="m.safetensors")
    with pytest.raises(ValueError, match=r"m\.safetensors is damaged"):
        info.describe(SafetensorsFile("m.safetensors"))


def test_model_and_language_exclude_each_other(root, one_file, capsys):
    with pytest.raises(SystemExit) as exit_:
        __main__.main(["generate", "--model", str(one_file), "--language", "english"])
    assert exit_.value.code == 2


# ---- the kept quantised model


@pytest.fixture
def kept(server, tiny_english, root, caplog):
    """Load the tiny released model with int8; the files kept so far. Of the log, warnings, whatever ran before."""
    caplog.set_level("WARNING", logger="pockettts_np")

    def kept():
        model = TTSModel.load_model("english", quantize=True)
        assert model.config == tiny_english
        return model, sorted((root / "xdg" / "pockettts_np" / "quantized").rglob("*.safetensors"))

    return kept


def test_quantised_model_is_kept_and_is_the_same(kept, cut_off, monkeypatch, caplog):
    caplog.set_level("INFO", logger="pockettts_np")
    first, files = kept()
    assert len(files) == 1
    assert sum("kept for the next time" in message for message in caplog.messages) == 1
    cut_off()
    monkeypatch.setattr(model_module, "quantize_model", None)
    caplog.clear()
    second, again = kept()
    assert again == files
    assert caplog.messages == []
    for one, other in zip(first.flow_lm.transformer.weights, second.flow_lm.transformer.weights, strict=True):
        assert np.array_equal(one, other)


def test_kept_model_does_not_read_the_weights(kept, monkeypatch):
    kept()
    blob = fetch.cached_path(OPEN).resolve()
    blob.write_bytes(bytes(blob.stat().st_size))
    kept()
    monkeypatch.setenv("POCKETTTS_NP_QUANTIZED_CACHE", "off")
    with pytest.raises(ValueError, match="not a safetensors file"):
        kept()


def test_arguments_count_also_with_a_kept_model(kept, server):
    kept()
    model = TTSModel.load_model("english", quantize=True, temp=0.7, eos_threshold=-3.0, sampler_decode_steps=2)
    assert dataclasses.astuple(model.sampling) == (0.7, 2, None, -3.0)
    with pytest.raises(ValueError, match="temperature"):
        TTSModel.load_model("english", quantize=True, temp=-1)


@pytest.mark.parametrize("kept_bytes", [0, 7, 1000, -1])
def test_damaged_kept_model_is_made_again(kept, kept_bytes, caplog):
    caplog.set_level("INFO", logger="pockettts_np")
    _, (path,) = kept()
    whole = path.read_bytes()
    path.write_bytes(whole[:kept_bytes])
    caplog.clear()
    _, files = kept()
    assert files == [path]
    assert path.read_bytes() == whole
    assert any("is damaged" in message for message in caplog.messages)


def test_kept_model_of_another_checkpoint_is_made_again(kept):
    _, (path,) = kept()
    quantize_model(path, config=GOLDEN / "grouped.toml")
    model, files = kept()
    assert files == [path]
    assert model.flow_lm.transformer.n_kv_heads == 2


def test_new_format_keeps_a_model_of_its_own(kept, monkeypatch):
    _, (old,) = kept()
    with monkeypatch.context() as patch:
        patch.setattr(int8_cache, "FORMAT", int8_cache.FORMAT + 1)
        assert len(kept()[1]) == 2
    monkeypatch.setattr(model_module, "quantize_model", None)
    assert old in kept()[1]  # an older version of the package finds its own as before


def test_caches_of_the_hub_in_several_places_share_the_kept_model(kept, monkeypatch, root):
    _, files = kept()
    shutil.copytree(root / "hf", root / "other", symlinks=True)
    monkeypatch.setenv("HF_HOME", str(root / "other"))
    monkeypatch.setattr(model_module, "quantize_model", None)
    assert kept()[1] == files


def test_kept_models_that_nobody_uses_go_when_another_is_kept(kept, monkeypatch):
    _, (old,) = kept()
    neighbour = old.parent.with_name("german") / old.name
    neighbour.parent.mkdir()
    shutil.copy(old, neighbour)
    long_ago = time.time() - (usage.KEPT_DAYS + 1) * 86_400
    for path in (old, neighbour):
        os.utime(path, (long_ago, long_ago))
    used = []
    monkeypatch.setattr(int8_cache, "mark_used", lambda path: (used.append(path), usage.mark_used(path)))
    kept()
    assert used == [old]  # not every file system notes it itself
    monkeypatch.setattr(int8_cache, "FORMAT", int8_cache.FORMAT + 1)
    assert neighbour not in kept()[1]
    assert old in kept()[1]


def test_link_to_nothing_in_the_place_of_a_kept_model_is_replaced(kept, root):
    _, (path,) = kept()
    path.unlink()
    path.symlink_to(root / "elsewhere")
    kept()
    assert not (root / "elsewhere").exists()
    assert not path.is_symlink()


def test_token_keeps_one_more_model_that_clones(kept, monkeypatch):
    model, (old,) = kept()
    assert not model.has_voice_cloning
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    model, found = kept()
    assert model.has_voice_cloning
    assert len({old, *found}) == 2


_KILLED = """
import os, signal, sys
from pathlib import Path
from pockettts_np.files.writing import replacing_file
from pockettts_np.loading import int8_cache

def write(path):
    with replacing_file(path) as file:
        file.write(b"half of it")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

int8_cache._place = lambda config: Path(sys.argv[1])
int8_cache.load_kept(None, lambda path: path.read_bytes(), write)
"""


def test_kill_9_while_it_is_written_leaves_nothing_for_long(kept):
    _, (path,) = kept()
    whole = path.read_bytes()
    path.unlink()
    killed = subprocess.run([sys.executable, "-c", _KILLED, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    (begun,) = (file for file in path.parent.iterdir() if file.name != ".lock")
    assert (begun.suffix, begun.read_bytes()) == (".part", b"half of it")
    assert kept()[1] == [path]
    assert path.read_bytes() == whole
    assert not begun.exists()


def test_two_at_once_make_it_once(root):
    path, made, is_begun, may_end = root / "q" / "x.safetensors", [], threading.Event(), threading.Event()

    def write(path):
        made.append(path)
        is_begun.set()
        may_end.wait(10)
        path.write_bytes(b"whole")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8_cache, "_place", lambda config: path)
        patch.setattr(locks, "sleep", lambda seconds: may_end.set())
        found = []

        def load():
            found.append(int8_cache.load_kept(None, Path.read_bytes, write))

        first = threading.Thread(target=load)
        first.start()
        assert is_begun.wait(10)
        load()  # waits, and so lets the first go on
        first.join(10)
    assert (found, made) == ([b"whole"] * 2, [path])


@pytest.mark.parametrize("value", ["0", "off", "No", "FALSE"])
def test_keeping_can_be_switched_off(kept, monkeypatch, value):
    monkeypatch.setenv("POCKETTTS_NP_QUANTIZED_CACHE", value)
    model, files = kept()
    assert files == []
    assert model.flow_lm.transformer.weights.in_proj.dtype == np.int8


def test_without_room_the_model_speaks_all_the_same(kept, monkeypatch, caplog):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(model_module, "write_model", full)
        model, files = kept()
    assert files == []
    assert model.flow_lm.transformer.weights.in_proj.dtype == np.int8
    assert [record.message.partition(": ")[0] for record in caplog.records] == ["The quantised model is not kept"]
    assert len(kept()[1]) == 1


def test_cache_that_cannot_be_written_is_done_without(kept, root, caplog):
    (root / "xdg").mkdir()
    (root / "xdg" / "pockettts_np").touch()
    assert kept()[1] == []
    assert len(caplog.records) == 1


def test_fetching_that_fails_is_no_matter_of_keeping(kept, server, caplog):
    server.files.pop(SENTENCEPIECE.removeprefix("hf://").partition("@")[0])
    with pytest.raises(errors.NotFoundError):
        kept()
    assert caplog.records == []


def test_float_models_are_not_kept(server, tiny_english, root):
    TTSModel.load_model("english")
    assert not (root / "xdg").exists()


# ---- cache


def stored(run):
    status, out, err = run("cache", "--json")
    assert (status, err) == (0, "")
    assert len(run("cache")[1].splitlines()) == len(json.loads(out)) + 1
    return {row["kind"]: row for row in json.loads(out) if row["kind"] != "kernels" or row["files"]}


@pytest.fixture
def full_cache(kept, server, root, run, monkeypatch):
    """An int8 model, a file from an address, a kernel, the hub's files; and a file of another program beside each."""
    kept()
    server.files["voice.wav"] = File(b"recording")
    fetch.local_path(server.web("voice.wav"))
    run("download", "english")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(root / "numba"))
    others = [
        root / "numba" / "pockettts_np" / "other.nbc",
        root / "xdg" / "pockettts_np" / "notes.txt",
        root / "hf" / "hub" / "models--other--model" / "blobs" / "x",
        fetch.cached_path(ALBA).parent / "other.safetensors",
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"another's")
    (root / "numba" / "pockettts_np" / "pockettts_np.kernels.x-y.nbc").write_bytes(b"kernel")
    monkeypatch.setattr(places, "__file__", str(root / "site" / "places.py"))
    return others


@pytest.mark.usefixtures("full_cache")
def test_cache_tells_how_much_there_is_of_each_kind(run, cut_off):
    cut_off()
    found = stored(run)
    assert {kind: row["files"] for kind, row in found.items()} == {
        "kernels": 1,
        "quantized": 1,
        "fetched": 1,
        "hub": 8,  # four files, and the names that lead to them
    }
    assert found["fetched"]["bytes"] == len(b"recording")
    assert found["kernels"]["bytes"] == len(b"kernel")
    n_bytes = sum(fetch.cached_path(address).stat().st_size for address in (OPEN, TOKENIZER, SENTENCEPIECE, ALBA))
    assert found["hub"]["bytes"] == n_bytes


@pytest.mark.parametrize("kind", ["kernels", "quantized", "fetched", "hub"])
def test_cache_clears_one_kind_and_nothing_of_others(full_cache, run, kind, cut_off):
    cut_off()
    before = stored(run)
    status, out, err = run("cache", "--clear", kind)
    assert (status, out) == (0, "")
    assert f"{kind}: {before[kind]['files']} files removed" in err
    after = stored(run)
    assert after.get(kind, {"files": 0})["files"] == 0
    assert {other: row for other, row in after.items() if other != kind} == {
        other: row for other, row in before.items() if other != kind
    }
    assert all(path.read_bytes() == b"another's" for path in full_cache)


def test_cache_keeps_content_that_another_name_of_the_hub_leads_to(full_cache, run):
    pointer = fetch.cached_path(ALBA)
    other = pointer.parents[4] / "b" / "copy.safetensors"
    other.parent.mkdir(parents=True)
    other.symlink_to(os.path.relpath(pointer.resolve(), other.parent))
    run("cache", "--clear", "hub")
    assert other.read_bytes() == VOICE
    assert fetch.cached_path(ALBA) is None


def test_cache_clears_content_without_symbolic_links_too(server, run, root, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    run("download", "english")
    n_bytes = sum(fetch.cached_path(address).stat().st_size for address in (OPEN, TOKENIZER, ALBA))
    assert stored(run)["hub"]["bytes"] == n_bytes
    run("cache", "--clear", "hub")
    repositories = (root / "hf" / "hub").glob("models--*/*/**/*")
    assert [path for path in repositories if path.is_file() and path.parent.name != "refs"] == []


def test_cache_is_empty_at_first(root, run, monkeypatch):
    for name, folder in (("XDG_CACHE_HOME", "none"), ("HF_HOME", "none"), ("NUMBA_CACHE_DIR", "none")):
        monkeypatch.setenv(name, str(root / folder))
    monkeypatch.setattr(places, "__file__", str(root / "site" / "places.py"))
    assert {row["files"] for row in stored(run).values()} == {0}
    assert run("cache", "--clear", "hub", "--clear", "fetched")[0] == 0


# ---- info


def described(run, path):
    status, out, err = run("info", path, "--json")
    assert (status, err) == (0, "")
    text = run("info", path)[1]
    assert len(text.splitlines()) == len(json.loads(out))
    return json.loads(out)


def test_info_of_a_checkpoint(root, run):
    found = described(run, GOLDEN / "lsd.safetensors")
    assert found == {
        "file": str(GOLDEN / "lsd.safetensors"),
        "bytes": len(WITH_CLONING),
        "kind": "checkpoint",
        "parameters": 30_408,
        "language_model": {"layers": 2, "width": 16},
        "codec": {"layers": 2, "width": 12},
        "fits": [],
        "can_clone": True,
        "numbers_by_type": {"F32": 30_408},
    }


def test_info_tells_whether_a_model_can_clone(root, run, one_file):
    assert described(run, one_file)["can_clone"]
    Path("open.safetensors").write_bytes(without_cloning())
    assert not described(run, "open.safetensors")["can_clone"]
    save_file({name: x for name, x in load_file(one_file).items() if "encoder" not in name}, "x.safetensors")
    assert not described(run, "x.safetensors")["can_clone"]


def test_info_names_the_configurations_that_fit(root, run):
    """Of a file of the sizes of german_24l that holds no more than tells them."""
    names = [f"flow_lm.transformer.layers.{i}.norm1.weight" for i in range(24)]
    names += [f"mimi.decoder_transformer.transformer.layers.{i}.norm1.weight" for i in range(2)]
    tensors = {name: np.zeros(1, np.float16) for name in names}
    tensors |= {"flow_lm.input_linear.weight": np.zeros((1024, 1), np.float16)}
    tensors |= {"mimi.quantizer.output_proj.weight": np.zeros((512, 1, 1), np.float16)}
    save_file(tensors, "x.safetensors")
    found = described(run, "x.safetensors")
    assert "german_24l" in found["fits"]
    assert all("24l" in name for name in found["fits"])
    assert found["numbers_by_type"] == {"F16": 26 + 1024 + 512}


@pytest.mark.parametrize(
    ("name", "kind", "width"),
    [("lsd_raw_flow_lm", "language_model", 16), ("lsd_raw_mimi", "codec", 12)],
)
def test_info_of_one_part(root, run, name, kind, width):
    found = described(run, GOLDEN / f"{name}.safetensors")
    assert found["kind"] == f"checkpoint of the {kind.replace('_', ' ')} alone"
    assert found[kind] == {"layers": 2, "width": width}
    assert not found.get("can_clone")


def test_info_of_a_quantised_model(root, run, one_file):
    found = described(run, one_file)
    assert (found["kind"], found["configuration"], found["bytes"]) == (
        "quantised model",
        "lsd",
        one_file.stat().st_size,
    )
    assert found["parameters"] + found["cloning_parameters"] == 30_408
    assert found["language_model"] == {"layers": 2, "width": 16}
    assert found["numbers_by_type"].keys() == {"I8", "F16", "F32"}


@pytest.mark.parametrize("name", ["voice_saved", "voice_left_padded", "voice_current_end"])
def test_info_of_a_voice(root, run, golden_model, name):
    found = described(run, GOLDEN / f"{name}.safetensors")
    assert (found["kind"], found["layers"], found["heads"], found["head_width"]) == ("voice", 2, 2, 8)
    state = golden_model("lsd").get_state_for_audio_prompt(GOLDEN / f"{name}.safetensors")
    assert found["rows"] == state.n_rows
    assert found["seconds"] == state.n_rows / 12.5


def test_info_of_an_old_voice(root, run):
    found = described(run, GOLDEN / "voice_audio_prompt.safetensors")
    assert (found["kind"], found["width"], found["rows"]) == ("voice", 16, 6)


def test_info_takes_addresses(server, run):
    fetch.local_path(ALBA)
    assert described(run, ALBA)["kind"] == "voice"


def test_info_of_something_else_shows_no_control_characters(root, run):
    save_file({"a\x1b[2Jb": np.zeros(3, np.float32)}, "x.safetensors")
    found = described(run, "x.safetensors")
    assert (found["kind"], found["parameters"]) == ("tensors of another program", 3)
    header = b'{"x": {"dtype": "\\u001b[2J\\u0007", "shape": [1], "data_offsets": [0, 1]}}'
    Path("y.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0")
    assert described(run, "y.safetensors")["numbers_by_type"] == {"?[2J?": 1}


@pytest.mark.parametrize(
    ("tensors", "wanted"),
    [
        ({"x/cache": np.zeros((2, 1, 3, 2, 8), np.float32)}, "lacks the number"),
        ({"x/cache": np.zeros(3, np.float32)}, "has not the shape"),
        ({"audio_prompt": np.zeros(3, np.float32)}, "wanted [1, T, width]"),
        (
            {
                "transformer.layers.0.self_attn/cache": np.zeros((2, 1, 3, 2, 8), np.float32),
                "transformer.layers.0.self_attn/offset": np.array([2**62]),
            },
            "has room for 3 rows",
        ),
    ],
)
def test_info_of_a_damaged_voice(root, run, tensors, wanted):
    save_file(tensors, "x.safetensors")
    status, out, err = run("info", "x.safetensors")
    assert (status, out) == (1, "")
    assert wanted in err


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04pickle" * 10, b"\xff" * 100, bytes(8), b"\x02" + bytes(7) + b"[]"]
)
def test_info_of_what_is_no_safetensors_file(root, run, content):
    Path("x.safetensors").write_bytes(content)
    status, out, err = run("info", "x.safetensors")
    assert (status, out) == (1, "")
    assert "x.safetensors is not a safetensors file" in err


def test_info_of_nothing(root, run):
    status, _, err = run("info", "none.safetensors")
    assert status == 1
    assert "none.safetensors" in err


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "audio_prompt",
        "transformer.layers.0.self_attn/cache",
        "transformer.layers.0.self_attn/offset",
        "transformer.layers.0.self_attn/pad",
        "transformer.layers.0.self_attn/current_end",
        "flow_lm.input_linear.weight",
        "input_linear.weight",
        "flow_lm.transformer.layers.99999.norm1.weight",
        "mimi.quantizer.output_proj.weight",
        "decoder_transformer.transformer.layers.0.x",
        "\x1b",
    ]
)
TENSORS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "I64", "I8", "BF16", "U8", "", "\x1b[2J"]) | VALUES,
        "shape": st.lists(st.integers(-1, 6) | st.just(2**62), max_size=5) | VALUES,
        "data_offsets": st.tuples(st.integers(-1, 64), st.integers(0, 64)) | VALUES,
    }
)
METADATA = st.dictionaries(
    st.sampled_from(["pockettts_np.config", "pockettts_np.tokenizer", "x"]),
    VALUES | st.just(json.dumps({"name": "\x1b", "flow_lm": {}})),
    max_size=3,
)


@given(
    header=st.dictionaries(NAMES, TENSORS | VALUES, max_size=4),
    metadata=st.none() | METADATA | VALUES,
    data=st.binary(max_size=64),
)
@example({"transformer.layers.0.self_attn/cache": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}, None, b"abcd")
@example({"flow_lm.input_linear.weight": {"dtype": "I8", "shape": [], "data_offsets": [0, 1]}}, None, b"a")
@example({"a": {"dtype": "F32", "shape": [2**62, 0], "data_offsets": [0, 0]}}, None, b"")
@example({"audio_prompt": {"dtype": "F32", "shape": [], "data_offsets": []}}, None, b"")
@example({"audio_prompt": {"dtype": None, "shape": [], "data_offsets": [0, 0]}}, None, b"")
def test_any_header_is_described_or_refused_in_a_sentence(tmp_path_factory, header, metadata, data):
    """Near-valid headers: known names, small shapes and offsets, and values of any type in their places."""
    if metadata is not None:
        header = {"__metadata__": metadata} | header
    text = json.dumps(header).encode()
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    try:
        found = info.describe(SafetensorsFile(path))
    except ValueError as error:
        refusal = str(error)
    else:
        json.dumps(found)
        assert all(line.isprintable() for line in map(info._text, found.values()))
        return
    assert refusal.startswith(str(path))
    assert refusal.endswith((".", "?"))
