"""How a text is spoken, by options: SSML, voices by name, silence, loudness, times of live text."""

import json

import numpy as np
import pytest
import soundfile

from tests.support.helpers import GOLDEN

MODEL = ("--config", GOLDEN / "lsd.toml", "--quiet")
VOICE = ("--voice", GOLDEN / "voice_saved.safetensors", "--seed", 1)


@pytest.fixture
def generated(run):
    """The samples that `generate` makes with these arguments."""

    def generated(*arguments, stdin=None) -> np.ndarray:
        status, _, err = run("generate", *MODEL, *VOICE, *arguments, stdin=stdin)
        assert (status, err) == (0, "")
        return soundfile.read("tts_output.wav", dtype="int16")[0]

    return generated


def test_a_document_sounds_as_its_text(generated):
    plain = generated("--text", "Hello [pause:100ms] you.")
    assert np.array_equal(generated("--ssml", "--text", '<speak>Hello <break time="100ms"/> you.</speak>'), plain)
    assert np.array_equal(
        generated("--ssml", "--text", "-", stdin=b"<speak>Hello <break time='.1s'/>you.</speak>"), plain
    )


def test_a_document_that_cannot_be_read_leaves_no_file(run, tmp_path):
    status, _, err = run("generate", *MODEL, *VOICE, "--ssml", "--text", "<speak>Hello")
    assert status == 1
    assert "The SSML cannot be read: no element found (line 1, column 13)." in err
    assert list(tmp_path.iterdir()) == []


def test_a_document_is_whole(run):
    status, _, err = run("generate", *MODEL, "--ssml", "--follow", stdin=b"<speak/>")
    assert status == 1
    assert "--ssml needs the whole document beforehand" in err


def test_a_folder_holds_the_voices_that_a_text_calls(generated, run, tmp_path):
    (tmp_path / "cast").mkdir()
    (tmp_path / "cast" / "bob.safetensors").write_bytes((GOLDEN / "voice_saved.safetensors").read_bytes())
    (tmp_path / "cast" / "notes.txt").write_text("no voice")
    plain = generated("--text", "Hello [pause:0] you.")
    got = generated("--text", "Hello [pause:0] [voice:bob] you.", "--voices", tmp_path / "cast")
    assert np.array_equal(got, plain)
    status, _, err = run("generate", *MODEL, *VOICE, "--text", "[voice:notes] Hi", "--voices", tmp_path / "cast")
    assert status == 1
    assert "calls for the voice 'notes', which is not there. Wanted one of: bob." in err
    status, _, err = run("generate", *MODEL, "--voices", tmp_path / "none")
    assert (status, "There is no folder of voices" in err) == (1, True)
    with pytest.raises(SystemExit):
        run("generate", "--voices", "")


def test_silence_stands_after_sentences_and_paragraphs(generated):
    text = "Hello. You.\n\nAnd you."
    got = generated("--text", text, "--sentence-pause", "0.1", "--paragraph-pause", "0.2")
    assert np.array_equal(got, generated("--text", "Hello. [pause:.1] You. [pause:.2] And you."))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--sentence-pause", "601"], "The pause after a sentence is 601 seconds; wanted 0 to 600."),
        (["--loudness", "0"], "The loudness is 0 LUFS; wanted -60 to -5."),
        (["--speed", "4.1"], "The speed is 4.1; wanted 0.25 to 4 times the natural one."),
    ],
)
def test_values_are_refused_before_any_work(run, arguments, says):
    for command in (["generate", "--config", "none.toml"], ["batch", "none.jsonl", "out", "--config", "none.toml"]):
        status, _, err = run(*command, *arguments)
        assert (status, says in err) == (1, True)


@pytest.mark.parametrize("arguments", [["--sentence-pause", "-1"], ["--paragraph-pause", "x"], ["--loudness", "nan"]])
def test_what_is_no_number_is_wrong_usage(run, arguments):
    with pytest.raises(SystemExit, match="2"):
        run("generate", *arguments)


def test_a_batch_reads_documents_too(run, tmp_path):
    (tmp_path / "m.jsonl").write_text(json.dumps({"text": "<speak>Hello.<break time='50ms'/></speak>", "seed": 1}))
    status, _, err = run(
        "batch", "--language", "builtin", "--quiet", "--ssml", "--paragraph-pause", "1", "m.jsonl", "out"
    )
    assert (status, err) == (0, "")
    assert (tmp_path / "out" / "000001.wav").stat().st_size > 2400


def test_what_would_be_read_of_a_document_is_shown(run):
    document = '<speak>Hello <prosody rate="2" volume="soft">you</prosody><break/><voice name="bob">3</voice></speak>'
    status, out, _ = run("read", "--language", "builtin", "--ssml", "--text", document)
    assert status == 0
    shown = [line[len("TOKENS  ") :] for line in out.decode().splitlines()]
    assert shown[1:] == ["hello.", "[speed 2 volume_db -6] you.", "[pause of 0.75 s]", "[bob] three."]
    status, out, _ = run("read", "--language", "builtin", "--ssml", "--json", "--text", document)
    assert [part.get("voice") for part in json.loads(out)] == [None, None, None, "bob"]


def test_live_text_has_subtitles(run, tmp_path):
    arguments = ("--language", "builtin", "--quiet", "--seed", 1)
    status, *_ = run("generate", *arguments, "--follow", "--subtitles", "a.json", stdin=b"It costs $5. [pause:1s] Yes.")
    assert status == 0
    words = json.loads((tmp_path / "a.json").read_text())["words"]
    assert [word["text"] for word in words] == ["It", "costs", "$5.", "Yes."]
    assert words[3]["start_s"] > words[2]["end_s"] + 1
