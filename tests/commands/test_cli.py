"""cli.py: arguments, what they lead to, what is written, what is shown, and the exit status.

Most tests put a fake model behind `options.load_tts_model`; those at the end speak with a tiny random one.
"""

import errno
import io
import logging
import os
import runpy
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file

import pockettts_np
from pockettts_np import __main__
from pockettts_np.audio.effects import processed
from pockettts_np.audio.recording import read_audio
from pockettts_np.audio.samples import to_int16
from pockettts_np.audio.wav import write_wav
from pockettts_np.commands import export_voice
from pockettts_np.commands.terminal import options, session
from pockettts_np.files import writing
from pockettts_np.hub import catalogue
from pockettts_np.model import TTSModel
from tests.support.helpers import files

TESTS = Path(__file__).parents[1]
REF_WAV = TESTS.parent / "ref.wav"
FRAME = np.linspace(-0.5, 0.5, 1920, dtype=np.float32)
CLOSING_SILENCE = bytes(2 * 4800)


class FakeModel:
    """Speaks three ramps, then raises `error` if there is one. Remembers what it was asked."""

    def __init__(self, error=None):
        self.sample_rate = 24_000
        self.has_voice_cloning = True
        self.config = SimpleNamespace(name="fake", mimi=SimpleNamespace(frame_samples=1920))
        self.error = error
        self.asked = []
        self.closed = False

    def get_state_for_audio_prompt(self, voice, truncate=False):
        self.asked.append(("voice", voice, truncate))
        if "bad" in voice:
            raise ValueError(f"{voice} is silent.")
        return voice

    def get_default_voice(self):
        self.asked.append(("voice", "default"))
        return "default"

    def generate_audio_stream(self, state, text, **options):
        self.asked.append(("speak", state, text, options))
        try:
            yield from [FRAME] * 3
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


@pytest.fixture
def model(monkeypatch):
    fake = FakeModel()
    monkeypatch.setattr(options, "load_tts_model", lambda args: fake)
    monkeypatch.setattr(options, "default_language", lambda: "builtin")
    return fake


@pytest.fixture
def no_model(monkeypatch):
    """Whatever is refused here must be refused before a model is loaded."""

    def load(args):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(options, "load_tts_model", load)


def pcm(path):
    """The samples of a WAV file, as bytes, without the closing silence."""
    content = Path(path).read_bytes()
    assert content[36:40] == b"data"
    assert struct.unpack_from("<I", content, 40) == (len(content) - 44,)
    assert content.endswith(CLOSING_SILENCE)
    return content[44 : -len(CLOSING_SILENCE)]


THREE_FRAMES = to_int16(np.tile(FRAME, 3)).tobytes()


# Arguments


def test_the_defaults_are_those_of_the_reference():
    args = vars(__main__.build_parser().parse_args(["generate"]))
    del args["command"]
    assert args == {
        "text": None,
        "follow": False,
        "words": [],
        "normalize": None,
        "text_language": None,
        "lexicon": None,
        "voice": None,
        "quiet": False,
        "language": None,
        "config": None,
        "checkpoint": None,
        "sampler_decode_steps": 1,
        "lsd_decode_steps": None,
        "temperature": None,
        "noise_clamp": None,
        "eos_threshold": None,
        "frames_after_eos": None,
        "output_path": None,  # ./tts_output.wav, unless the speech is played
        "format": None,
        "rate": None,
        "speed": 1.0,
        "ssml": False,
        "voices": None,
        "sentence_pause": 0.0,
        "paragraph_pause": None,
        "loudness": None,
        "subtitles": None,
        "play": False,
        "device": "cpu",
        "max_tokens": 50,
        "quantize": False,
        "seed": None,
        "threads": None,
        "traceback": False,
    }


