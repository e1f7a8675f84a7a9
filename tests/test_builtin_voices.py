"""Voices that the built-in model brings by name: everywhere that a catalogue voice of a released model can be named."""

import json
import logging

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pockettts_np import TTSModel, batch, export_model_state
from pockettts_np.hub import catalogue, errors
from pockettts_np.loading.own_voices import builtin_voices, language_of
from pockettts_np.server.voices import DEFAULT, OPENAI_VOICES
from tests.support.english import answer_for_english
from tests.support.helpers import GOLDEN
from tests.support.named_voices import add_voices

ROWS = {name: np.random.default_rng(i).standard_normal((2, 192)) for i, name in enumerate(["alpha", "kumo"])}
TEXT = "Hello."


@pytest.fixture(scope="module")
def two_voices(tmp_path_factory):
    """The built-in model with two voices, of which the second in the file is the default."""
    target = tmp_path_factory.mktemp("model") / "builtin.safetensors"
    return add_voices(catalogue.builtin_file(), target, ROWS, "kumo")


@pytest.fixture(autouse=True)
def _built_in(two_voices, monkeypatch):
    """In a process that may have met the package's own file."""
    monkeypatch.setattr(catalogue, "builtin_file", lambda: two_voices)
    for cached in (batch._load, batch._voice):
        cached.cache_clear()
    yield
    for cached in (batch._load, batch._voice):
        cached.cache_clear()


@pytest.fixture
def english_here(monkeypatch, tiny_model):
    """As if english were in the cache: a tiny model answers for it."""
    answer_for_english(monkeypatch)
    monkeypatch.setattr(catalogue, "is_cached", lambda config: config.name == "english")


def spoken(model, voice):
    return model.generate_audio(voice, TEXT, noise=0)


def states():
    """The voices as saved voices with the same rows make them, by name."""
    model = TTSModel.load_model("builtin")
    return {name: read(model, rows) for name, rows in ROWS.items()}


def read(model, rows):
    state = model.flow_lm.init_state()
    model.flow_lm.prompt(model.flow_lm.before_voice(rows.astype(np.float32)), state)
    return state


def test_a_voice_is_had_by_name_and_the_default_is_the_one_that_the_file_names():
    model, wanted = TTSModel.load_model("builtin"), states()
    assert list(model.own_voices) == builtin_voices() == ["kumo", "alpha"]
    for name, state in wanted.items():
        assert np.array_equal(model.get_state_for_audio_prompt(name).rows(), state.rows())
    assert np.array_equal(model.get_default_voice().rows(), wanted["kumo"].rows())
    assert not np.array_equal(wanted["kumo"].rows(), wanted["alpha"].rows())


def test_a_voice_is_read_once_and_speech_that_goes_on_in_it_leaves_it_as_it_was(monkeypatch):
    model = TTSModel.load_model("builtin")
    first = model.get_state_for_audio_prompt("kumo")
    monkeypatch.setattr(type(model.flow_lm), "before_voice", None)
    n_rows = first.n_rows
    model.generate_audio(first, TEXT, copy_state=False)
    assert first.n_rows > n_rows
    assert model.get_state_for_audio_prompt("kumo").n_rows == n_rows
    with pytest.raises(TypeError):
        model.get_state_for_audio_prompt("alpha")


@pytest.mark.parametrize("name", ["kumo", "alpha"])
def test_a_model_without_a_name_is_the_built_in_one_for_its_voices_whatever_is_cached(name, request):
    for _ in range(2):
        model = TTSModel.load_model(temp=0.1)
        voice = model.get_state_for_audio_prompt(name)
        assert (model.config.name, model.temp) == ("builtin", 0.1)
        assert np.array_equal(voice.rows(), states()[name].rows())
        assert len(spoken(model, voice)) > 0
        request.getfixturevalue("english_here")  # for the second time
        assert catalogue.default_language() == "english"


@pytest.mark.usefixtures("english_here")
def test_a_model_without_a_name_stays_the_cached_one_for_every_other_voice(tmp_path, tiny_model):
    export_model_state(tiny_model.get_initial_state(), tmp_path / "alba.safetensors")
    for first_voice in (
        TTSModel.get_initial_state,
        lambda model: model.get_state_for_audio_prompt(tmp_path / "alba.safetensors"),
    ):
        model = TTSModel.load_model()
        first_voice(model)
        assert model.config.name == "english"


def test_a_model_without_a_name_is_the_large_one_for_a_catalogue_voice():
    with pytest.raises(errors.OfflineError, match="needs the model english"):
        TTSModel.load_model().get_state_for_audio_prompt("alba")


def test_no_name_means_two_voices():
    """Else the name of a voice would not say which model it means."""
    others = {DEFAULT, *OPENAI_VOICES, *catalogue.VOICES}
    assert not others & set(builtin_voices())


def test_voices_say_which_model_is_meant():
    assert language_of(["kumo"]) == language_of(["alpha", "kumo"]) == "builtin"
    assert language_of(["alba"]) == language_of(["kumo", "alba"]) == language_of(["me.wav"]) == "english"


