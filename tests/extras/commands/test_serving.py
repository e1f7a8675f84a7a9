"""The commands serve and wyoming: options, what they refuse before anything is loaded, and a whole run of each."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import pockettts_np
from pockettts_np import TTSModel, __main__
from pockettts_np.commands.serving import serve, service, wyoming
from pockettts_np.commands.terminal import options
from pockettts_np.model import quantize_model
from pockettts_np.server.limits import Limits
from tests.support.helpers import GOLDEN
from tests.support.live_server import PATIENCE_SECONDS, get, post, recording, until

CONFIG = GOLDEN / "lsd.toml"


@pytest.fixture
def voices(tmp_path):
    """A folder with one recording."""
    (tmp_path / "anna.wav").write_bytes(recording())
    return tmp_path


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command that must fail before a model is loaded: status and standard error."""

    def load(args):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(options, "load_tts_model", load)

    def run(*argv):
        status = __main__.main(list(argv))
        return status, capsys.readouterr().err

    return run


def test_the_defaults_of_serve_let_nobody_else_in():
    args = vars(__main__.build_parser().parse_args(["serve"]))
    assert args["host"] == "127.0.0.1"
    assert args["port"] == 8000  # as the reference's
    assert args["api_key"] is None
    assert args["allow_voice_urls"] is False
    assert args["allow_origin"] == []
    assert vars(__main__.build_parser().parse_args(["wyoming"]))["uri"] == "tcp://127.0.0.1:10200"


def test_limits_come_from_the_arguments():
    argv = ["serve", "--workers", "3", "--queue", "0", "--max-text", "50"]
    limits = service.limits_of(__main__.build_parser().parse_args(argv), upload_bytes=7)
    assert (limits.n_workers, limits.n_waiting, limits.text_characters, limits.upload_bytes) == (3, 0, 50, 7)
    default = service.limits_of(__main__.build_parser().parse_args(["serve"]), upload_bytes=None)
    assert default.n_workers >= 2
    assert default.n_waiting == 16


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["serve", "--voices", "nowhere"], "There is no folder of voices nowhere."),
        (["serve", "--default-voice", "nobody"], "There is no voice nobody"),
        (["serve", "--host", "nowhere.invalid"], "There is no address 'nowhere.invalid'"),
        (["serve", "--host", ""], "The host is empty."),
        (["serve", "--host", "a" * 70], "it is no name"),
        (["serve", "--api-key", ""], "The API key is empty"),
        (["serve", "--api-key", "two words"], "The API key holds a space"),
        (["serve", "--allow-origin", "https://*"], "is not a site"),
        (["serve", "--edit-voices", "--api-key", "secret"], "--edit-voices needs --voices"),
        (
            ["serve", "--edit-voices", "--voices", "."],
            "--edit-voices needs --voices, where they are kept, and --api-key",
        ),
        (["serve", "--unix", "/nowhere/speech.sock"], "there is no folder /nowhere"),
        (["serve", "--unix", str(CONFIG)], "is a file, and no socket"),
        (["wyoming", "--zeroconf", "a.b"], "is not a name to announce"),
        (["wyoming", "--zeroconf", "x" * 64], "is not a name to announce"),
        (["wyoming", "--zeroconf", "--uri", "unix:///tmp/x.sock"], "A Unix socket cannot be found in the network"),
        (["serve", "--allow-host", "http://x"], "is not a name"),
        (["serve", "--trust-proxy", "nginx"], "is not an address"),
        (["serve", "--root-path", "speech"], "is not a path"),
        (["serve", "--default-voice", ""], "name one recording or saved voice"),
        (["wyoming", "--uri", "tcp://127.0.0.1:99999"], "is not a place to listen"),
        (["wyoming", "--uri", "tcp://127.0.0.1"], "is not a place to listen"),
        (["wyoming", "--uri", "tcp://[::1:10200"], "is not a place to listen"),
        (["wyoming", "--uri", "http://127.0.0.1:10200"], "is not a place to listen"),
        (["wyoming", "--uri", "unix://run/wyoming.sock"], "is not a place to listen"),
        (["wyoming", "--uri", "unix:///nowhere/wyoming.sock"], "there is no folder /nowhere"),
        (["wyoming", "--uri", f"unix://{CONFIG}"], "is a file, and no socket"),
        (["wyoming", "--voices", "nowhere"], "There is no folder of voices nowhere."),
    ],
)
def test_what_cannot_be_is_refused_before_the_model_is_loaded(run, argv, sentence):
    status, error = run(*argv, *(["--port", "0"] if argv[0] == "serve" else []))
    assert status == 1
    assert sentence in error