WRONG_USAGE = {
    "": "required: COMMAND",
    "speak": "there is no command 'speak'; did you mean generate?",
    "generate --nonsense": "unrecognized arguments",
    "generate --temp 0.3": "unrecognized arguments",
    "generate --device cuda": "'cuda' cannot be used: this program runs on the CPU alone",
    "generate --checkpoint step.pt": "need torch; convert the weights to .safetensors",
    "generate --language english --config my.yaml": "not allowed with",
    "generate --sampler-decode-steps 0": "'0' is not a whole number of at least 1",
    "generate --threads 0": "'0' is not a whole number from 1 to 64",
    "generate --sampler-decode-steps one": "'one' is not a whole number of at least 1",
    "generate --max-tokens 0": "'0' is not a whole number of at least 1",
    "generate --frames-after-eos -1": "'-1' is not a whole number of at least 0",
    "generate --seed -1": "'-1' is not a whole number of at least 0",
    "generate --temperature -0.1": "'-0.1' is not a number of at least 0",
    "generate --temperature nan": "'nan' is not a number of at least 0",
    "generate --noise-clamp inf": "'inf' is not a number of at least 0",
    "generate --eos-threshold nan": "'nan' is not a number",
    "export-voice ref.wav": "required: OUT",
}


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(("line", "says"), WRONG_USAGE.items())
def test_wrong_usage_ends_with_2(capsys, line, says):
    with pytest.raises(SystemExit) as caught:
        __main__.main(line.split())
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


def test_help_names_every_command_and_option(capsys):
    for argv in (["--help"], ["generate", "--help"], ["export-voice", "--help"]):
        with pytest.raises(SystemExit) as caught:
            __main__.main(argv)
        assert caught.value.code == 0
    shown = capsys.readouterr().out
    hidden = {"command", "checkpoint", "lsd_decode_steps", "words"}
    options = set(vars(__main__.build_parser().parse_args(["generate"]))) - hidden
    for option in options:
        assert f"--{option.replace('_', '-')}" in shown
    assert "export-voice" in shown
    assert "[TEXT ...]" in shown
    assert "AUDIO OUT" in shown


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        __main__.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"pockettts-np {pockettts_np.__version__}\n"


def subprocess_options(folder):
    """Run in `folder` with the package under test, installed or not."""
    env = dict(os.environ, PYTHONPATH=str(Path(pockettts_np.__file__).parent.parent))
    return {"cwd": folder, "env": env, "capture_output": True, "timeout": 120}