@pytest.mark.parametrize("voice", ["alba", "nobody", np.zeros(24_000, np.float32)])
def test_another_voice_is_refused_with_those_that_there_are(voice):
    model = TTSModel.load_model("builtin")
    with pytest.raises(ValueError, match="has no voice but kumo, alpha, and cannot clone another"):
        model.get_state_for_audio_prompt(voice)
    with pytest.raises(FileNotFoundError, match="neither a file nor one of the names kumo, alpha, cosette"):
        TTSModel.load_model().get_state_for_audio_prompt("nobody")


def test_a_text_calls_them_by_name():
    model = TTSModel.load_model("builtin")
    kumo, alpha = (model.get_state_for_audio_prompt(name) for name in ("kumo", "alpha"))
    assert np.array_equal(spoken(model, alpha), model.generate_audio(kumo, f"[voice:alpha]{TEXT}", noise=0))
    with pytest.raises(ValueError, match=r"calls for the voice 'beta', which is not there. Wanted one of: kumo, alpha"):
        model.generate_audio(kumo, "[voice:beta]Hello.")


def test_a_text_s_own_voices_come_before_them():
    model = TTSModel.load_model("builtin")
    model.voices = {"kumo": model.get_state_for_audio_prompt("alpha")}
    assert model.get_named_voice("kumo") is model.voices["kumo"]
    with pytest.raises(ValueError, match="Wanted one of: kumo, alpha"):
        model.get_named_voice("nobody")


# ---- commands


def made_by(run, *options):
    status, _, err = run("generate", "--seed", "0", "--output-path", "out.wav", *options)
    assert status == 0, err
    from soundfile import read

    return read("out.wav", dtype="int16")[0], err


def test_generate_takes_a_name_alone(run):
    by_name = {name: made_by(run, "--text", TEXT, "--voice", name) for name in ("kumo", "alpha")}
    assert all("small built-in voice" not in err for _, err in by_name.values())
    kumo, alpha = (samples for samples, _ in by_name.values())
    assert not np.array_equal(kumo, alpha)
    assert np.array_equal(kumo, made_by(run, "--text", TEXT)[0])  # the default
    assert np.array_equal(alpha, made_by(run, "--text", f"[voice:alpha]{TEXT}", "--language", "builtin")[0])


@pytest.mark.usefixtures("english_here")
def test_generate_takes_a_name_alone_where_english_is_cached(run):
    made_by(run, "--text", TEXT, "--voice", "kumo")
    status, _, err = run("generate", "--text", TEXT, "--voice", "alba")
    assert status == 1
    assert "english/embeddings/alba" in err


def test_generate_refuses_an_unknown_name_before_anything_is_loaded(run, monkeypatch):
    monkeypatch.setattr(TTSModel, "load_model", None)
    for language in ([], ["--language", "builtin"]):
        status, _, err = run("generate", "--text", TEXT, "--voice", "kuma", *language)
        assert status == 1
        assert "There is no voice kuma: it is neither a file nor one of the names kumo, alpha, cosette" in err


def test_a_model_s_file_is_asked_for_its_voices(run, two_voices, tmp_path):
    model = tmp_path / "m.safetensors"
    model.write_bytes(two_voices.read_bytes())
    made_by(run, "--text", TEXT, "--model", "m.safetensors", "--voice", "alpha")
    status, _, err = run("generate", "--text", TEXT, "--model", "m.safetensors", "--voice", "nobody")
    assert (status, "names kumo, alpha" in err) == (1, True)


def test_export_voice_saves_one(run):
    assert run("export-voice", "alpha", "a.safetensors")[0] == 0
    state = TTSModel.load_model("builtin").get_state_for_audio_prompt("a.safetensors")
    assert np.array_equal(state.rows(), states()["alpha"].rows())


def test_voices_lists_them(run):
    status, out, _ = run("voices", "--language", "builtin", "--json")
    found = json.loads(out)
    assert status == 0
    assert [(v["name"], v["model"], v["is_default"], v["is_cached"]) for v in found] == [
        ("kumo", "builtin", True, True),
        ("alpha", "builtin", False, True),
    ]
    lines = run("voices")[1].decode().splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["kumo", "alpha"]
    assert [line.endswith("the default there") for line in lines[-2:]] == [True, False]
    assert len(lines) == 1 + len(catalogue.VOICES) + 2


def test_info_and_models_describe_the_file(run, two_voices):
    assert json.loads(run("info", two_voices, "--json")[1])["voices"] == ["kumo", "alpha"]
    (builtin, *_) = json.loads(run("models", "--json")[1])
    assert (builtin["name"], builtin["is_cached"]) == ("builtin", True)


def test_bench_measures_the_default_voice(run, monkeypatch):
    from pockettts_np.commands.inspection import bench, measure

    voices = []
    monkeypatch.setattr(bench, "measured", lambda model, voice, n: voices.append(voice) or measure.Speed(1.0, 1.0))
    assert run("bench", "--seconds", "0", "--threads", "1")[0] == 0
    assert np.array_equal(voices[0].rows(), states()["kumo"].rows())


