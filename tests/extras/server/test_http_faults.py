"""The HTTP server under clients that leave, stall, crowd and lie: it answers, ends what nobody hears, keeps nothing."""

import contextlib
import gc
import json
import logging
import re
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import pytest

from pockettts_np.server.http import patience, run
from pockettts_np.server.http.guard.access import access
from pockettts_np.server.limits import Limits, Refusal, refusal_of
from tests.support.live_server import (
    get,
    make_service,
    post,
    raw_connection,
    recording,
    served,
    stream,
    until,
)

SPEECH = {"model": "tts-1", "input": "Hello world.", "voice": "default", "response_format": "pcm"}
LAST_PIECE = b"\r\n0\r\n\r\n"  # of a body that is whole


def request(fields=SPEECH, path="/v1/audio/speech"):
    """A whole request as bytes."""
    body = json.dumps(fields).encode()
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def works(url):
    answer = post(f"{url}/v1/audio/speech", json=SPEECH)
    return answer.status_code == 200 and len(answer.content) > 2000


def is_idle(url):
    health = get(f"{url}/health").json()
    return health["running"] == health["waiting"] == 0


# Clients that leave


def test_a_client_that_leaves_stops_its_speech(server, held):
    with stream("POST", f"{server}/v1/audio/speech", json=SPEECH) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        assert held.n_stopped == 0
        pieces.close()
    until(lambda: held.n_stopped == 1)
    until(lambda: is_idle(server))
    assert held.n_ended == 0


def test_a_client_that_resets_the_connection_stops_its_speech(server, held):
    with raw_connection(server, request()) as connection:
        assert connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    until(lambda: held.n_stopped == 1)


def test_a_client_that_leaves_the_queue_gives_up_its_place(model, held):
    with served(make_service(model, Limits(n_workers=1, n_waiting=1))) as url:
        first = raw_connection(url, request())
        until(lambda: len(held.texts) == 1)
        second = raw_connection(url, request())
        until(lambda: get(f"{url}/health").json()["waiting"] == 1)
        second.close()
        until(lambda: get(f"{url}/health").json()["waiting"] == 0)
        first.close()
        until(lambda: is_idle(url))
        assert len(held.texts) == 1  # the second was never begun
        held.gate.set()
        assert works(url)


CUTS = [20, 60, len(request()) - 1, len(request())]


@pytest.mark.parametrize("n_bytes", CUTS)
def test_leaving_in_the_middle_of_a_request_leaves_nothing_behind(server, n_bytes):
    for _ in range(5):
        raw_connection(server, request()[:n_bytes]).close()
    until(lambda: is_idle(server))
    assert works(server)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99, 1])
def test_leaving_in_the_middle_of_an_upload_leaves_nothing_behind(server, share):
    parts = (b'name="text"\r\n\r\nHello.', b'name="voice_wav"; filename="a.wav"\r\n\r\n' + recording())
    body = b"".join(b"--x\r\nContent-Disposition: form-data; %s\r\n" % part for part in parts) + b"--x--\r\n"
    head = (
        f"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}"
    )
    whole, temporary = head.encode() + b"\r\n\r\n" + body, temporary_files()
    with raw_connection(server, whole) as connection:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    for _ in range(5):
        raw_connection(server, whole[: int(share * len(whole))]).close()
    until(lambda: is_idle(server) and temporary_files() == temporary)
    assert works(server)


def test_a_body_that_does_not_come_is_given_up(model):
    with served(make_service(model, Limits(body_seconds=0.2))) as url:
        for path, code in (("/v1/audio/speech", "request_timeout"), ("/tts", "within 0.2 seconds")):
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            head += "Content-Type: application/x-www-form-urlencoded\r\n\r\ntext="
            with raw_connection(url, head.encode()) as connection:
                answer = connection.makefile("rb").read()  # to the end: the server closes
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert code.encode() in answer
        assert works(url)


def test_a_head_that_does_not_come_is_given_up(server, monkeypatch):
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)
    for part in (b"", b"GET /health HTTP/1.1\r\nHo"):
        with raw_connection(server, part) as connection:
            assert gone(connection)
    with raw_connection(server, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"
        with pytest.raises(ConnectionError):
            drip(connection)  # the next request


def test_a_request_that_has_come_may_take_its_time(server, held, monkeypatch):
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)
    with raw_connection(server, request()) as connection:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        time.sleep(0.5)
        held.gate.set()
        assert connection.makefile("rb").read().endswith(LAST_PIECE)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_has_said_all_hears_all(server, held, version):
    """It closes its half of the connection behind the request, as `nc -N` does."""
    with raw_connection(server, request().replace(b"HTTP/1.1", f"HTTP/{version}".encode())) as connection:
        connection.shutdown(socket.SHUT_WR)
        held.gate.set()
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert len(answer) > 2 * 3 * 1920
    assert (version == "1.0") or answer.endswith(LAST_PIECE)


