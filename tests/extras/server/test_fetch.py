"""fetch.py: what may be fetched for a stranger, from where, how much and for how long."""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pockettts_np import export_model_state
from pockettts_np.server.fetching import fetch
from pockettts_np.server.limits import Limits, Refusal
from tests.support.live_server import make_service, post, raw_connection, recording, served, tone, until

NEVER = threading.Event()


class Site(BaseHTTPRequestHandler):
    """Answers as its path says."""

    def do_GET(self):
        name, _, argument = self.path[1:].partition("/")
        self.server.seen.append((self.path, dict(self.headers)))
        getattr(self, name)(argument)

    def file(self, name):
        content = self.server.files[name]
        self._head(200, {"Content-Length": len(content)})
        self.wfile.write(content)

    def bytes(self, n_bytes):
        self._head(200, {})
        self.wfile.write(bytes(int(n_bytes)))

    def cut(self, _):
        self._head(200, {"Content-Length": 1000})
        self.wfile.write(bytes(500))

    def status(self, number):
        self._head(int(number), {"Content-Length": 0})

    def to(self, location):
        self._head(302, {"Location": location, "Content-Length": 0})

    def again(self, _):
        self.to("/again/x")

    def slow(self, _):
        self._head(200, {})
        for _ in range(100):
            self.wfile.write(b"x")
            self.server.gate.wait(0.05)

    def garbage(self, _):
        self.wfile.write(b"this is no HTTP\r\n\r\n")

    def _head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_):
        pass

    def handle(self):
        with suppress(ConnectionError):
            super().handle()


@contextmanager
def running_site():
    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    site.seen, site.files, site.gate = [], {}, threading.Event()
    thread = threading.Thread(target=site.serve_forever, args=[0.01])
    thread.start()
    try:
        yield site, f"http://127.0.0.1:{site.server_port}"
    finally:
        site.gate.set()
        site.shutdown()
        thread.join()
        site.server_close()


@pytest.fixture
def site(monkeypatch):
    """A web site on this machine, which counts as public here."""
    monkeypatch.setattr(fetch, "is_public", lambda address: address == "127.0.0.1")
    with running_site() as running:
        yield running


def got(url, max_bytes=1_000_000, seconds=5.0, stop=NEVER):
    return fetch.fetch(url, max_bytes, seconds, stop)


def test_a_file_is_fetched(site):
    server, url = site
    server.files["a"] = b"content"
    assert got(f"{url}/file/a") == b"content"
    assert "Authorization" not in server.seen[0][1]


def test_redirects_are_followed_but_not_for_ever(site):
    server, url = site
    server.files["a"] = b"content"
    assert got(f"{url}/to//file/a") == b"content"
    with pytest.raises(Refusal, match="redirected more than 5 times"):
        got(f"{url}/again/")
    assert len(server.seen) == 2 + 6


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("bytes/2000000", "it has more than 1 MB"),
        ("cut/", "the connection was cut"),
        ("status/404", "its server answers HTTP 404"),
        ("status/302", "its server answers HTTP 302"),
        ("garbage/", "does not speak HTTP"),
    ],
)
def test_what_does_not_come_whole_is_refused(site, path, why):
    with pytest.raises(Refusal, match=why) as refused:
        got(f"{site[1]}/{path}")
    assert refused.value.status == 502


def test_a_slow_site_is_given_up(site):
    begin = time.monotonic()
    with pytest.raises(Refusal, match="takes too long"):
        got(f"{site[1]}/slow/", seconds=0.3)
    assert time.monotonic() - begin < 3


@contextmanager
def silent(kind):
    """A place where a fetch waits: it takes connections and says nothing, or takes none, or has no number."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        full = [socket.socket() for _ in range(4 if kind == "full" else 0)]
        for sock in full:  # the queue of those that wait to be taken
            sock.setblocking(False)
            sock.connect_ex(address)
        host = "slow.example" if kind == "look-up" else "127.0.0.1"
        yield f"{'https' if kind == 'https' else 'http'}://{host}:{address[1]}/"
        for sock in full:
            sock.close()


@pytest.mark.parametrize("kind", ["http", "https", "full", "look-up"])
def test_a_fetch_ends_when_nobody_wants_it(monkeypatch, kind):
    monkeypatch.setattr(fetch, "is_public", lambda address: True)
    look_up, is_over = socket.getaddrinfo, threading.Event()
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **more: is_over.wait() and [] if "slow" in host else look_up(host, *args, **more),
    )
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begin = time.monotonic()
    with silent(kind) as url, pytest.raises(Refusal, match="takes too long"):
        got(url, seconds=60, stop=stop)
    assert 0.25 < time.monotonic() - begin < 20
    begin = time.monotonic()
    with silent(kind) as url, pytest.raises(Refusal, match="takes too long"):
        got(url, seconds=0.3)
    assert 0.25 < time.monotonic() - begin < 20
    is_over.set()


def test_look_ups_that_do_not_end_are_bounded(monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: is_over.wait() and [])
    n_before = threading.active_count()
    for _ in range(12):
        with pytest.raises(Refusal, match="takes too long"):
            got("http://slow.example/", seconds=0.05)
    assert threading.active_count() <= n_before + 8
    is_over.set()
    until(lambda: threading.active_count() <= n_before)


def test_a_site_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(fetch, "is_public", lambda address: True)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Refusal, match="cannot be reached"):
            got(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    with pytest.raises(Refusal, match="cannot be reached"):
        got("http://nowhere.invalid/")


def test_a_site_without_a_certificate_is_refused(site):
    with pytest.raises(Refusal, match=r"no certificate|cannot be reached"):
        got(site[1].replace("http:", "https:") + "/file/a")


PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("224.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.0.192", "198.18.0.1", "240.0.0.1", "100.100.100.200"),
    *("192.0.0.9", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.31.196.1", "192.52.193.1", "192.88.99.1"),
    *("192.175.48.1", "168.63.129.16", "239.255.255.250"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1"),
    *("fec0::1", "feff::1", "100::1", "100:0:0:1::1", "5f00::1", "4000::1", "fd00:ec2::254"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:168.63.129.16", "::127.0.0.1", "::10.0.0.1", "::8.8.8.8"),
    *("::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "2001::1", "2001:0:808:808::1", "2001:2::1", "2001:20::1"),
    *("2001:4:112::1", "2620:4f:8000::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address):
    assert not fetch.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "168.63.129.17",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450::1",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
    ],
)
def test_public_addresses_are(address):
    assert fetch.is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0", "127.1", "[::ffff:127.0.0.1]"]
)
def test_nothing_is_asked_of_this_machine(host):
    with running_site() as (server, url):
        port = url.rpartition(":")[2]
        with pytest.raises(Refusal):
            got(f"http://{host}:{port}/file/a")
        assert server.seen == []


def test_a_host_with_one_private_address_is_refused(monkeypatch):
    """Else the resolver of an attacker would give the public one to be checked, and the other to be asked."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "192.168.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Refusal, match="not on the public network") as refused:
        got("http://twofold.example/a.wav")
    assert refused.value.status == 403