def test_batch_takes_the_built_in_model_for_its_voices_alone(run, tmp_path):
    lines = [{"text": TEXT, "voice": "kumo"}, {"text": TEXT, "voice": "alpha"}, {"text": TEXT}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    status, _, err = run("batch", "m.jsonl", "out")
    assert status == 0, err
    kumo, alpha, default = ((tmp_path / "out" / f"00000{i}.wav").read_bytes() for i in (1, 2, 3))
    assert kumo == default != alpha
    items = batch.read_manifest("m.jsonl")
    assert batch._with_model(batch.Settings(), items).model == (("language", "builtin"),)
    items.append(batch.Item("Hi.", "x.wav", voice="alba"))
    assert batch._with_model(batch.Settings(), items).model == (("language", "english"),)


def test_a_bundle_speaks_with_the_one_that_it_was_made_with(run, tmp_path):
    assert run("bundle", "device", "--voice", "alpha")[0] == 0
    assert not (tmp_path / "device" / "model.safetensors").exists()
    main = (tmp_path / "device" / "__main__.py").read_text()
    assert 'BUILTIN = ["--language", "builtin", "--voice", "alpha"]' in main
    compile(main, "__main__.py", "exec")


# ---- writing such a file


@pytest.fixture
def unread(tmp_path):
    """Saved voices of a golden model that no model has read, as training writes them."""
    for i, name in enumerate(("low", "high")):
        rows = np.random.default_rng(i).standard_normal((1, 2, 16)).astype(np.float32)
        save_file({"audio_prompt": rows}, tmp_path / f"{name}.safetensors")
    return tmp_path


def test_quantize_puts_several_voices_into_the_file_as_they_are(run, unread):
    golden = ["--config", GOLDEN / "lsd.toml"]
    voices = [
        "--voice",
        "low.safetensors",
        "--voice",
        "high.safetensors",
        "--voice",
        GOLDEN / "voice_saved.safetensors",
    ]
    assert run("quantize", "m.safetensors", *golden, *voices)[0] == 0
    held = {name: tensor for name, tensor in load_file("m.safetensors").items() if name.startswith("voice")}
    assert [name for name in held if "low" in name] == ["voices.low.audio_prompt"]
    assert np.array_equal(held["voices.high.audio_prompt"], load_file("high.safetensors")["audio_prompt"])
    model = TTSModel.load_model(config="m.safetensors")
    quantized = TTSModel.load_model(config=GOLDEN / "lsd.toml", quantize=True)
    assert list(model.own_voices) == ["low", "high", "voice_saved"]
    for name, path in {"low": "low.safetensors", "voice_saved": GOLDEN / "voice_saved.safetensors"}.items():
        wanted = quantized.get_state_for_audio_prompt(path)
        assert np.array_equal(model.get_state_for_audio_prompt(name).rows(), wanted.rows())
    assert np.array_equal(model.get_default_voice().rows(), model.own_voices["low"].rows())


@pytest.mark.parametrize(
    ("voices", "wanted"),
    [
        (["low.safetensors", "low.safetensors"], "have one name"),
        (["low.safetensors", "a b.safetensors"], "'a b' is no name for a voice"),
        (["low.safetensors", "nobody"], "There is no voice nobody"),
        (["low.safetensors", ""], "voice is empty"),
    ],
)
def test_quantize_refuses_names_that_cannot_be(run, unread, voices, wanted):
    (unread / "a b.safetensors").write_bytes((unread / "low.safetensors").read_bytes())
    given = [part for voice in voices for part in ("--voice", voice)]
    status, _, err = run("quantize", "m.safetensors", "--config", GOLDEN / "lsd.toml", *given)
    assert status == 1
    assert wanted in err
    assert not (unread / "m.safetensors").exists()


@pytest.mark.parametrize(
    ("voices", "default", "wanted"),
    [
        (ROWS, "beta", "is damaged: its default voice 'beta' is not inside"),
        ({"\x1b[2J": ROWS["kumo"]}, None, "is damaged: .* is no name for a voice"),
    ],
)
def test_a_file_that_names_its_voices_wrongly_is_damaged(two_voices, tmp_path, voices, default, wanted):
    own = add_voices(catalogue.builtin_file(), tmp_path / "m.safetensors", {}, None)
    plain = TTSModel.load_model(config=own)
    assert list(plain.own_voices) == ["kumo", "alpha"]
    path = add_voices(own, tmp_path / "damaged.safetensors", voices, default)
    with pytest.raises(ValueError, match=wanted):
        TTSModel.load_model(config=path)


def test_a_voice_of_another_width_is_refused_when_it_is_asked_for(tmp_path, two_voices, caplog):
    path = add_voices(two_voices, tmp_path / "m.safetensors", {"wide": np.zeros((2, 200))})
    model = TTSModel.load_model(config=path)
    with pytest.raises(ValueError, match=r"'audio_prompt' has shape \[1, 2, 200\]; this model wants \[1, T, 192\]"):
        model.get_state_for_audio_prompt("wide")
    assert len(model.get_state_for_audio_prompt("kumo").rows()) > 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