def test_a_client_that_waits_in_the_queue_may_have_said_all(model, held):
    with served(make_service(model, Limits(n_workers=1, n_waiting=1))) as url:
        first = raw_connection(url, request())
        until(lambda: len(held.texts) == 1)
        with raw_connection(url, request()) as second:
            second.shutdown(socket.SHUT_WR)
            time.sleep(2.5 * patience.PROBE_SECONDS)
            held.gate.set()
            answer = second.makefile("rb").read()
        first.close()
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")  # by which it was asked whether it still listens
    rest = answer.rpartition(b"HTTP/1.1 100 Continue\r\n\r\n")[2]
    assert rest.startswith(b"HTTP/1.1 200 OK")
    assert rest.endswith(LAST_PIECE)


def drip(connection):
    for _ in range(1000):
        connection.sendall(b"x")
        time.sleep(0.01)


def gone(connection):
    """Whether the server ends the connection."""
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def test_a_client_that_takes_nothing_is_dropped(server, held, monkeypatch):
    monkeypatch.setattr(patience, "STALL_SECONDS", 0.3)
    held.gate.set()
    held.n_frames = 10_000  # more than the system and the server buffer between them
    with raw_connection(server, request()):
        until(lambda: held.n_stopped == 1)
    until(lambda: is_idle(server))


def test_a_slow_client_gets_everything(server, held, monkeypatch):
    monkeypatch.setattr(patience, "STALL_SECONDS", 5.0)
    held.gate.set()
    held.n_frames = 2000  # 7.7 MB
    n_bytes = 0
    with stream("POST", f"{server}/v1/audio/speech", json=SPEECH) as answer:
        for i, piece in enumerate(answer.iter_raw()):
            n_bytes += len(piece)
            if i % 20 == 0:
                time.sleep(0.01)
    assert n_bytes == 2 * (2000 * 1920 + 4800)


def test_garbage_is_refused(server):
    with raw_connection(server, b"\x16\x03\x01 this is no HTTP\r\n\r\n") as connection:
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400 ")
    assert works(server)


# Crowds


def test_a_full_queue_turns_away_and_says_for_how_long(model, held):
    with served(make_service(model, Limits(n_workers=1, n_waiting=2))) as url:
        waiting = [raw_connection(url, request()) for _ in range(3)]
        until(lambda: get(f"{url}/health").json() | {"version": 0, "model": 0} == {
            "status": "healthy", "running": 1, "waiting": 2, "version": 0, "model": 0,
        })  # fmt: skip
        for path, form in (("/v1/audio/speech", {"json": SPEECH}), ("/tts", {"data": {"text": "Hello."}})):
            answer = post(url + path, **form)
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1
            assert "busy" in answer.text
        upload = {"data": {"text": "Hello."}, "files": {"voice_wav": ("a.wav", bytes(200_000))}}
        assert post(f"{url}/tts", **upload).status_code == 429  # before the upload is read
        assert answer.json()["detail"].startswith("The server is busy with 3 requests.")
        held.gate.set()
        for connection in waiting:
            with connection:
                assert connection.recv(15) == b"HTTP/1.1 200 OK"
        until(lambda: is_idle(url))
        assert works(url)


def test_two_hundred_connections(model, monkeypatch):
    """A hundred that say nothing, and a hundred requests: those get speech or are told to come back."""
    with served(make_service(model, Limits(n_workers=2, n_waiting=10))) as url:
        silent = [raw_connection(url) for _ in range(100)]
        asking = [raw_connection(url, request()) for _ in range(100)]
        statuses = [connection.recv(12)[9:] for connection in asking]
        assert set(statuses) <= {b"200", b"429"}
        assert statuses.count(b"200") >= 12
        for connection in (*silent, *asking):
            connection.close()
        until(lambda: is_idle(url))
        assert works(url)


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHo", request()[:-5]])
def test_slow_clients_shut_nobody_out(model, monkeypatch, caplog, sent):
    monkeypatch.setattr(patience, "MAX_CONNECTIONS", 20)
    with served(make_service(model, Limits(n_workers=1))) as url:
        slow = [raw_connection(url, sent) for _ in range(40)]
        assert works(url)
        assert "Over 20 connections" in caplog.text
        assert gone(slow[0])  # that has waited longest
        for connection in slow:
            connection.close()
        until(lambda: is_idle(url))


