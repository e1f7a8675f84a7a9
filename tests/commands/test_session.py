"""commands/terminal/session.py: closed streams, odd encodings, and signals, each in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pockettts_np
from pockettts_np import __main__
from pockettts_np.commands.terminal import session
from tests.support.helpers import GOLDEN, files

SOURCES = str(Path(pockettts_np.__file__).parent.parent)
posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell closes the streams, and a signal ends the program")

# A fake model, as speech is not what is tested: half a second, then `pause`.
PROGRAM = """
import sys, time
from types import SimpleNamespace
import numpy as np
from pockettts_np import __main__
from pockettts_np.commands.terminal import options

class Model:
    sample_rate = 24_000
    config = SimpleNamespace(mimi=SimpleNamespace(frame_samples=1920))
    def get_default_voice(self):
        return None
    def generate_audio_stream(self, state, text, **given):
        for _ in range(6):
            yield np.full(1920, 0.1, np.float32)
        time.sleep(PAUSE)
    generate_from = lambda self, state, text, **given: self.generate_audio_stream(state, "".join(text))

options.load_tts_model = lambda args: Model()
sys.exit(__main__.main())
"""


def program(pause_s=0):
    return [sys.executable, "-c", PROGRAM.replace("PAUSE", str(pause_s))]


def environment(**more):
    return {**os.environ, "PYTHONPATH": SOURCES, **more}


def shell(folder, argv, closing):
    """Run with some streams closed: status, what standard output and standard error brought."""
    line = f'exec "$@" {closing}'
    command = ["sh", "-c", line, "sh", *program(), *argv.split()]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, timeout=60, stdin=subprocess.PIPE
    )
    return done.returncode, done.stdout, done.stderr.decode()


SPEAK = "generate --language builtin --text Hi"


@posix
@pytest.mark.parametrize("closing", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_speech_becomes_a_file_whatever_is_closed(tmp_path, closing):
    status, out, err = shell(tmp_path, SPEAK, closing)
    assert (status, out) == (0, b"")
    assert err.startswith("INFO: ") == ("2>&-" not in closing)
    assert (tmp_path / "tts_output.wav").read_bytes()[-9600:] == bytes(9600)
    assert len(list(tmp_path.iterdir())) == 1


@posix
def test_standard_output_takes_sound_without_standard_error(tmp_path):
    status, out, _ = shell(tmp_path, f"{SPEAK} --output-path -", "2>&-")
    assert (status, out[:4], len(out)) == (0, b"RIFF", 44 + 2 * (6 * 1920 + 4800))


@posix
@pytest.mark.parametrize(
    ("argv", "closing", "says"),
    [
        (f"{SPEAK} --output-path -", ">&-", "Standard output is closed, or takes no bytes; name a file."),
        (
            "generate --language builtin --text -",
            "<&-",
            "Standard input is closed, or gives no bytes; give the text with ",
        ),
        (
            "generate --language builtin --follow",
            "<&-",
            "Standard input is closed, or gives no bytes; give the text with ",
        ),
    ],
)
def test_a_closed_stream_that_is_needed_is_one_sentence(tmp_path, argv, closing, says):
    status, _, err = shell(tmp_path, argv, closing)
    assert status == 1
    assert err.startswith(f"pockettts-np: error: {says}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@posix
def test_an_error_without_standard_error_goes_nowhere(tmp_path):
    assert shell(tmp_path, "generate --nonsense", "2>&-") == (2, b"", "")
    assert shell(tmp_path, f"{SPEAK} --output-path absent/a.wav", "2>&-") == (1, b"", "")


@posix
def test_no_file_gets_the_number_of_a_closed_stream(tmp_path):
    """Into which a library in C would then print."""
    code = "from pockettts_np.commands.terminal.session import usable_streams\nimport os\n"
    code += "with usable_streams():\n    n = os.open(os.devnull, 0)\nos._exit(n)"
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(command, env=environment(), timeout=60).returncode > 2


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_help_is_shown_in_every_encoding(encoding):
    """In ASCII, so that it is the same in all."""
    code = "import sys; from pockettts_np.__main__ import COMMANDS, main\nfor c in COMMANDS:\n try: main([c.__name__."
    code += "rpartition('.')[2].replace('_', '-'), '--help'])\n except SystemExit as e: assert not e.code"
    command = [sys.executable, "-OO", "-c", code]
    done = subprocess.run(command, env=environment(PYTHONIOENCODING=encoding), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert done.stdout.count(b"usage: pockettts-np ") == len(__main__.COMMANDS)
    assert b"Speak a text into a sound file" in done.stdout  # also under -OO, which drops docstrings


def test_a_name_that_the_encoding_does_not_know_is_shown(tmp_path):
    name = os.fsdecode("sprache-ü-".encode() + b"\xff.safetensors")
    (tmp_path / name).write_bytes((GOLDEN / "voice_saved.safetensors").read_bytes())
    for encoding in "ascii", "utf-8":
        command = [sys.executable, "-m", "pockettts_np", "info", name]
        options = {"env": environment(PYTHONIOENCODING=encoding), "capture_output": True, "timeout": 60}
        done = subprocess.run(command, cwd=tmp_path, **options)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"sprache-" in done.stdout


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"])
def test_a_signal_leaves_no_unfinished_file(tmp_path, name):
    process = speaking(tmp_path)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert list(tmp_path.iterdir()) == []


@posix
def test_what_nohup_ignores_stays_ignored(tmp_path):
    process = speaking(tmp_path, "trap '' HUP; exec \"$@\"", pause_s=1)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["tts_output.wav"]


def speaking(folder, line='exec "$@"', pause_s=30):
    """A process that has begun to write its file."""
    command = ["sh", "-c", line, "sh", *program(pause_s), *SPEAK.split()]
    process = subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE)
    while not any(path.stat().st_size for path in folder.iterdir()) and process.poll() is None:
        time.sleep(0.02)
    return process


def test_streams_are_as_before_when_the_command_is_done(run, monkeypatch):
    before = sys.stdout.errors
    with session.usable_streams():
        assert sys.stdout.errors == "backslashreplace"
    assert sys.stdout.errors == before
    monkeypatch.setattr(sys, "stderr", None)
    assert __main__.main(["models"]) == 0
    assert sys.stderr is None
    assert files() == []