@pytest.mark.parametrize(
    "argv",
    [
        *(["serve", "--port", port] for port in ("-1", "65536", "99999", "http")),
        *(["serve", "--max-upload", size] for size in ("0", "1001", "x")),
        *(
            ["wyoming", option, number]
            for option in ("--workers", "--queue", "--max-text")
            for number in ("-1", "1" * 9)
        ),
    ],
)
def test_numbers_that_cannot_be_are_wrong_usage(run, argv, capsys):
    with pytest.raises(SystemExit):
        run(*argv)
    assert "is not a whole number from" in capsys.readouterr().err


def test_no_folder_is_not_this_folder(run, capsys):
    with pytest.raises(SystemExit):
        run("serve", "--voices", "")
    assert "the folder's name is empty" in capsys.readouterr().err


def test_an_empty_key_in_the_environment_opens_nothing(run, monkeypatch):
    monkeypatch.setenv(serve.KEY_VARIABLE, "")
    status, error = run("serve", "--port", "0")
    assert (status, "The API key is empty" in error) == (1, True)


def test_a_socket_is_taken_from_no_server_but_a_dead_one(run, tmp_path):
    path = tmp_path / "speech.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert f"Another server listens at {path}" in run("wyoming", "--uri", f"unix://{path}")[1]
    assert path.is_socket()
    with pytest.raises(AssertionError, match="the model was loaded"):
        wyoming._require_place(f"unix://{path}") or options.load_tts_model(None)