def test_help_imports_nothing_heavy(tmp_path):
    program = (
        "import sys\nfrom pockettts_np.__main__ import build_parser\nbuild_parser().format_help()\n"
        "print(sorted({'numba', 'soundfile', 'sentencepiece', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], **subprocess_options(tmp_path))
    assert (done.stdout.strip(), done.stderr) == (b"[]", b"")


def test_options_reach_the_model(run, monkeypatch):
    fake, loads = FakeModel(), []

    def load_model(**options):
        loads.append(options)
        return fake

    monkeypatch.setattr("pockettts_np.model.TTSModel.load_model", load_model)
    line = (
        "generate --text Hi --voice alba --config my.yaml --temperature 0 --sampler-decode-steps 2 --noise-clamp 3 "
        "--eos-threshold -5.5 --frames-after-eos 4 --max-tokens 9 --seed 7 --quantize --threads 3"
    )
    assert run(*line.split())[0] == 0
    assert run("export-voice", REF_WAV, "absent/x.safetensors", "--language", "german")[0] == 1
    assert loads == [
        {
            "config": "my.yaml",
            "temp": 0.0,
            "sampler_decode_steps": 2,
            "noise_clamp": 3.0,
            "eos_threshold": -5.5,
            "quantize": True,
            "threads": 3,
        }
    ]
    options = {"max_tokens": 9, "frames_after_eos": 4, "noise": 7}
    assert fake.asked == [("voice", "alba", False), ("speak", "alba", "Hi", options)]


def test_export_voice_loads_the_model_of_its_language(run, monkeypatch):
    loads = []

    def load_model(**options):
        loads.append(options)
        raise ValueError("enough")

    monkeypatch.setattr("pockettts_np.model.TTSModel.load_model", load_model)
    assert run("export-voice", REF_WAV, "x.safetensors", "--language", "german")[0] == 1
    assert loads == [{"language": "german"}]


def test_the_old_name_of_sampler_decode_steps_works_and_warns(run, monkeypatch):
    seen = []
    monkeypatch.setattr(options, "load_tts_model", lambda args: seen.append(args.sampler_decode_steps) or FakeModel())
    status, _, err = run("generate", "--text", "Hi", "--lsd-decode-steps", "3")
    assert (status, seen) == (0, [3])
    assert "WARNING: --lsd-decode-steps is deprecated" in err


# Text and voice


@pytest.mark.parametrize(
    ("options", "text", "voice"),
    [
        ([], catalogue.default_text("builtin"), "default"),
        (["--language", "german_24l"], catalogue.default_text("german"), "default"),
        (["--config", "my.yaml"], catalogue.default_text("english"), "default"),
        (["--voice", "alba"], catalogue.default_text("english"), "alba"),
        (["--text", "-", "--voice", "jean"], "Grüße.\n", "jean"),
        (["--text", "-x", "--voice", "hf://a/b/c.wav"], "-x", "hf://a/b/c.wav"),
    ],
)
def test_text_and_voice_default_by_language(run, model, options, text, voice):
    if options[:2] == ["--text", "-x"]:
        options = ["--text=-x", *options[2:]]
    assert run("generate", *options, stdin="Grüße.\n".encode("utf-8-sig"))[0] == 0
    assert [(kind, said[0]) for kind, *said in model.asked] == [("voice", voice), ("speak", voice)]
    assert model.asked[1][2] == text


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("text", "stdin", "says"),
    [
        ("", None, "There is nothing to say"),
        (" \n\t\u3000", None, "There is nothing to say"),
        ("-", b"", "There is nothing to say"),
        ("-", b"good \xff bad", "not UTF-8 text: byte 0xff at position 5"),
        ("-", b"y\n" * 6_000_000, "more than 10000000 bytes"),
        ("bad \udcff", None, "not UTF-8"),
    ],
)
def test_text_is_checked_before_the_model_is_loaded(run, text, stdin, says):
    status, out, err = run("generate", "--text", text, "--voice", "alba", stdin=stdin)
    assert (status, out, files()) == (1, b"", [])
    assert err.startswith("pockettts-np: error: ")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("command", [["generate", "--text", "Hi", "--voice"], ["export-voice"]])
def test_a_voice_that_is_not_there_is_refused_before_the_model_is_loaded(run, command):
    more = ["out.safetensors"] if command == ["export-voice"] else []
    status, _, err = run(*command, "nobody", *more)
    assert (status, files()) == (1, [])
    assert "There is no voice nobody: it is neither a file nor one of the names kumo, cosette, " in err


@pytest.mark.usefixtures("no_model")
def test_a_folder_is_no_voice(run, tmp_path):
    status, _, err = run("generate", "--text", "Hi", "--voice", tmp_path)
    assert status == 1
    assert f"{tmp_path} is a folder" in err


# Output


def test_speech_goes_to_the_file_with_a_closing_silence(run, model):
    status, out, err = run("generate", "--text", "Hi", "--output-path", "a.wav")
    assert (status, out, files()) == (0, b"", ["a.wav"])
    assert pcm("a.wav") == THREE_FRAMES
    assert err.startswith("INFO: a.wav written: 3 frames, 0.2 s of speech, ")


def test_the_default_output_is_tts_output_wav(run, model):
    assert run("generate", "--text", "Hi")[0] == 0
    assert files() == ["tts_output.wav"]


def test_speech_goes_to_standard_output_as_a_growing_wav(run, model):
    status, out, err = run("generate", "--text", "Hi", "--output-path", "-", "-q")
    assert (status, files(), err) == (0, [], "")
    assert out[44:] == THREE_FRAMES + CLOSING_SILENCE