def test_a_body_in_crumbs_is_refused(server):
    """Reading a byte at a time, 64 kB would keep everybody waiting for seconds."""
    head = b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = json.dumps(SPEECH).encode()
    in_crumbs = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with raw_connection(server, head + in_crumbs) as connection:  # a few are a matter of taste
        assert connection.recv(12) == b"HTTP/1.1 200"
    begin = time.process_time()
    with raw_connection(server, head + 100_000 * b"1\r\n \r\n") as connection:
        assert connection.recv(12) == b"HTTP/1.1 400"
    assert time.process_time() - begin < 2
    assert works(server)


CHUNKED = b"POST /tts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: "
ODD_REQUESTS = {
    "garbage in a body": CHUNKED + b"application/x-www-form-urlencoded\r\n\r\n5\r\ntext=\r\nno number\r\n",
    "garbage behind a refusal": CHUNKED + b"text/plain\r\n\r\n" + b"no number\r\n",
    "crumbs behind a refusal": CHUNKED + b"text/plain\r\n\r\n" + 10_000 * b"1\r\nx\r\n",
    "garbage behind an answer": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + b"garbage\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "two lengths": b"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length and chunks": CHUNKED + b"text/plain\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "half a header": b"GET /health HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
    "the next HTTP": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another server": b"CONNECT evil.example:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a websocket": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "three thousand ranges": b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b"0-1," * 3000 + b"2-3\r\n\r\n",
}


@pytest.mark.parametrize("case", ODD_REQUESTS)
def test_no_request_leaves_a_traceback(server, caplog, case):
    head, blank_line, rest = ODD_REQUESTS[case].partition(b"\r\n\r\n")
    with raw_connection(server, head + blank_line) as connection:
        time.sleep(0.05)  # in which a refusal may go out
        with contextlib.suppress(OSError):
            connection.sendall(rest)
            connection.shutdown(socket.SHUT_WR)
            assert connection.makefile("rb").read()[9:10] in (b"2", b"4")
    assert works(server)
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]
    assert {record.name.partition(".")[0] for record in caplog.records} <= {"pockettts_np", "httpx"}


# Faults on this side


def test_an_error_after_the_first_sound_cuts_the_body(server, held, caplog):
    held.error = FloatingPointError("The model made NaN.")
    held.gate.set()
    with stream("POST", f"{server}/v1/audio/speech", json=SPEECH) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert "The speech was cut: The model made NaN." in caplog.text


def test_an_error_after_the_first_sound_is_an_event_among_events(server, held):
    held.error = FloatingPointError("The model made NaN.")
    held.gate.set()
    answer = post(f"{server}/v1/audio/speech", json=SPEECH | {"stream_format": "sse"})
    events = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line]
    assert events[0]["type"] == "speech.audio.delta"
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["code"] == "internal_error"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuntimeError("secret"), 500, "internal_error"),
        (MemoryError(), 503, "out_of_memory"),
        (OSError("The disk is full."), 503, "unavailable"),
        (ValueError("There is nothing to speak."), 400, "invalid_value"),
    ],
)
def test_an_error_before_the_first_sound_is_an_answer(server, held, caplog, error, status, code):
    held.error = error
    answer = post(f"{server}/v1/audio/speech", json=SPEECH)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert "secret" not in answer.text
    assert ("RuntimeError: secret" in caplog.text) == (status == 500)
    held.error = None
    held.gate.set()
    assert works(server)


def test_nothing_leaks(server):
    """Neither threads nor files, whatever clients do."""

    def round_of_faults():
        upload = {"voice_wav": ("a.wav", recording()[:5000])}
        post(f"{server}/tts", data={"text": "Hello."}, files=upload)
        post(f"{server}/tts", data={"text": ""})
        post(f"{server}/v1/audio/speech", json=SPEECH | {"input": "a" * 500_000})
        for n_bytes in CUTS:
            raw_connection(server, request()[:n_bytes]).close()
        with stream("POST", f"{server}/v1/audio/speech", json=SPEECH | {"input": "Hello. " * 50}) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            pieces.close()
        until(lambda: is_idle(server))

    round_of_faults()
    n_threads, n_files, temporary = threading.active_count(), n_open_files(), temporary_files()
    for _ in range(3):
        round_of_faults()
    until(lambda: threading.active_count() <= n_threads)
    until(lambda: n_open_files() <= n_files + 1)
    assert temporary_files() == temporary
    assert works(server)


def temporary_files():
    return sorted(Path(tempfile.gettempdir()).glob("pockettts-*"))


def n_open_files():
    """Of this process, where the system tells."""
    gc.collect()
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


# The end of the server


