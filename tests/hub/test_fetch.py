"""Names to files: forms, the shared cache and its environment, tokens, refusals, and huggingface_hub beside us."""

import errno
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pockettts_np.hub import fetch as hub_module
from pockettts_np.hub import http
from pockettts_np.hub.download import reporting
from pockettts_np.hub.errors import AccessError, CorruptError, HubError, NetworkError, NotFoundError, OfflineError
from pockettts_np.hub.fetch import cached_path, fetch_first, local_path, missing_bytes
from pockettts_np.settings import cache_dir
from tests.support import hub_server
from tests.support.hub_server import COMMIT, Fault, File, Hub

WEIGHTS = "hf://kyutai/voices/languages/en/model.safetensors"
TOKENIZER = "hf://kyutai/voices/tokenizer.json"
LARGE, SMALL = bytes(range(256)) * 40, b'{"version": "1.0"}'
TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Caches of their own, no token, no proxy, no waiting."""
    hub_server.forget_settings(monkeypatch)
    monkeypatch.setattr(http, "pause", lambda seconds: None)
    return tmp_path


@pytest.fixture
def hub(root, monkeypatch):
    with Hub() as server:
        server.files = {
            "kyutai/voices/languages/en/model.safetensors": File(LARGE),
            "kyutai/voices/tokenizer.json": File(SMALL, is_large=False),
            "voice.wav": File(LARGE),
        }
        for name, value in server.env(root).items():
            monkeypatch.setenv(name, value)
        yield server


def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# ---- paths and the cache


def test_path_is_given_back_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.wav").touch()
    for given_path in ("a.wav", Path("a.wav"), tmp_path / "a.wav"):
        assert local_path(given_path) == cached_path(given_path) == tmp_path / "a.wav"
    assert local_path("b@1 ü.wav") == tmp_path / "b@1 ü.wav"
    assert cached_path("b@1 ü.wav") is None


@pytest.mark.parametrize(
    ("uri", "content", "digest"),
    [
        (WEIGHTS, LARGE, hashlib.sha256(LARGE).hexdigest()),
        (TOKENIZER, SMALL, hashlib.sha1(b"blob %d\0" % len(SMALL) + SMALL).hexdigest()),
    ],
)
def test_file_lands_in_the_layout_of_the_hub_cache(hub, root, uri, content, digest):
    folder = root / "hf" / "hub" / "models--kyutai--voices"
    path = local_path(uri)
    assert path == folder / "snapshots" / COMMIT / uri.removeprefix("hf://kyutai/voices/")
    assert path.read_bytes() == content
    assert not path.readlink().is_absolute()
    assert path.resolve() == folder / "blobs" / digest
    assert (folder / "refs" / "main").read_text() == COMMIT
    assert [file.name for file in (folder / "blobs").iterdir()] == [digest]
    assert (root / "hf" / "hub" / ".locks" / "models--kyutai--voices" / f"{digest}.lock").exists()
    assert cached_path(uri) == path


def test_commit_in_the_cache_needs_no_network(hub, monkeypatch):
    path = local_path(f"{WEIGHTS}@{COMMIT}")
    assert not (path.parents[4] / "refs").exists()
    no_network(monkeypatch)
    assert local_path(f"{WEIGHTS}@{COMMIT}") == cached_path(f"{WEIGHTS}@{COMMIT}") == path
    assert cached_path(f"{WEIGHTS}@{'f' * 40}") is None
    assert cached_path(WEIGHTS) is None


def test_branch_is_followed_and_its_last_file_serves_when_the_hub_is_away(hub, caplog):
    first = local_path(TOKENIZER)
    hub.files["kyutai/voices/tokenizer.json"] = File(b"new", is_large=False)
    hub.commits["main"] = "b" * 40
    second = local_path(TOKENIZER)
    assert (first.read_bytes(), second.read_bytes()) == (SMALL, b"new")
    hub.faults = [Fault("hub-head", times=99, status=503)]
    assert local_path(TOKENIZER) == cached_path(TOKENIZER) == second
    assert "HTTP 503" in caplog.text
    assert hub.count("hub-head") == 3  # a file that can be had is not waited for


@pytest.mark.parametrize("status", [401, 403])
def test_cached_file_of_a_branch_serves_whom_the_hub_refuses(hub, caplog, status):
    path = local_path(TOKENIZER)
    hub.faults = [Fault("hub-head", status=status)]
    assert local_path(TOKENIZER) == path
    assert f"HTTP {status}" in caplog.text


def test_same_content_under_a_new_commit_is_not_fetched_again(hub):
    first = local_path(WEIGHTS)
    hub.commits["main"] = "b" * 40
    second = local_path(WEIGHTS)
    assert first != second
    assert first.resolve() == second.resolve()
    assert hub.count("content") == 1


def test_revision_may_be_a_branch_with_slashes(hub):
    hub.commits["refs/pr/1"] = "c" * 40
    assert "c" * 40 in str(local_path(f"{TOKENIZER}@refs/pr/1"))
    assert cached_path(f"{TOKENIZER}@refs/pr/1") is not None


def test_file_of_a_branch_that_has_the_wrong_length_is_fetched_again(hub):
    blob = local_path(WEIGHTS).resolve()
    blob.write_bytes(LARGE[:-1])
    assert local_path(WEIGHTS).read_bytes() == LARGE


@pytest.mark.parametrize("text", ["", "main", "../../x", "B" * 40, "\xff"])
def test_damaged_ref_counts_as_none(hub, root, text):
    local_path(TOKENIZER)
    (root / "hf/hub/models--kyutai--voices/refs/main").write_bytes(text.encode("latin-1"))
    assert cached_path(TOKENIZER) is None
    assert local_path(TOKENIZER).read_bytes() == SMALL
    assert cached_path(TOKENIZER) is not None


def test_without_links_the_file_is_copied(hub, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    path = local_path(WEIGHTS)
    assert not path.is_symlink()
    assert path.stat().st_nlink == 2
    monkeypatch.setattr(os, "link", refuse)
    path = local_path(TOKENIZER)
    assert not path.is_symlink()
    assert path.stat().st_nlink == 1
    assert path.read_bytes() == SMALL


def test_link_in_the_place_of_a_ref_is_replaced_and_not_followed(hub, root):
    local_path(TOKENIZER)
    ref = root / "hf/hub/models--kyutai--voices/refs/main"
    ref.unlink()
    ref.symlink_to(root / "elsewhere")
    local_path(TOKENIZER)
    assert not (root / "elsewhere").exists()
    assert ref.read_text() == COMMIT
    assert not ref.is_symlink()


def test_without_a_home_nothing_is_found_and_fetching_says_what_to_set(hub, root, monkeypatch):
    def unknown_user(path=None):
        raise RuntimeError("Could not determine home directory.")

    for name in ("HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(Path, "home", unknown_user)
    monkeypatch.setattr(Path, "expanduser", unknown_user)
    monkeypatch.chdir(root)
    for uri in (WEIGHTS, TOKENIZER, hub.web("voice.wav")):
        assert cached_path(uri) is None
        with pytest.raises(FileNotFoundError, match=r"There is no home folder.*Set HOME, or name folders"):
            local_path(uri)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("refused", [errno.EACCES, errno.EROFS])
def test_lock_of_another_account_stops_nobody(hub, root, monkeypatch, refused):
    """In a cache that several accounts share."""
    opened = os.open

    def refuse(path, *arguments, **options):
        if str(path).endswith(".lock"):
            raise OSError(refused, os.strerror(refused), str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    for uri in (WEIGHTS, hub.web("voice.wav")):
        assert local_path(uri).read_bytes() == LARGE
        assert local_path(uri) == cached_path(uri)


def test_web_file_is_kept_by_the_hash_of_its_address(hub, root, monkeypatch):
    url = hub.web("voice.wav") + "?key=1#top"
    path = local_path(url)
    assert path == root / "xdg" / "pockettts_np" / (hashlib.sha256(url.encode()).hexdigest() + ".wav")
    assert path.read_bytes() == LARGE
    no_network(monkeypatch)
    assert local_path(url) == cached_path(url) == path
    assert cached_path(hub.web("voice.wav")) is None


def test_web_suffix_is_kept_only_where_any_system_can_store_it():
    assert [hub_module._place(f"https://a.b/{name}")._final().suffix for name in ("x.mp3", "x.a*b", "x", "")] == [
        ".mp3",
        "",
        "",
        "",
    ]


def test_progress_ends_at_the_whole_length(hub):
    calls = []
    hub.faults = [Fault(cut_after=1000)]
    with reporting(lambda *call: calls.append(call)):
        local_path(WEIGHTS)
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert (done[0], calls[-1]) == (0, (len(LARGE), len(LARGE), "model.safetensors"))
    calls.clear()
    with reporting(lambda *call: calls.append(call)):
        local_path(WEIGHTS)
    assert calls == []


def test_size_is_told_before_the_bytes_come(hub, caplog):
    caplog.set_level("INFO", logger="pockettts_np")
    calls = []
    with reporting(lambda *call: calls.append(list(caplog.messages))):
        local_path(WEIGHTS)
    announced = "Fetching languages/en/model.safetensors of kyutai/voices at main: 10.2 kB."
    assert calls[0] == [announced]
    assert caplog.messages == [announced]
    caplog.clear()
    local_path(hub.web("voice.wav"))
    assert caplog.messages == [f"Fetching {hub.web('voice.wav')}: 10.2 kB."]


def test_what_is_here_already_is_told(hub, root, caplog):
    caplog.set_level("INFO", logger="pockettts_np")
    hub.faults = [Fault(cut_after=4000), Fault(status=503, times=4)]
    with pytest.raises(NetworkError):
        local_path(WEIGHTS)
    caplog.clear()
    local_path(WEIGHTS)
    assert caplog.messages[0].endswith(": 10.2 kB, 4.0 kB of it here already.")


def test_progress_reaches_the_thread_that_asked_and_ends_with_its_block(hub):
    calls = []
    with reporting(lambda *call: calls.append(call)):
        thread = threading.Thread(target=local_path, args=(TOKENIZER,))
        thread.start()
        thread.join()
    local_path(WEIGHTS)
    assert calls == []
    assert (cached_path(TOKENIZER), cached_path(WEIGHTS)) != (None, None)


# ---- environment


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ({"HF_HUB_CACHE": "{0}/a", "HF_HOME": "{0}/b"}, "a"),
        ({"HUGGINGFACE_HUB_CACHE": "{0}/a", "HF_HOME": "{0}/b"}, "a"),
        ({"HF_HOME": "{0}/b", "XDG_CACHE_HOME": "{0}/c"}, "b/hub"),
        ({"HF_HOME": "", "XDG_CACHE_HOME": "{0}/c"}, "c/huggingface/hub"),
        ({"HOME": "{0}/d"}, "d/.cache/huggingface/hub"),
        ({"HOME": "{0}/d", "HF_HOME": "~/e"}, "d/e/hub"),
        ({"BASE": "{0}/f", "HF_HOME": "$BASE/g"}, "f/g/hub"),
    ],
)
def test_cache_folder_follows_the_environment(root, monkeypatch, settings, folder):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value.format(root))
    path = root / folder / "models--kyutai--voices" / "snapshots" / COMMIT / "tokenizer.json"
    path.parent.mkdir(parents=True)
    path.touch()
    assert cached_path(f"{TOKENIZER}@{COMMIT}") == path


def test_own_cache_follows_xdg(root, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "x"))
    assert cache_dir() == root / "x" / "pockettts_np"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(root))
    assert root in cache_dir().parents
    assert not cache_dir().exists()


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_only_the_cache_serves(hub, monkeypatch, variable):
    kept = local_path(TOKENIZER)
    monkeypatch.setenv(variable, "1")
    no_network(monkeypatch)
    assert local_path(TOKENIZER) == kept
    for uri in (WEIGHTS, hub.web("voice.wav")):
        with pytest.raises(OfflineError, match=f"and {variable} switches the network off.*with {variable} unset"):
            local_path(uri)


# ---- the token


def tokens_seen(hub):
    return {(request.at, request.headers.get("Authorization")) for request in hub.requests}


def test_token_goes_to_the_hub_and_nowhere_else(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    local_path(WEIGHTS)
    local_path(hub.web("voice.wav"))
    bearer = f"Bearer {TOKEN}"
    assert tokens_seen(hub) == {("hub-head", bearer), ("hub-get", bearer), ("content", None)}


@pytest.mark.parametrize("quote", ['"', "'"])
def test_token_goes_without_the_quotes_of_a_launcher(hub, root, monkeypatch, quote):
    monkeypatch.setenv("HF_TOKEN", f"{quote}{TOKEN}{quote}")
    local_path(TOKENIZER)
    assert ("hub-get", f"Bearer {TOKEN}") in tokens_seen(hub)
    monkeypatch.setenv("HF_HOME", f"{quote}{root / 'quoted'}{quote}")
    local_path(TOKENIZER)
    assert (root / "quoted" / "hub").is_dir()


def test_token_comes_from_the_file_that_the_login_writes(hub, root, monkeypatch):
    (root / "hf").mkdir()
    (root / "hf" / "token").write_text("hf_file\n")
    (root / "other").write_text("hf_other\n")
    local_path(TOKENIZER)
    assert ("hub-get", "Bearer hf_file") in tokens_seen(hub)
    monkeypatch.setenv("HF_TOKEN_PATH", str(root / "other"))
    local_path(TOKENIZER)
    assert ("hub-head", "Bearer hf_other") in tokens_seen(hub)
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    local_path(TOKENIZER)
    assert tokens_seen(hub) == {("hub-head", None)}


def test_redirect_on_the_hub_keeps_the_token_and_one_that_leaves_loses_it(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    moved = {"Location": "/kyutai/voices/resolve/main/tokenizer.json", "X-Repo-Commit": COMMIT}
    hub.files["kyutai/old/x"] = File(b"")
    hub.faults = [Fault("hub-head", status=307, headers=moved), Fault("hub-get", status=307, headers=moved)]
    assert local_path("hf://kyutai/old/tokenizer.json").read_bytes() == SMALL
    assert tokens_seen(hub) == {("hub-head", f"Bearer {TOKEN}"), ("hub-get", f"Bearer {TOKEN}")}

    hub.requests.clear()
    other = hub.endpoint.replace("127.0.0.1", "localhost")
    away = {"Location": f"{other}/kyutai/voices/resolve/{COMMIT}/languages/en/model.safetensors"}
    hub.faults = [Fault("hub-head", status=302, headers=away), Fault("hub-get", status=302, headers=away)]
    local_path(WEIGHTS)
    hub_requests = [request for request in hub.requests if request.at != "content"]
    sent = [(request.headers["Host"].split(":")[0], "Authorization" in request.headers) for request in hub_requests]
    assert sent == [("127.0.0.1", True), ("localhost", False)] * 2


@pytest.mark.parametrize("secret", ["hf_abc\ndef", "hf abc", "hf_ä", "hf_\x00x"])
def test_unusable_token_is_refused_unseen(hub, root, monkeypatch, secret):
    (root / "hf").mkdir()
    (root / "hf" / "token").write_text(secret)
    with pytest.raises(ValueError, match="holds characters that no token has") as caught:
        local_path(TOKENIZER)
    assert secret not in str(caught.value)
    assert hub.requests == []


def test_no_error_and_no_log_shows_the_token_or_a_signature(hub, monkeypatch, caplog):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    texts = []
    for at in ("hub-head", "hub-get", "content"):
        for order in ({"status": 401}, {"status": 403}, {"status": 404}, {"status": 500}, {"drop": True}):
            hub.faults = [Fault(at, times=99, **order)]
            for uri in (WEIGHTS, hub.web(f"voice.wav?Signature=secret&{at}")):
                try:
                    local_path(uri)
                except HubError as error:
                    texts.append(str(error))
    assert len(texts) == 20
    assert not any(word in text for text in [*texts, caplog.text] for word in (TOKEN, "secret", "Bearer"))


# ---- refusals


@pytest.mark.parametrize(
    ("fault", "token", "kind", "wanted"),
    [
        ({"status": 401}, None, AccessError, ("Accept the terms at {0}/kyutai/voices", "set HF_TOKEN")),
        ({"status": 401}, TOKEN, AccessError, ("does not accept your token", "{0}/settings/tokens")),
        ({"status": 403}, TOKEN, AccessError, ("no access", "Accept the terms at {0}/kyutai/voices")),
        (
            {"status": 404, "headers": {"X-Error-Code": "EntryNotFound"}},
            None,
            NotFoundError,
            ("kyutai/voices has no file tokenizer.json at main", "{0}/kyutai/voices/tree/main"),
        ),
        (
            {"status": 404, "headers": {"X-Error-Code": "RevisionNotFound"}},
            None,
            NotFoundError,
            ("kyutai/voices has no revision main",),
        ),
        ({"status": 404}, None, NotFoundError, ("There is no tokenizer.json of kyutai/voices at main",)),
        ({"status": 451}, None, HubError, ("HTTP 451", "opens in a browser")),
    ],
)
@pytest.mark.parametrize("at", ["hub-head", "hub-get"])
def test_each_refusal_has_its_sentence(hub, root, monkeypatch, at, fault, token, kind, wanted):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    hub.faults = [Fault(at, **fault)]
    with pytest.raises(HubError) as caught:
        local_path(TOKENIZER)
    assert type(caught.value) is kind
    for text in wanted:
        assert text.format(hub.endpoint) in str(caught.value)
    assert not hub.faults  # asked once: no retry changes it
    assert cached_path(TOKENIZER) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AccessError), (404, NotFoundError), (410, NotFoundError), (418, HubError)]
)
def test_web_server_refuses(hub, status, kind):
    hub.faults = [Fault(status=status)]
    with pytest.raises(HubError, match=rf"voice.wav \(HTTP {status}\)") as caught:
        local_path(hub.web("voice.wav"))
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Repo-Commit": None},
        {"X-Repo-Commit": "../../../etc"},
        {"ETag": '"not-a-hash"'},
        {"ETag": '"../../../../evil"'},
        {"ETag": None},
    ],
)
def test_hub_that_is_none_is_refused(hub, headers):
    hub.faults = [Fault("hub-head", headers=headers)]
    with pytest.raises(HubError, match="without the commit and the hash"):
        local_path(TOKENIZER)


def test_hub_that_answers_with_another_commit_is_refused(hub):
    hub.faults = [Fault("hub-head", headers={"X-Repo-Commit": "d" * 40})]
    with pytest.raises(CorruptError, match="d" * 40):
        local_path(f"{TOKENIZER}@{COMMIT}")


def test_weak_etag_is_the_same_hash(hub):
    etag = hub.files["kyutai/voices/tokenizer.json"].etag
    hub.faults = [Fault("hub-head", headers={"ETag": f'W/"{etag}"'})]
    assert local_path(TOKENIZER).read_bytes() == SMALL


# ---- the gated file or the open one

GATED, OPEN = "hf://kyutai/gated/model.safetensors", "hf://kyutai/open/model.safetensors"


@pytest.fixture
def both(hub):
    hub.files = {
        "kyutai/gated/model.safetensors": File(b"with cloning", needs=TOKEN),
        "kyutai/open/model.safetensors": File(b"without cloning"),
    }
    return hub


def test_without_a_token_the_open_file_is_fetched_and_the_gated_hub_not_asked(both):
    path, index = fetch_first([GATED, OPEN])
    assert (path.read_bytes(), index) == (b"without cloning", 1)
    assert not any("gated" in request.path for request in both.requests)


def test_with_the_token_the_gated_file_comes_first(both, monkeypatch):
    fetch_first([GATED, OPEN])
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    path, index = fetch_first([GATED, OPEN])
    assert (path.read_bytes(), index) == (b"with cloning", 0)


def test_cached_gated_file_needs_no_token(both, monkeypatch):
    with monkeypatch.context() as login:
        login.setenv("HF_TOKEN", TOKEN)
        local_path(f"{GATED}@{COMMIT}")
    no_network(monkeypatch)
    assert fetch_first([f"{GATED}@{COMMIT}", f"{OPEN}@{COMMIT}"])[1] == 0


def test_cached_open_file_without_a_token_needs_no_network(both, monkeypatch):
    pinned = [f"{GATED}@{COMMIT}", f"{OPEN}@{COMMIT}"]
    first = fetch_first(pinned)
    no_network(monkeypatch)
    assert fetch_first(pinned) == first


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_gated_file_gives_way(both, monkeypatch, status):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    both.faults = [Fault("hub-head", status=status)]
    assert fetch_first([GATED, OPEN])[1] == 1


def test_refused_to_the_last_is_an_error(both, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    both.files.pop("kyutai/open/model.safetensors")
    with pytest.raises(NotFoundError, match="kyutai/open"):
        fetch_first([GATED, OPEN])
    with pytest.raises(ValueError, match="no URI"):
        fetch_first([])


def test_without_a_network_the_cached_file_serves_at_once(both, monkeypatch):
    fetch_first([GATED, OPEN])
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    both.requests.clear()
    both.faults = [Fault("hub-head", times=99, drop=True)]
    assert fetch_first([GATED, OPEN])[1] == 1
    assert both.count("hub-head") == 1
    with pytest.raises(NetworkError):
        fetch_first([GATED, TOKENIZER])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch_first([GATED, OPEN])[1] == 1


def test_missing_bytes_are_those_that_fetch_first_fetches(both, monkeypatch, tmp_path):
    assert missing_bytes([GATED, OPEN]) == len(b"without cloning")
    fetch_first([GATED, OPEN])
    assert missing_bytes([GATED, OPEN]) == 0
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert missing_bytes([GATED, OPEN]) == len(b"with cloning")
    both.faults = [Fault("hub-head", status=403)]
    assert missing_bytes([GATED, OPEN]) == 0
    assert missing_bytes([tmp_path]) == 0
    assert missing_bytes([both.web("x")]) is None
    with pytest.raises(ValueError, match="no URI"):
        missing_bytes([])
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(AccessError, match="does not accept your token"):
        missing_bytes([GATED])


def test_missing_bytes_without_a_network(both, monkeypatch):
    fetch_first([GATED, OPEN])
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert missing_bytes([GATED, OPEN]) == 0
    with pytest.raises(OfflineError):
        missing_bytes([GATED])


def test_path_or_web_file_in_first_place_is_taken(both, tmp_path):
    assert fetch_first([str(tmp_path / "x"), OPEN]) == (tmp_path / "x", 0)
    assert fetch_first([both.web("kyutai/open/model.safetensors"), OPEN])[1] == 0


# ---- forms

BAD = [
    "",
    "a\0b",
    "ftp://a/b",
    "file:///etc/passwd",
    "HF://a/b/c",
    "://",
    "hf://",
    "hf:///",
    "hf://owner",
    "hf://owner/repo",
    "hf://owner/repo/",
    "hf://owner//file",
    "hf:///repo/file",
    "hf://../repo/file",
    "hf://owner/../file",
    "hf://owner/repo/../../../etc/passwd",
    "hf://owner/repo/a/./b",
    "hf://owner/repo/a//b",
    "hf://owner/repo/.. /b",
    "hf://owner/repo/...",
    "hf://owner/repo/a\\..\\b",
    "hf://owner/repo/C:/x",
    "hf://owner/repo/a\nb",
    "hf://owner/repo/a\x7fb",
    "hf://owner/repo/\ud800",
    "hf://owner/repo/" + "a" * 201,
    "hf://owner/repo/" + "a/" * 600 + "a",
    "hf://owner--x/repo/a",
    "hf://own er/repo/a",
    "hf://-owner/repo/a",
    "hf://owner/repo/a@",
    "hf://owner/repo/a@b@c",
    "hf://owner/repo/a@../x",
    "hf://owner/repo/a@x/../y",
    "hf://owner/repo/a@/x",
    "hf://owner/repo/a@x/",
    "hf://owner/repo/a@x.",
    "hf://owner/repo/a@x y",
    "hf://owner/repo/a@" + "x" * 201,
    "hf://datasets/owner/repo/a",
    "http://",
    "https:///x",
    "https://a b/c",
    "https://a/b c",
    "https://a/b\nHost: c",
    "https://ä.de/x",
    "https://a/ä",
    "https://a:0/x",
    "https://a:99999/x",
    "https://a:b/x",
    "https://[::1/x",
    "https://user@a/x",
    "https://user:password@a/x",
    "https://a/<x>",
    "https://a/" + "x" * 2000,
]


@pytest.mark.parametrize("uri", BAD)
def test_bad_form_is_a_sentence_that_shows_no_password(uri):
    for function in (local_path, cached_path):
        with pytest.raises(ValueError, match=r"\. (Expected|Take it out)") as caught:
            function(uri)
        assert "password@" not in str(caught.value)
        assert len(str(caught.value)) < 600


def test_bad_endpoint_is_refused(root, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "huggingface.co")
    with pytest.raises(ValueError, match=r"HF_ENDPOINT 'huggingface\.co'"):
        local_path(TOKENIZER)


PARTS = st.one_of(
    st.sampled_from(
        ["..", ".", "", "a", "main", "model.safetensors", "@", ":", "\\", "%2e%2e", "\x00", "\n", " ", "~"]
    ),
    st.text(max_size=8),
)


@given(
    scheme=st.sampled_from(["hf://", "https://", "http://", "", "hf:/", "file://"]),
    parts=st.lists(PARTS, max_size=7),
    revision=st.one_of(st.just(""), st.lists(PARTS, max_size=3).map(lambda parts: "@" + "/".join(parts))),
)
@example(scheme="hf://", parts=["o", "r", "..", "..", ".."], revision="@..")
@example(scheme="https://", parts=["a", "..", ".."], revision="")
def test_any_text_is_refused_or_stays_in_its_cache(tmp_path_factory, scheme, parts, revision):
    """Texts made of parts that have broken such parsers before; a plain path is not ours to judge."""
    uri = scheme + "/".join(parts) + revision
    base = tmp_path_factory.getbasetemp() / "fuzz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(base / "hf"))
        patch.setenv("XDG_CACHE_HOME", str(base / "xdg"))
        no_network(patch)
        try:
            place = hub_module._place(uri)
        except ValueError:
            return
        if isinstance(place, Path):
            assert "://" not in uri
            return
        assert cached_path(uri) is None
        if scheme == "hf://":
            kept = [place._pointer(COMMIT), place._ref()]
            folder = base / "hf" / "hub" / f"models--{place.owner}--{place.repo}"
            assert f"{place.owner}/{place.repo}/{place.path}@{place.revision}".startswith("/".join(parts))
        else:
            kept, folder = [place._final()], base / "xdg" / "pockettts_np"
        for path in kept:
            assert folder in Path(os.path.normpath(path)).parents


# ---- huggingface_hub beside us

_THEIRS = """
import json, sys
from huggingface_hub import hf_hub_download
path = hf_hub_download("kyutai/voices", sys.argv[1], local_files_only=sys.argv[2] == "cached")
print(json.dumps(path))
"""


def theirs(hub, root, filename, how):
    quiet = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", _THEIRS, filename, how]
    environment = {"PATH": os.environ["PATH"], "HOME": str(root)} | hub.env(root) | quiet
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    return Path(json.loads(result.stdout))


@pytest.mark.parametrize("name", ["tokenizer.json", "languages/en/model.safetensors"])
def test_huggingface_hub_finds_our_files_and_we_find_its(hub, root, monkeypatch, name):
    uri = f"hf://kyutai/voices/{name}"
    ours = local_path(uri)
    n_contents = hub.count("hub-get") + hub.count("content")
    assert theirs(hub, root, name, "cached") == ours
    assert theirs(hub, root, name, "online") == ours
    assert hub.count("hub-get") + hub.count("content") == n_contents

    other = root / "theirs first"
    fetched = theirs(hub, other, name, "online")
    for variable, value in hub.env(other).items():
        monkeypatch.setenv(variable, value)
    no_network(monkeypatch)
    assert cached_path(uri) == fetched
    assert local_path(f"{uri}@{COMMIT}") == fetched
    assert hub_server.wrong_files(root, hub) == []