@pytest.mark.usefixtures("no_model")
def test_a_terminal_gets_no_wav(run, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    status, _, err = run("generate", "--text", "Hi", "--output-path", "-")
    assert status == 1
    assert "Standard output is a terminal" in err


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("path", "says"), [(".", "is a folder"), ("absent/a.wav", "there is no folder"), ("n" * 300, "File name too long")]
)
def test_an_output_that_cannot_be_written_is_refused_before_the_model_is_loaded(run, path, says):
    status, _, err = run("generate", "--text", "Hi", "--output-path", path)
    assert (status, files()) == (1, [])
    assert says in err
    assert path in err


ERRORS = [
    (ValueError("Two\nlines."), 1, "error: Two lines."),
    (FileNotFoundError("There is no such model."), 1, "error: There is no such model."),
    (FileNotFoundError(2, "No such file or directory", "x"), 1, "error: x: No such file or directory."),
    (OSError(28, "No space left on device"), 1, "error: a.wav: the disk is full."),
    (PermissionError(13, "Permission denied"), 1, "error: Permission denied."),
    (MemoryError(), 1, "error: There is not enough memory; take a shorter recording or a smaller model."),
    (
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        1,
        "error: There is not enough memory; take a shorter recording or a smaller model.",
    ),
    (
        RuntimeError("can't start new thread"),
        1,
        "error: There is not enough memory; take a shorter recording or a smaller model.",
    ),
    (ImportError("Install PyYAML."), 1, "error: Install PyYAML."),
    (KeyError("x"), 1, "error: KeyError: 'x'. This is a fault of the program: run it again with --traceback"),
    (KeyboardInterrupt(), 130, "interrupted"),
]


@pytest.mark.parametrize(("error", "status", "says"), ERRORS)
@pytest.mark.parametrize("existing", [True, False])
def test_an_error_is_one_sentence_and_leaves_the_files_as_they_were(run, model, error, status, says, existing):
    if existing:
        Path("a.wav").write_bytes(b"old")
    model.error = error
    got, out, err = run("generate", "--text", "Hi", "--output-path", "a.wav")
    assert (got, out) == (status, b"")
    assert err.startswith(f"pockettts-np: {says}")
    assert err.count("\n") == 1
    assert files() == (["a.wav"] if existing else [])
    assert not existing or Path("a.wav").read_bytes() == b"old"
    assert model.closed


def test_traceback_shows_where_an_error_arose(run, model):
    model.error = KeyError("x")
    _, _, err = run("generate", "--text", "Hi", "--traceback")
    assert err.startswith("Traceback (most recent call last):")
    assert "generate_audio_stream" in err
    assert "pockettts-np: error: KeyError" in err