def test_the_checked_address_is_the_one_that_is_asked(site, monkeypatch):
    """A second look-up of the name could lead elsewhere."""
    server, url = site
    server.files["a"] = b"content"
    n_lookups = 0
    look_up = socket.getaddrinfo

    def lookup(host, port, *args, **kwargs):
        nonlocal n_lookups
        n_lookups += host == "voices.example"
        return look_up("127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert got(f"http://voices.example:{url.rpartition(':')[2]}/file/a") == b"content"
    assert n_lookups == 1
    assert server.seen[0][1]["Host"].startswith("voices.example")


def test_a_redirect_to_a_private_address_is_refused(site):
    server, url = site
    with pytest.raises(Refusal, match="not on the public network"):
        got(f"{url}/to/http://[::1]:80/secret")
    with pytest.raises(Refusal, match="cannot be fetched"):
        got(f"{url}/to/file:///etc/passwd")
    assert len(server.seen) == 2


def test_a_redirect_away_from_https_is_refused(monkeypatch):
    class Answer:
        status = 302
        headers = {"Location": "http://8.8.8.8/a.wav"}  # noqa: RUF012

    @contextmanager
    def answer(url, waiting):
        yield Answer

    monkeypatch.setattr(fetch, "_answer", answer)
    with pytest.raises(Refusal, match="redirected from https to http"):
        got("https://8.8.8.8/a.wav")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://x.org/a",
        "http://",
        "http://user:secret@x.org/a",
        "https://x.org/a b",
        "hf://nobody",
        "hf://a/b/../c",
        "x",
    ],
)
def test_other_addresses_are_refused(address):
    with pytest.raises(Refusal) as refused:
        got(address)
    assert refused.value.status == 400


def test_a_hub_address_is_asked_of_the_hub_without_the_users_token(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert fetch._web_address("hf://kyutai/tts-voices/a b/c.wav@main") == (
        "https://huggingface.co/kyutai/tts-voices/resolve/main/a%20b/c.wav"
    )


# Through the server


def test_a_silent_site_frees_its_worker_when_the_caller_leaves(model, monkeypatch):
    monkeypatch.setattr(fetch, "is_public", lambda address: True)
    service = make_service(model, Limits(n_workers=1, fetch_seconds=600), allow_urls=True)

    def is_fetching():
        return any(thread.name == "pockettts-fetch" for thread in threading.enumerate())

    with silent("http") as url, served(service) as service_url:
        body = f"text=Hello.&voice_url={url}a.wav".encode()
        head = f"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        with raw_connection(service_url, head.encode() + body):
            until(is_fetching)
        until(lambda: not is_fetching())
        assert post(f"{service_url}/tts", data={"text": "Hello."}).status_code == 200


def test_the_server_clones_a_voice_behind_an_address(site, model, tmp_path):
    server, url = site
    server.files["a.wav"] = recording()
    voice = model.get_state_for_audio_prompt(tone())
    export_model_state(voice, tmp_path / "saved.safetensors")
    server.files["b.safetensors"] = (tmp_path / "saved.safetensors").read_bytes()
    server.files["c.wav"] = b"no sound"
    with served(make_service(model, Limits(fetch_seconds=5), allow_urls=True)) as service_url:

        def speak(name):
            form = {"text": "Hello world.", "voice_url": f"{url}/file/{name}"}
            return post(f"{service_url}/tts", data=form)

        assert speak("a.wav").status_code == 200
        assert speak("b.safetensors").status_code == 200
        assert len(server.seen) == 2
        assert speak("a.wav").status_code == 200
        assert len(server.seen) == 2  # it is remembered
        refused = speak("c.wav")
        assert refused.status_code == 400
        assert refused.json()["detail"].startswith("The voice at that address cannot be read")
