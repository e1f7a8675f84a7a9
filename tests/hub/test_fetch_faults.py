"""Whatever the network, the disk or kill -9 do: no wrong file under a final name, and the next run completes."""

import contextlib
import email.utils
import errno
import os
import shutil
import signal
import ssl
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import filelock
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.files import locks
from pockettts_np.hub import download, http, request
from pockettts_np.hub import fetch as hub_module
from pockettts_np.hub.download import reporting
from pockettts_np.hub.errors import CorruptError, HubError, NetworkError, StorageError
from pockettts_np.hub.fetch import cached_path, local_path
from tests.support.hub_server import Fault, File, Hub, Worker, forget_settings, wrong_files

CONTENT = bytes(range(7, 107))  # 100 bytes
LARGE, SMALL, WEB = "large", "small", "web"
KINDS = [LARGE, SMALL, WEB]
CONTENT_AT = {LARGE: "content", SMALL: "hub-get", WEB: "content"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Caches of their own, no token, no proxy, no waiting."""
    forget_settings(monkeypatch)
    monkeypatch.setattr(http, "pause", lambda seconds: None)
    return tmp_path


@pytest.fixture
def hub(root, monkeypatch):
    with serving() as server:
        for name, value in server.env(root).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def worker():
    with Worker() as process:
        yield process


@contextlib.contextmanager
def serving():
    with Hub() as server:
        server.files = {
            "owner/repo/large": File(CONTENT),
            "owner/repo/small": File(CONTENT, is_large=False),
            "web": File(CONTENT),
        }
        yield server


def uri_of(hub, kind):
    return hub.web("web") if kind == WEB else f"hf://owner/repo/{kind}"


def recovers(hub, root, kind):
    """The law of this file."""
    hub.faults = []
    assert wrong_files(root, hub) == []
    path = local_path(uri_of(hub, kind))
    assert path.read_bytes() == CONTENT
    assert wrong_files(root, hub) == []
    assert not list(root.rglob("*.incomplete"))
    return path


# ---- faults that pass: one run survives them


@pytest.mark.parametrize("kind", KINDS)
def test_cut_at_any_byte_is_continued(hub, root, kind):
    for n_bytes in range(0, len(CONTENT), 1 if kind == LARGE else 11):
        shutil.rmtree(root / "hf", ignore_errors=True)
        shutil.rmtree(root / "xdg", ignore_errors=True)
        hub.requests.clear()
        hub.faults = [Fault(CONTENT_AT[kind], cut_after=n_bytes)]
        assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT
        ranges = [request.headers.get("Range") for request in hub.requests if request.at == CONTENT_AT[kind]]
        assert ranges == [None, f"bytes={n_bytes}-" if n_bytes else None]
    recovers(hub, root, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_after_every_byte_ends_all_the_same(hub, root, kind):
    hub.faults = [Fault(CONTENT_AT[kind], times=len(CONTENT), cut_after=1)]
    assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT
    recovers(hub, root, kind)


PASSING = {
    "429": {"status": 429},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "504": {"status": 504},
    "408": {"status": 408},
    "no answer": {"drop": True},
}


@pytest.mark.parametrize("order", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("at", ["hub-head", "hub-get", "content"])
def test_four_failures_in_a_row_pass_and_five_are_an_error(hub, root, at, order):
    hub.faults = [Fault(at, times=4, **order)]
    assert local_path(uri_of(hub, LARGE)).read_bytes() == CONTENT
    shutil.rmtree(root / "hf")
    hub.faults = [Fault(at, times=5, **order)]
    with pytest.raises(NetworkError):
        local_path(uri_of(hub, LARGE))
    assert not hub.faults
    recovers(hub, root, LARGE)


DAMAGED = {
    "shorter": {"body": CONTENT[:-1]},
    "longer": {"body": CONTENT + b"!"},
    "one bit": {"body": CONTENT[:50] + bytes([CONTENT[50] ^ 1]) + CONTENT[51:]},
    "empty": {"body": b""},
    "says too little": {"headers": {"Content-Length": "99"}},
    "says too much": {"headers": {"Content-Length": "101"}},
    "chunked, shorter": {"chunked": True, "body": CONTENT[:-1]},
}


@pytest.mark.parametrize("order", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("kind", [LARGE, SMALL])
@pytest.mark.parametrize("times", [1, 99])
def test_wrong_length_or_hash_is_noticed(hub, root, kind, order, times):
    hub.faults = [Fault(CONTENT_AT[kind], times, **order)]
    if times == 1:
        assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT
    else:
        with pytest.raises((CorruptError, NetworkError), match=r"of owner/repo at main.*(Try|try)"):
            local_path(uri_of(hub, kind))
        assert cached_path(uri_of(hub, kind)) is None
    recovers(hub, root, kind)


@pytest.mark.parametrize("kind", [LARGE, SMALL])
@pytest.mark.parametrize("order", [{"headers": {"Content-Length": None}}, {"chunked": True}])
def test_cut_without_a_length_is_noticed(hub, root, kind, order):
    hub.faults = [Fault(CONTENT_AT[kind], cut_after=40, **order)]
    assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT
    recovers(hub, root, kind)


def test_damaged_twice_keeps_nothing(hub, root):
    hub.faults = [Fault(times=2, **DAMAGED["one bit"])]
    with pytest.raises(CorruptError, match="arrived damaged twice: its hash is"):
        local_path(uri_of(hub, LARGE))
    assert not list(root.rglob("*.incomplete"))
    recovers(hub, root, LARGE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "order",
    [
        {"ignore_range": True},
        {"status": 416},
        {"headers": {"Content-Range": "bytes 0-99/100"}},
        {"headers": {"Content-Range": "bytes 7-99/100"}},
        {"headers": {"Content-Range": "nonsense"}},
        {"headers": {"Content-Range": None}},
    ],
    ids=["whole", "416", "from 0", "from 7", "nonsense", "none"],
)
def test_server_that_answers_a_range_wrongly(hub, root, kind, order):
    hub.faults = [Fault(CONTENT_AT[kind], cut_after=40), Fault(CONTENT_AT[kind], **order)]
    with contextlib.suppress(HubError):
        assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT
    recovers(hub, root, kind)


@pytest.mark.parametrize("ignore_if_range", [True, False])
def test_web_file_that_changes_in_between_is_not_mixed(hub, root, ignore_if_range):
    new = File(bytes(reversed(CONTENT)))

    def change(done, total, name):
        if done == 40:
            hub.files["web"] = new

    hub.faults = [Fault(cut_after=40), Fault(ignore_if_range=ignore_if_range)]
    with reporting(change):
        assert local_path(uri_of(hub, WEB)).read_bytes() == new.content


@pytest.mark.parametrize("etag", ['W/"weak"', None, "bare", '"a"\t'])
def test_web_file_without_a_strong_etag_starts_anew(hub, root, etag):
    hub.faults = [Fault(cut_after=40, headers={"ETag": etag})]
    assert local_path(uri_of(hub, WEB)).read_bytes() == CONTENT
    assert not any("Range" in request.headers for request in hub.requests)


def test_part_that_nobody_asked_for_is_not_taken(hub, root):
    rest = Fault(content_status=206, headers={"Content-Range": "bytes 40-99/100"}, body=b"#" * 60)
    hub.faults = [Fault(cut_after=40, headers={"ETag": None}), rest]
    assert local_path(uri_of(hub, WEB)).read_bytes() == CONTENT
    recovers(hub, root, WEB)


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"headers": {"Content-Length": None}}, "does not say how long"),
        ({"headers": {"Content-Encoding": "gzip"}}, "compressed"),
    ],
)
def test_web_answer_that_cannot_be_checked_is_refused(hub, root, order, wanted):
    hub.faults = [Fault(**order)]
    with pytest.raises(CorruptError, match=wanted):
        local_path(uri_of(hub, WEB))
    recovers(hub, root, WEB)


@pytest.mark.parametrize("kind", KINDS)
def test_chunked_answer_is_taken(hub, root, kind):
    hub.faults = [Fault(CONTENT_AT[kind], chunked=True)]
    assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT
    assert not hub.faults
    recovers(hub, root, kind)


@pytest.mark.parametrize("chunked", [False, True])
def test_hub_that_tells_no_length_is_checked_by_the_hash(hub, root, chunked):
    hub.faults = [
        Fault("hub-head", headers={"X-Linked-Size": None}),
        Fault(body=CONTENT[:-1]),
        Fault(chunked=chunked),
    ]
    assert local_path(uri_of(hub, LARGE)).read_bytes() == CONTENT
    recovers(hub, root, LARGE)


def test_empty_file_is_a_file(hub, root):
    hub.files["owner/repo/none"] = File(b"")
    assert local_path("hf://owner/repo/none").read_bytes() == b""
    assert wrong_files(root, hub) == []


def test_silent_server_is_given_up_in_time(hub, root, monkeypatch):
    monkeypatch.setattr(request, "_TIMEOUT_S", 0.05)
    hub.faults = [Fault(stall_s=5)]
    assert local_path(uri_of(hub, LARGE)).read_bytes() == CONTENT
    shutil.rmtree(root / "hf")
    hub.faults = [Fault(hold_after=30), Fault(times=99, stall_s=5)]
    started_s = time.monotonic()
    with pytest.raises(NetworkError, match="timed out"):
        local_path(uri_of(hub, LARGE))
    assert time.monotonic() - started_s < 3
    assert [path.stat().st_size for path in root.rglob("*.incomplete")] == [30]
    recovers(hub, root, LARGE)


# ---- waiting


@pytest.mark.parametrize(
    ("retry_after", "shortest_s", "longest_s"),
    [("7", 7, 7), ("100000", 60, 60), ("soon", 0.5, 0.5), (None, 0.5, 0.5), ("0", 0.5, 0.5), ("date", 15, 20)],
)
def test_pause_is_as_long_as_the_server_asks_within_reason(hub, monkeypatch, retry_after, shortest_s, longest_s):
    pauses = []
    monkeypatch.setattr(http, "pause", pauses.append)
    if retry_after == "date":
        retry_after = email.utils.formatdate(time.time() + 20, usegmt=True)
    hub.faults = [Fault("hub-head", status=429, headers={"Retry-After": retry_after})]
    local_path(uri_of(hub, LARGE))
    (pause_s,) = pauses
    assert shortest_s <= pause_s <= longest_s


def test_pauses_double(hub, monkeypatch):
    pauses = []
    monkeypatch.setattr(http, "pause", pauses.append)
    hub.faults = [Fault("hub-head", times=5, status=500)]
    with pytest.raises(NetworkError, match=r"failed on large .* \(HTTP 500\).*try again later"):
        local_path(uri_of(hub, LARGE))
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_new_bytes_renew_the_patience_and_the_same_bytes_do_not(hub, root):
    hub.faults = [Fault(times=20, cut_after=3)]
    assert local_path(uri_of(hub, LARGE)).read_bytes() == CONTENT
    shutil.rmtree(root / "hf")
    hub.requests.clear()
    hub.faults = [Fault(times=99, cut_after=60, ignore_range=True)]
    with pytest.raises(NetworkError, match="was cut after 60 of 100 bytes of large"):
        local_path(uri_of(hub, LARGE))
    assert hub.count("content") == 5
    recovers(hub, root, LARGE)


def test_pause_takes_its_time():
    began_s = time.monotonic()
    http.pause(0.02)
    assert time.monotonic() - began_s >= 0.02


# ---- redirects


@pytest.mark.parametrize("at", ["hub-head", "hub-get", "content"])
def test_redirect_loop_ends(hub, root, at):
    loop = {"Location": f"{hub.endpoint}/owner/repo/resolve/main/large" if at != "content" else hub.web("web")}
    hub.faults = [Fault(at, times=99, status=302, headers=loop)]
    with pytest.raises(NetworkError, match="redirected more than 10 times"):
        local_path(uri_of(hub, WEB if at == "content" else LARGE))
    assert hub.count(at) == 11
    recovers(hub, root, LARGE)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://localhost/x",
        "data:,x",
        "http://user:password@localhost/x",
        "http://[::1/x",
        "http://localhost:99999/",
    ],
)
@pytest.mark.parametrize("at", ["hub-get", "content"])
def test_redirect_to_an_unsafe_address_is_refused(hub, root, at, location):
    hub.faults = [Fault(at, status=302, headers={"Location": location})]
    with pytest.raises(NetworkError, match="unsafe address") as caught:
        local_path(uri_of(hub, LARGE))
    assert "password" not in str(caught.value)
    recovers(hub, root, LARGE)


def test_redirect_leads_from_http_to_https_but_not_back():
    assert http._redirect_target("http://a/x", "https://b/y") == "https://b/y"
    assert http._redirect_target("https://a/x", "/y z?a=1%20") == "https://a/y%20z?a=1%20"
    with pytest.raises(ValueError, match="from https to http"):
        http._redirect_target("https://a/x", "http://a/x")
    assert http.origin("https://a/") == http.origin("https://A:443/b") != http.origin("http://a/")


def test_redirect_without_an_address_is_an_error(hub, root):
    hub.faults = [Fault(status=302)]
    with pytest.raises(HubError, match="HTTP 302"):
        local_path(uri_of(hub, WEB))


# ---- no network


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listens(hub, root, kind):
    uri = uri_of(hub, kind)
    hub.__exit__()
    with pytest.raises(NetworkError, match=r"cannot be reached.*Connection refused.*Check the network"):
        local_path(uri)
    assert cached_path(uri) is None


def test_bad_certificate_is_not_tried_again(hub, monkeypatch):
    def refuse(*arguments, **options):
        reason = ssl.SSLCertVerificationError(1, "certificate verify failed")
        reason.verify_message = "self-signed certificate"
        raise urllib.error.URLError(reason)

    monkeypatch.setattr(urllib.request.HTTPHandler, "http_open", refuse)
    monkeypatch.setattr(http, "pause", None)
    with pytest.raises(NetworkError, match=r"certificate that cannot be trusted \(self-signed"):
        local_path(uri_of(hub, LARGE))


CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBjDCCATGgAwIBAgIUYA/hK0r66Rkw8kyuFiLylOISn44wCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPUHJveHkgb2YgYSB0ZXN0MCAXDTI2MTEyODEyMjIwMVoYDzIx
MjYxMTA0MTIyMjAxWjAaMRgwFgYDVQQDDA9Qcm94eSBvZiBhIHRlc3QwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAARjtMPawLGXcRAx6HX3X+Pf7HM4qJg65vfdUxUZ
hR9XcCM1x9O8nNr32CEMiOEP2rFsn4t/bjHK3GVs9zB3QnMio1MwUTAdBgNVHQ4E
FgQUm7P9+48ngkpRdzI2ytpoxTDIQPwwHwYDVR0jBBgwFoAUm7P9+48ngkpRdzI2
ytpoxTDIQPwwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA4Dks
8yR0UNur9Yyrd8s2Kzkp0K8p0LciyGdIXQycq80CIQCklARD2mScQC7pZXhqTXm5
ErYBL0BfGV8NGjYwsqIisA==
-----END CERTIFICATE-----
"""


def trusted_by(monkeypatch, **variables):
    """The number of certificates that a connection would trust."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return request._trusted().cert_store_stats()["x509"]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificate_of_a_proxy_is_trusted_by_the_names_that_people_set(tmp_path, monkeypatch, variable):
    (tmp_path / "proxy.pem").write_text(CERTIFICATE)
    (tmp_path / "none.pem").write_text("")
    with_system = 0 if variable == "SSL_CERT_FILE" else trusted_by(monkeypatch)
    assert trusted_by(monkeypatch, **{variable: tmp_path / "proxy.pem"}) == with_system + 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_named(tmp_path, monkeypatch, content):
    path = tmp_path / "proxy.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NetworkError, match=r"proxy.pem, which REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names .*Correct"):
        trusted_by(monkeypatch, REQUESTS_CA_BUNDLE=path)


# ---- any mixture

FAULTS = st.builds(
    Fault,
    at=st.sampled_from(["hub-head", "hub-get", "content"]),
    times=st.integers(1, 6),
    status=st.sampled_from([None, None, None, 302, 401, 403, 404, 408, 416, 429, 500, 503]),
    cut_after=st.none() | st.integers(0, 100),
    drop=st.sampled_from([False, False, True]),
    body=st.none() | st.sampled_from([b"", CONTENT[:-1], CONTENT + b"!", CONTENT[:40] + b"#" * 60, b"#" * 100]),
    ignore_range=st.booleans(),
    chunked=st.sampled_from([False, False, True]),
    headers=st.sampled_from([{}, {}, {"Content-Length": "99"}, {"Content-Length": None}, {"ETag": '"other"'}]),
)


@settings(max_examples=60)
@given(kind=st.sampled_from([LARGE, SMALL]), runs=st.lists(st.lists(FAULTS, max_size=4), min_size=1, max_size=3))
def test_any_mixture_of_faults_leaves_no_wrong_file(tmp_path_factory, kind, runs):
    """Faults drawn from all that the server knows; no web files, whose content no server vouches for."""
    root = tmp_path_factory.mktemp("mixture")
    with serving() as hub, pytest.MonkeyPatch.context() as patch:
        for name, value in hub.env(root).items():
            patch.setenv(name, value)
        patch.setattr(http, "pause", lambda seconds: None)
        for faults in runs:
            hub.faults = faults
            with contextlib.suppress(HubError):
                assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT
            assert wrong_files(root, hub) == []
        recovers(hub, root, kind)


# ---- the disk


@pytest.mark.parametrize("kind", KINDS)
def test_no_room_is_said_before_a_byte_is_written(hub, root, monkeypatch, kind):
    usage = shutil.disk_usage(root)
    with monkeypatch.context() as small_disk:
        small_disk.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=99))
        with pytest.raises(StorageError, match="Make room, or set HF_HOME"):
            local_path(uri_of(hub, kind))
    assert not list(root.rglob("*.incomplete"))
    recovers(hub, root, kind)


def test_what_has_come_needs_no_room_again(hub, root, monkeypatch):
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=40))
    leave_behind(hub, root, LARGE, CONTENT[:60])
    assert local_path(uri_of(hub, LARGE)).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_content_is_on_the_disk_before_it_has_its_name(hub, root, monkeypatch, kind):
    synced = {}

    def note(descriptor):
        finals = [path for path in root.rglob("*") if path.suffix in ("", ".web") and path.is_file()]
        synced.setdefault(os.fstat(descriptor).st_ino, any(path.read_bytes() == CONTENT for path in finals))

    monkeypatch.setattr(os, "fsync", note)
    assert synced[local_path(uri_of(hub, kind)).stat().st_ino] is False


@pytest.mark.parametrize("kind", KINDS)
def test_disk_that_fills_up_keeps_the_part_that_a_hash_will_prove(hub, root, monkeypatch, kind):
    hub.faults = [Fault(CONTENT_AT[kind], cut_after=30)]

    class FullDisk:
        def __init__(self, file):
            self.file = file

        def write(self, block):
            if self.file.tell() + len(block) > 50:
                self.file.write(block[: 50 - self.file.tell()])
                raise OSError(errno.ENOSPC, "No space left on device")
            self.file.write(block)

    copy = download._copy
    with monkeypatch.context() as small_disk:
        small_disk.setattr(download, "_copy", lambda response, file, *rest: copy(response, FullDisk(file), *rest))
        with pytest.raises(StorageError, match=r"is full.*Make room and try again"):
            local_path(uri_of(hub, kind))
    assert [path.stat().st_size for path in root.rglob("*.incomplete")] == ([] if kind == WEB else [50])
    recovers(hub, root, kind)
    assert hub.requests[-1].headers.get("Range") == (None if kind == WEB else "bytes=50-")


@pytest.mark.parametrize("kind", KINDS)
def test_quota_of_the_system_is_a_full_disk(hub, root, worker, kind):
    result = worker.run(uri_of(hub, kind), hub.env(root), file_bytes=60)
    assert result["error"] == "StorageError"
    assert "is full (File too large)" in result["text"]
    recovers(hub, root, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_cache_that_may_only_be_read_serves_what_it_has(hub, root, worker, kind):
    refused = worker.run(uri_of(hub, kind), hub.env(root), errno=errno.EROFS)
    assert refused["error"] == "StorageError"
    assert "cannot be used (Read-only file system)" in refused["text"]
    assert "set HF_HOME" in refused["text"]
    assert not list(root.iterdir())
    path = recovers(hub, root, kind)
    assert worker.run(uri_of(hub, kind), hub.env(root), errno=errno.EROFS)["path"] == str(path)
    hub.commits["main"] = "b" * 40  # the branch has moved, the content not
    assert worker.run(uri_of(hub, kind), hub.env(root), errno=errno.EROFS).get("error") == (
        None if kind == WEB else "StorageError"
    )


def test_file_in_place_of_the_cache_folder(hub, root, monkeypatch):
    (root / "file").touch()
    monkeypatch.setenv("HF_HOME", str(root / "file"))
    with pytest.raises(StorageError, match="cannot be used"):
        local_path(uri_of(hub, LARGE))
    assert (root / "file").read_bytes() == b""


def test_other_errors_of_the_disk_come_out_as_they_are(hub, root):
    def fail(done, total, name):
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output error") as caught, reporting(fail):
        local_path(uri_of(hub, LARGE))
    assert not isinstance(caught.value, HubError)
    recovers(hub, root, LARGE)


PARTS = {
    "none": b"",
    "some": CONTENT[:60],
    "all": CONTENT,
    "too much": CONTENT + b"!",
    "zeros, as after a power cut": bytes(60),
    "as long but other": bytes(100),
}


def leave_behind(hub, root, kind, part):
    """As huggingface_hub has named the files of interrupted downloads, once and now."""
    if kind == WEB:
        blob = hub_module._place(hub.web("web"))._final()
    else:
        blob = root / "hf" / "hub" / "models--owner--repo" / "blobs" / hub.files[f"owner/repo/{kind}"].etag
    blob.parent.mkdir(parents=True)
    for name in ("incomplete", "0a1b2c3d.incomplete"):
        blob.with_name(f"{blob.name}.{name}").write_bytes(part)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_an_earlier_run_left_the_file_is_right(hub, root, kind, part):
    leave_behind(hub, root, kind, part)
    recovers(hub, root, kind)


def test_whole_file_that_an_earlier_run_left_is_not_fetched_again(hub, root):
    leave_behind(hub, root, LARGE, CONTENT)
    recovers(hub, root, LARGE)
    assert hub.count("content") == 0


def test_longest_leftover_is_continued(hub, root):
    leave_behind(hub, root, LARGE, CONTENT[:60])
    (longest, _) = root.rglob("*.incomplete")
    longest.write_bytes(CONTENT[:70])
    recovers(hub, root, LARGE)
    assert hub.requests[-2].headers["Range"] == "bytes=70-"


def test_damaged_blob_is_not_taken_for_one_that_another_process_has_made(hub, root):
    leave_behind(hub, root, LARGE, b"")
    blob = next(root.rglob("*.incomplete")).with_name(hub.files["owner/repo/large"].etag)
    blob.write_bytes(CONTENT[:60])

    def clear(done, total, name):
        for part in root.rglob("*.incomplete"):
            part.unlink()

    with pytest.raises(StorageError), reporting(clear):
        local_path(uri_of(hub, LARGE))
    recovers(hub, root, LARGE)


@pytest.mark.parametrize("kind", KINDS)
def test_cache_that_is_deleted_under_way_is_an_error(hub, root, kind):
    def delete(done, total, name):
        shutil.rmtree(root / ("xdg" if kind == WEB else "hf"), ignore_errors=True)

    with pytest.raises(StorageError, match="cannot be used"), reporting(delete):
        local_path(uri_of(hub, kind))
    recovers(hub, root, kind)


# ---- kill -9


@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_at_every_change_of_the_disk(hub, root, worker, kind):
    n_changes = worker.run(uri_of(hub, kind), hub.env(root / "whole"))["n_changes"]
    assert n_changes >= 5
    for index in range(n_changes):
        folder = root / str(index)
        assert worker.run(uri_of(hub, kind), hub.env(folder), kill_at=index) == {"killed": True}
        assert wrong_files(folder, hub) == []
        result = worker.run(uri_of(hub, kind), hub.env(folder))
        assert Path(result["path"]).read_bytes() == CONTENT
        assert wrong_files(folder, hub) == []
        assert not list(folder.rglob("*.incomplete"))


@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_in_mid_download_is_continued(hub, root, worker, kind):
    hub.files["owner/repo/large"] = hub.files["web"] = File(CONTENT * 20_000)
    hub.files["owner/repo/small"] = File(CONTENT * 20_000, is_large=False)
    hub.faults = [Fault(CONTENT_AT[kind], hold_after=1_500_000)]
    pid = worker.start(uri_of(hub, kind), hub.env(root))
    assert hub.held.wait(10)
    wait_until(lambda: sum(path.stat().st_size for path in root.rglob("*.incomplete")) > 1_000_000)
    os.kill(pid, signal.SIGKILL)
    assert worker.outcome() == {"killed": True}
    hub.gate.set()
    assert wrong_files(root, hub) == []
    assert local_path(uri_of(hub, kind)).read_bytes() == CONTENT * 20_000
    asked = hub.requests[-1].headers.get("Range", "bytes=0-")
    assert (int(asked.removeprefix("bytes=").rstrip("-")) > 1_000_000) == (kind != WEB)
    assert wrong_files(root, hub) == []
    assert not list(root.rglob("*.incomplete"))


def wait_until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited 10 s in vain")


# ---- two at once


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_fetch_it_once(hub, root, worker, kind):
    hub.faults = [Fault(CONTENT_AT[kind], hold_after=50)]
    worker.start(uri_of(hub, kind), hub.env(root))
    assert hub.held.wait(10)
    with Worker() as second:
        second.start(uri_of(hub, kind), hub.env(root))
        if kind != WEB:
            wait_until(lambda: hub.count("hub-head") == 2)
        time.sleep(0.1)
        hub.gate.set()
        paths = {worker.outcome()["path"], second.outcome()["path"]}
    assert hub.count(CONTENT_AT[kind]) == 1
    assert paths == {str(recovers(hub, root, kind))}


@pytest.mark.parametrize("kind", KINDS)
def test_many_threads_get_one_file(hub, root, kind):
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(local_path(uri_of(hub, kind)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(paths) == 6
    assert set(paths) == {recovers(hub, root, kind)}
    assert hub.count(CONTENT_AT[kind]) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, None], ids=["ENOLCK", "ENOSYS", "lying"])
def test_two_at_once_where_locks_do_nothing(hub, root, monkeypatch, kind, number):
    """As on some network disks, where a lock fails or is given to everyone."""

    def lock_nothing(descriptor):
        if number:
            raise OSError(number, "no locks")

    monkeypatch.setattr(locks, "_try_lock", lock_nothing)
    results = []

    def fetch():
        try:
            results.append(local_path(uri_of(hub, kind)).read_bytes() == CONTENT)
        except HubError:
            results.append("error")

    for n_bytes in (0, 1, 50, 99):
        hub.held.clear()
        hub.gate.clear()
        hub.faults = [Fault(CONTENT_AT[kind], hold_after=n_bytes)]
        first = threading.Thread(target=fetch)
        first.start()
        assert hub.held.wait(10)
        fetch()
        hub.gate.set()
        first.join(10)
        recovers(hub, root, kind)
        shutil.rmtree(root / "hf", ignore_errors=True)
        shutil.rmtree(root / "xdg", ignore_errors=True)
    assert results == [True] * 8


@pytest.mark.parametrize("kind", KINDS)
def test_without_locks_one_that_fails_does_no_harm_to_the_other(hub, root, monkeypatch, kind):
    def no_locks(descriptor):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locks, "_try_lock", no_locks)
    hub.faults = [Fault(CONTENT_AT[kind], hold_after=50), Fault(CONTENT_AT[kind], times=99, cut_after=40)]
    hub.faults[1].ignore_range = True
    contents = []
    first = threading.Thread(target=lambda: contents.append(local_path(uri_of(hub, kind)).read_bytes()))
    first.start()
    assert hub.held.wait(10)
    with pytest.raises(NetworkError):
        local_path(uri_of(hub, kind))
    hub.gate.set()
    first.join(10)
    assert contents == [CONTENT]
    recovers(hub, root, kind)


def test_lock_is_the_one_that_huggingface_hub_takes(tmp_path):
    path = tmp_path / "folder" / "x.lock"
    with locks.locked(path), pytest.raises(filelock.Timeout):
        filelock.FileLock(path, timeout=0).acquire()
    waited = []
    theirs = filelock.FileLock(path)
    theirs.acquire()

    def let_go(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            theirs.release()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks, "sleep", let_go)
        with locks.locked(path):
            assert len(waited) == 2