def test_a_reader_that_left_ends_the_command_quietly(run, model, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stdout:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", stdout)
        assert __main__.main(["generate", "--text", "Hi", "--output-path", "-", "-q"]) == 141
        monkeypatch.undo()
    assert model.closed


def test_a_full_device_behind_standard_output_is_named(run, model, monkeypatch, capsysbinary):
    with Path("/dev/full").open("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert __main__.main(["generate", "--text", "Hi", "--output-path", "-", "-q"]) == 1
        monkeypatch.undo()
    assert capsysbinary.readouterr().err == b"pockettts-np: error: standard output: the disk is full.\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_is_one_line_rewritten_on_a_terminal(tmp_path, monkeypatch, model, quiet):
    monkeypatch.chdir(tmp_path)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert __main__.main(["generate", "--text", "Hi", *(["--quiet"] if quiet else [])]) == 0
    lines = screen.getvalue().split("\r")
    if quiet:
        assert lines == [""]
    else:
        frames = [line.partition(" frames, ")[0] for line in lines[1:4]]
        assert frames == ["1", "2", "3"]
        assert all("× real time\x1b[K" in line for line in lines[1:4])
        assert lines[4] == "\x1b[K"
        assert lines[5].startswith("\x1b[KINFO: ./tts_output.wav written")
        assert screen.getvalue().count("\n") == 1


def test_logging_and_signals_are_as_before_when_the_command_is_done(run, model):
    package = logging.getLogger("pockettts_np")
    before = (package.level, package.propagate, list(package.handlers), signal.getsignal(signal.SIGTERM))
    run("generate", "--text", "Hi", "-q")
    model.error = ValueError("no")
    run("generate", "--text", "Hi")
    assert before == (package.level, package.propagate, package.handlers, signal.getsignal(signal.SIGTERM))


def test_the_command_can_run_in_a_thread(run, model):
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(__main__.main(["generate", "--text", "Hi", "-q"])))
    thread.start()
    thread.join()
    assert statuses == [0]
    assert files() == ["tts_output.wav"]


def test_sigterm_unwinds(run, model):
    model.error = SystemExit(143)  # what the handler raises
    with pytest.raises(SystemExit), session.leave_on_signals():
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        run("generate", "--text", "Hi")
    assert files() == []


EMPTY = {
    "generate --text Hi --voice": "voice",
    "generate --text Hi --output-path": "output-path",
    "generate --text Hi --subtitles": "subtitles",
    "generate --text Hi --config": "config",
    "generate --text Hi --language": "language",
    "export-voice me.wav": "out",
    "batch manifest.jsonl": "out",
    "batch manifest.jsonl out --cluster": "cluster",
    "quantize": "out",
    "info": "file",
}


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("line", EMPTY)
def test_an_empty_name_is_called_empty(run, line):
    """As of a shell's variable that is not set; "" would be the current folder."""
    says = f"pockettts-np: error: {EMPTY[line]} is empty; name something, or leave the option out.\n"
    assert run(*line.split(), "") == (1, b"", says)


def test_speech_of_no_sound_is_no_file(run, model, monkeypatch):
    """As of emoji alone from standard input, whose end is known only when all was read."""
    monkeypatch.setattr(model, "generate_from", lambda state, text, **given: (FRAME[:0] for _ in text), raising=False)
    status, _, err = run("generate", "--follow", stdin="🙂🙂".encode())
    assert (status, files()) == (1, [])
    assert err.startswith("pockettts-np: error: There is nothing to speak: the text has no character")


def test_a_deleted_working_folder_is_named(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os, sys; os.rmdir({str(gone)!r}); from pockettts_np import __main__; sys.exit(__main__.main())"
    for command in (["info", "x.safetensors"], ["generate", "--text", "Hi", "--output-path", "a.wav"]):
        done = subprocess.run([sys.executable, "-c", code, *command], **subprocess_options(gone))
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            b"pockettts-np: error: The working folder has been deleted; change to another one."
        )
        gone.mkdir()


# Exporting voices


@pytest.fixture
def saved(monkeypatch, model):
    """Exported voices are text files that name their source."""
    monkeypatch.setattr(export_voice, "save_voice", lambda state, path, name: path.write_text(Path(state).name))
    return model


def test_a_voice_is_made_of_the_first_seconds(run, saved):
    Path("me.wav").touch()
    status, _, err = run("export-voice", "me.wav", "me.safetensors")
    assert (status, err) == (0, "INFO: me.safetensors written\n")
    assert saved.asked == [("voice", "me.wav", True)]
    assert files() == ["me.safetensors", "me.wav"]


@pytest.mark.parametrize("source", ["me.wav", "hf://voices/of/me.wav@main", "https://example.org/me.wav", "alba"])
def test_into_a_folder_the_voice_takes_the_name_of_its_source(run, saved, source):
    Path("me.wav").touch()
    Path("voices").mkdir()
    assert run("export-voice", source, "voices", "-q") == (0, b"", "")
    assert files("voices") == ["alba.safetensors" if source == "alba" else "me.safetensors"]


def test_a_folder_of_recordings_becomes_a_folder_of_voices(run, saved):
    Path("in").mkdir()
    for name in ("a.wav", "b.MP3", "c.flac", "d.ogg", "e.txt", ".f.wav"):
        Path("in", name).touch()
    Path("in", "sub.wav").mkdir()
    assert run("export-voice", "in", "out/voices")[0] == 0
    voices = ["a.safetensors", "b.safetensors", "c.safetensors", "d.safetensors"]
    assert files("out/voices") == [".f.safetensors", *voices]
    assert Path("out/voices/b.safetensors").read_text() == "b.MP3"


def test_recordings_in_other_formats_are_named_and_left_out(run, saved):
    Path("in").mkdir()
    for name in ("a.wav", "b.M4A", "c.webm", "notes.txt"):
        Path("in", name).touch()
    status, _, err = run("export-voice", "in", "out")
    assert (status, files("out")) == (0, ["a.safetensors"])
    assert err.startswith("WARNING: left out, convert them first (ffmpeg -i x.m4a x.wav): b.M4A, c.webm\n")


def test_recordings_that_fail_are_named_and_the_others_exported(run, saved):
    Path("in").mkdir()
    for name in ("a.wav", "bad.wav", "z.wav"):
        Path("in", name).touch()
    status, _, err = run("export-voice", "in", "out")
    assert (status, files("out")) == (1, ["a.safetensors", "z.safetensors"])
    assert "ERROR: in/bad.wav is silent.\n" in err
    assert err.endswith("pockettts-np: error: 1 of 3 recordings gave no voice: in/bad.wav.\n")


def test_one_recording_that_fails_is_the_error(run, saved):
    Path("bad.wav").touch()
    assert run("export-voice", "bad.wav", "out.safetensors") == (
        1,
        b"",
        "pockettts-np: error: bad.wav is silent.\n",
    )


@pytest.mark.usefixtures("no_model")
def test_what_cannot_be_exported_is_refused_before_the_model_is_loaded(run):
    for name in ("me.wav", "twins/a.wav", "twins/a.mp3", "none/notes.txt", "one/a.wav"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    cases = {
        ("me.wav", "me.voice"): "me.voice must end in .safetensors",
        ("me.wav", "absent/me.safetensors"): "there is no folder absent",
        ("twins", "out"): "differ in their ending only",
        ("none", "out"): "none holds no recordings (.wav, .flac, .mp3, .ogg, .opus)",
        ("one", "me.wav"): "me.wav: File exists",
    }
    for argv, says in cases.items():
        status, _, err = run("export-voice", *argv)
        assert status == 1
        assert says in err
        assert err.count("\n") == 1


@pytest.mark.usefixtures("no_model")
def test_a_folder_that_takes_no_files_is_refused_before_the_model_is_loaded(run, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(writing, "_create", refuse)
    Path("me.wav").touch()
    status, _, err = run("export-voice", "me.wav", "me.safetensors")
    assert (status, err) == (1, "pockettts-np: error: me.safetensors: Permission denied.\n")


# With a tiny random model


def assert_same_speech(path, wanted):
    """Equal but for one step in 16 bits: how frames share a batch of the decoder is a matter of timing."""
    got, wanted = (np.frombuffer(samples, "<i2").astype(int) for samples in (pcm(path), wanted))
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1


def written(samples):
    """The bytes that a file holds for speech: random models are loud, so the limiter is at work."""
    return to_int16(np.concatenate(list(processed([samples], 24_000)))).tobytes()


@pytest.fixture
def tiny(golden):
    return ["--config", golden / "lsd.toml", "--voice", golden / "voice_saved.safetensors"]


def test_the_file_holds_what_the_model_says(run, tiny, tiny_model, golden):
    status, _, _ = run("generate", *tiny, "--text", "Hello world.", "--seed", 3, "--output-path", "a.wav")
    voice = tiny_model.get_state_for_audio_prompt(golden / "voice_saved.safetensors")
    wanted = tiny_model.generate_audio(voice, "Hello world.", noise=3)
    assert status == 0
    assert_same_speech("a.wav", written(wanted))


def test_a_voice_exported_from_ref_wav_speaks_as_the_recording_does(run, golden):
    samples, rate_hz = read_audio(REF_WAV)
    write_wav("short.wav", samples[: rate_hz // 8], rate_hz)
    config = ["--config", golden / "lsd.toml"]
    assert run("export-voice", "short.wav", "me.safetensors", *config)[0] == 0
    assert load_file("me.safetensors")["transformer.layers.0.self_attn/offset"] == 4
    for voice in ("short.wav", "me.safetensors"):
        options = ["--text", "Hi.", "--voice", voice, "--seed", 1, "--output-path", f"{voice}.wav"]
        assert run("generate", *config, *options)[0] == 0
    assert_same_speech("short.wav.wav", pcm("me.safetensors.wav"))


def test_as_a_program_it_reads_a_pipe_and_fills_a_pipe(tmp_path, tiny):
    options = ["--text", "-", "--seed", "1", "--output-path"]
    command = [sys.executable, "-m", "pockettts_np", "generate", *tiny, *options]
    piped = subprocess.run([*command, "-"], input=b"Hello world.", **subprocess_options(tmp_path))
    assert piped.returncode == 0
    assert piped.stderr.startswith(b"INFO: standard output written: ")
    filed = subprocess.run([*command, "a.wav"], input=b"Hello world.", **subprocess_options(tmp_path))
    assert filed.returncode == 0
    assert piped.stdout.endswith(CLOSING_SILENCE)
    assert_same_speech(tmp_path / "a.wav", piped.stdout[44 : -len(CLOSING_SILENCE)])
    assert struct.unpack_from("<I", piped.stdout, 40) == (0x7FFFF000,)


def test_the_module_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pockettts-np", "--version"])
    monkeypatch.delitem(sys.modules, "pockettts_np.__main__")  # as in a process of its own
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("pockettts_np", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("pockettts-np ")


def test_a_quantised_file_is_a_whole_model(run, golden, tmp_path):
    """One file speaks as --quantize does with the checkpoint, but for the chaos of a random model fed its rounding."""
    config, voice = ["--config", golden / "lsd.toml"], ["--voice", golden / "voice_saved.safetensors"]
    speech = ["generate", "--text", "Hi.", "--temperature", "0", *voice]
    assert run("quantize", *config, tmp_path / "q.safetensors")[0] == 0
    assert run(*speech, *config, "--quantize", "--output-path", tmp_path / "a.wav")[0] == 0
    assert run(*speech, "--config", tmp_path / "q.safetensors", "--output-path", tmp_path / "b.wav")[0] == 0
    want, got = (soundfile.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    assert np.abs(got - want).max() < 0.01 * np.abs(want).max()


def test_a_quantised_file_is_known_by_its_ending(run, golden, tmp_path):
    status, _, err = run("quantize", "--config", golden / "lsd.toml", tmp_path / "q.bin")
    assert (status, list(tmp_path.iterdir())) == (1, [])
    assert "must end in .safetensors" in err


def test_warmup_writes_nothing(run, golden, tmp_path):
    assert run("warmup", "--config", golden / "lsd.toml")[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_encoder_speaks_with_its_own_voice(run, golden, tmp_path, monkeypatch):
    """Where no voice is named and none can be cloned, the learnt beginning of a voice is the voice."""
    monkeypatch.setattr(TTSModel, "has_voice_cloning", False)
    config = ["--config", golden / "lsd.toml"]
    assert run("generate", "--text", "Hi.", "--seed", "1", *config, "--output-path", tmp_path / "a.wav")[0] == 0
    model = TTSModel.load_model(config=golden / "lsd.toml")
    state = model.get_initial_state()
    assert (state.n_rows, state.position) == (1, 1)
    want = model.generate_audio(state, "Hi.", noise=1)
    assert_same_speech(tmp_path / "a.wav", written(want))