@pytest.mark.parametrize(
    ("command", "module", "extra"), [("serve", "starlette", "server"), ("wyoming", "wyoming", "wyoming")]
)
def test_a_missing_extra_is_a_sentence(run, monkeypatch, command, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    status, error = run(command)
    assert status == 1
    assert error == f'pockettts-np: error: This command needs more: pip install "pockettts-np[{extra}]".\n'


def start(*argv, environment=()):
    """The command in a process of its own, and where it listens."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "pockettts_np", *argv],
        cwd=Path(pockettts_np.__file__).parent.parent,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ) | dict(environment),
    )
    lines = []
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"Listening on (\S+);", line):
            return process, found[1], lines
    process.stderr.close()
    process.wait(PATIENCE_SECONDS)
    raise AssertionError("".join(lines))


def end(process, number):
    process.send_signal(number)
    rest = process.stderr.read()
    process.stderr.close()
    return process.wait(PATIENCE_SECONDS), rest


def test_serve_speaks_until_it_is_told_to_end(voices):
    key = {serve.KEY_VARIABLE: "secret"}
    argv = [
        "--config",
        str(CONFIG),
        "--default-voice",
        str(voices / "anna.wav"),
        "--port",
        "0",
        "--voices",
        str(voices),
    ]
    process, url, _ = start("serve", *argv, environment=key.items())
    try:
        assert get(f"{url}/health").json()["status"] == "healthy"
        assert get(f"{url}/v1/audio/voices").status_code == 401
        headers = {"Authorization": "Bearer secret"}
        voices = get(f"{url}/v1/audio/voices", headers=headers).json()["voices"]
        assert [voice["id"] for voice in voices] == ["default", "anna"]
        answer = post(f"{url}/tts", data={"text": "Hello."}, headers=headers)
        assert answer.content[:4] == b"RIFF"
    finally:
        status, rest = end(process, signal.SIGTERM)
    assert status == 0
    assert rest.endswith("INFO: The server has ended.\n")
    assert "Traceback" not in rest


def run_here(argv, client, monkeypatch, caplog, model, number):
    """The command in this thread, a client in another; when the client is done, the command is told to end."""
    monkeypatch.setattr(options, "load_tts_model", lambda args: model)
    results = []

    def talk():
        until(lambda: "Listening on" in caplog.text)
        try:
            results.append(client(re.search(r"Listening on (\S+);", caplog.text)[1]))
        finally:
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=talk)
    thread.start()
    monkeypatch.setattr(__main__, "log_to_stderr", lambda quiet: contextlib.nullcontext())
    with caplog.at_level("INFO", "pockettts_np"):
        status = __main__.main(argv)
    thread.join(PATIENCE_SECONDS)
    assert status == 0
    assert caplog.messages[-1] == "The server has ended."
    return results[0]


def test_serve_warns_where_everyone_may_ask(voices, monkeypatch, caplog, model):
    def client(url):
        return get(f"http://127.0.0.1:{url.rpartition(':')[2]}/health").json()["status"]

    argv = ["serve", "--host", "0.0.0.0", "--port", "0", "--default-voice", str(voices / "anna.wav")]
    assert run_here(argv, client, monkeypatch, caplog, model, signal.SIGINT) == "healthy"
    assert "Everyone who reaches this machine can use the server" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_wyoming_speaks_until_it_is_told_to_end(monkeypatch, caplog, model, number):
    from wyoming.client import AsyncClient
    from wyoming.tts import Synthesize

    async def speak(uri):
        async with AsyncClient.from_uri(uri) as client:
            await client.write_event(Synthesize("Hello.").event())
            types = []
            while types[-1:] != ["audio-stop"]:
                types.append((await client.read_event()).type)
        return types

    monkeypatch.setattr(TTSModel, "get_default_voice", TTSModel.get_initial_state)
    argv = ["wyoming", "--uri", "tcp://127.0.0.1:0"]
    types = run_here(argv, lambda uri: asyncio.run(speak(uri)), monkeypatch, caplog, model, number)
    assert types[0] == "audio-start"
    assert set(types[1:-1]) == {"audio-chunk"}


def test_a_model_in_one_file_is_held_whatever_becomes_of_it(tmp_path):
    path = tmp_path / "model.safetensors"
    quantize_model(path, config=CONFIG, voice=recording())
    args = __main__.build_parser().parse_args(["serve", "--model", str(path)])
    opened = service.open_service(args, service.limits_of(args))
    os.truncate(path, 5000)
    assert len(opened.model.generate_audio(opened.model.get_initial_state(), "Hi.", noise=0)) > 0
    asyncio.run(opened.jobs.close())


def test_serve_listens_on_a_unix_socket_and_takes_it_away(monkeypatch, caplog, model, tmp_path):
    path = tmp_path / "speech.sock"
    path.touch()
    path.unlink()

    def client(url):
        assert url == f"unix:{path}"
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=PATIENCE_SECONDS) as connected:
            answer = connected.post("http://localhost/tts", data={"text": "Hello."})
            assert answer.content[:4] == b"RIFF"
            return connected.get("http://localhost/health").json()["status"]

    monkeypatch.setattr(TTSModel, "get_default_voice", TTSModel.get_initial_state)
    argv = ["serve", "--unix", str(path), "--allow-origin", "*", "--any-model"]
    assert run_here(argv, client, monkeypatch, caplog, model, signal.SIGTERM) == "healthy"
    assert not path.exists()
    assert "The pages of every site can use the server" in caplog.text
    assert "Everyone who reaches this machine" not in caplog.text


@pytest.mark.parametrize(
    ("options", "normalizes"), [([], True), (["--no-normalize"], False), (["--text-language", "english"], True)]
)
def test_servers_read_english_as_a_person_does(tiny_model, monkeypatch, options, normalizes):
    monkeypatch.setattr(
        TTSModel, "_build", lambda source: replace(tiny_model, own_voice=tiny_model.get_initial_state())
    )
    args = __main__.build_parser().parse_args(["serve", "--config", str(CONFIG), *options])
    assert service.open_service(args, Limits()).model.reading.normalize is normalizes