def test_a_server_that_ends_lets_running_requests_finish(model, held):
    with served(make_service(model)) as url:
        connection = raw_connection(url, request())
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        threading.Timer(0.3, held.gate.set).start()
    assert held.n_ended == 1
    with connection:
        assert connection.makefile("rb").read().endswith(LAST_PIECE)


def test_a_server_that_ends_cuts_what_takes_too_long(model, held, monkeypatch):
    monkeypatch.setattr(run, "GRACE_SECONDS", 1)
    with served(make_service(model)) as url:
        connection = raw_connection(url, request())
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        waiting = raw_connection(url)
    assert held.n_stopped == 1
    assert gone(connection)
    assert gone(waiting)
    connection.close()
    waiting.close()


def test_a_port_that_is_taken_is_a_sentence():
    with run.bound_socket("127.0.0.1", 0) as bound:
        bound.listen()
        port = bound.getsockname()[1]
        with pytest.raises(OSError, match=f"Port {port} of 127.0.0.1 cannot be taken: .* Name another"):
            run.bound_socket("127.0.0.1", port)
    with pytest.raises(OSError, match=r"There is no address 'nowhere\.invalid'"):
        run.bound_socket("nowhere.invalid", 0)


def test_where_the_server_is_found():
    with run.bound_socket("127.0.0.1", 0) as bound:
        assert run.is_loopback(bound)
        assert run.address_of(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"
    with run.bound_socket("0.0.0.0", 0) as bound:
        assert not run.is_loopback(bound)
    with run.bound_socket("::1", 0) as bound:
        assert run.address_of(bound).startswith("http://[::1]:")


def test_the_faults_of_the_program_are_no_refusals():
    refusal = Refusal(418, "I am a teapot.", "teapot")
    assert refusal_of(refusal) is refusal
    assert refusal_of(KeyError("x")) is None


# The log


def test_every_request_has_its_line(server, caplog):
    with caplog.at_level(logging.DEBUG, "pockettts_np"):
        assert works(server)
        post(f"{server}/v1/audio/speech?key=secret", json=SPEECH | {"voice": "nobody"})
        get(f"{server}/health")
        get(f"{server}/a%0d%0aINFO:%20forged")
        with raw_connection(server, b"this is no HTTP\r\n\r\n") as connection:
            gone(connection)
        until(lambda: "no_http" in caplog.text)
    lines = [(record.levelname, record.message) for record in caplog.records if "first byte" not in record.message]
    assert lines == [
        ("WARNING", "127.0.0.1 POST /v1/audio/speech 400 voice_not_found"),
        ("WARNING", "127.0.0.1 GET /a%0d%0aINFO:%20forged 404 not_found"),
        ("WARNING", "127.0.0.1 400 no_http"),
    ]
    answered = [(record.levelname, record.message) for record in caplog.records if "first byte" in record.message]
    assert [level for level, _ in answered] == ["INFO", "DEBUG"]
    assert re.fullmatch(
        r"127\.0\.0\.1 POST /v1/audio/speech 200, first byte after \d+ ms, all after \d+\.\d\d s", answered[0][1]
    )
    assert "secret" not in caplog.text
    assert SPEECH["input"] not in caplog.text


def test_wrong_keys_are_seen_in_the_log(model, caplog):
    with served(make_service(model), access=access("secret")) as url, httpx.Client() as client:
        for i in range(50):
            client.get(f"{url}/v1/models", headers={"Authorization": f"Bearer wrong-{i}"})
    assert caplog.messages.count("127.0.0.1 GET /v1/models 401 invalid_api_key") == 50
    assert "wrong-" not in caplog.text


def test_a_client_that_leaves_has_its_line_and_no_more(server, held, caplog):
    held.gate.set()
    held.n_frames = 1000
    with caplog.at_level(logging.INFO):
        with raw_connection(server, request()) as connection:
            assert connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        until(lambda: "cut after" in caplog.text)
        until(lambda: held.n_stopped == 1)
    assert [record.name for record in caplog.records] == ["pockettts_np.server.http.log"]  # none of asyncio


def test_a_trusted_proxy_names_the_client(model, caplog):
    forwarded = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7, 127.0.0.1"}
    for proxies, client in ((["127.0.0.0/8"], "203.0.113.7"), ([], "127.0.0.1")):
        caplog.clear()
        with served(make_service(model), access=access(proxies=proxies)) as url:
            get(f"{url}/v1/models/nothing", headers=forwarded)
        assert caplog.messages == [f"{client} GET /v1/models/nothing 404 model_not_found"]


def test_another_uvicorn_is_used_as_it_is(model, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pockettts_np.server.http.patience", None)
    with served(make_service(model)) as url:
        assert works(url)
    assert "does not know uvicorn" in caplog.text
