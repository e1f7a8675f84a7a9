"""A hub on this machine that can misbehave: the addresses, headers and redirects of the real one, and faults on order.

Content of large ("LFS") files comes from a second server under another host name, as from a CDN. Each request
takes the first fault in `faults` that is meant for it. Every request is kept in `requests`.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def forget_settings(environment):
    """Let `environment`, a MonkeyPatch, forget what its user has set for hubs, this package and proxies."""
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_", "POCKETTTS")) or name.lower().endswith("_proxy"):
            environment.delenv(name)


@dataclass
class Fault:
    """What goes wrong with the next `times` requests to `at`: hub-head, hub-get or content."""

    at: str = "content"
    times: int = 1
    status: int | None = None  # answer this status without content
    content_status: int | None = None  # and this with it
    headers: dict = field(default_factory=dict)  # add or replace; None removes
    cut_after: int | None = None  # close the connection after so many bytes of the body
    drop: bool = False  # close the connection without an answer
    body: bytes | None = None  # send this instead
    ignore_range: bool = False
    ignore_if_range: bool = False
    chunked: bool = False
    hold_after: int | None = None  # wait for `Hub.gate` after so many bytes of the body
    stall_s: float = 0.0  # say nothing for so long before the answer


@dataclass
class File:
    content: bytes
    is_large: bool = True
    needs: str | None = None  # the token that may read it
    etag: str = ""

    def __post_init__(self):
        git = b"blob %d\0" % len(self.content)
        sha1 = hashlib.sha1(git + self.content, usedforsecurity=False).hexdigest()
        self.etag = self.etag or (hashlib.sha256(self.content).hexdigest() if self.is_large else sha1)


@dataclass
class Request:
    at: str
    method: str
    path: str
    headers: dict


class Hub:
    """`with Hub() as hub:` serves `files`, keyed "owner/repo/path", at `endpoint` and plain ones at `web(name)`."""

    def __init__(self):
        self.files: dict[str, File] = {}
        self.commits = {"main": COMMIT}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.gate = threading.Event()
        self.held = threading.Event()
        self.lock = threading.Lock()

    def __enter__(self):
        self.hub_server = _start(self, _HubHandler, "127.0.0.1")
        self.content_server = _start(self, _ContentHandler, "localhost")
        return self

    def __exit__(self, *exception):
        self.gate.set()
        for server in (self.hub_server, self.content_server):
            server.shutdown()
            server.server_close()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.hub_server.server_port}"

    def web(self, name):
        return f"http://localhost:{self.content_server.server_port}/{name}"

    def env(self, root: Path) -> dict[str, str]:
        """The environment that keeps a client to this hub, with its caches under `root`."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(root / "hf"),
            "HF_HUB_OFFLINE": "",
            "XDG_CACHE_HOME": str(root / "xdg"),
            "NO_PROXY": "*",
            "no_proxy": "*",
        }

    def serve(self, uri: str, content: bytes, **options) -> File:
        """Offers `content` under an hf:// address, whose revision becomes a commit of the hub."""
        name, _, revision = uri.removeprefix("hf://").partition("@")
        if revision:
            self.commits[revision] = revision
        self.files[name] = File(content, **options)
        return self.files[name]

    def take_fault(self, at):
        with self.lock:
            fault = next((fault for fault in self.faults if fault.at == at), Fault())
            fault.times -= 1
            self.faults = [fault for fault in self.faults if fault.times > 0]
            return fault

    def count(self, at):
        return sum(request.at == at for request in self.requests)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that go away are part of the tests."""


def _start(hub, handler, host):
    server = _Server((host, 0), type("Handler", (handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def begin(self, at):
        """Notes the request. The fault for it, or None if that has been dealt with."""
        self.hub.requests.append(Request(at, self.command, self.path, dict(self.headers)))
        fault = self.hub.take_fault(at)
        self.close_connection = True
        if fault.stall_s:
            self.hub.gate.wait(fault.stall_s)
        if fault.drop:
            return None
        if fault.status is not None:
            self.answer(fault.status, fault.headers)
            return None
        return fault

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        headers = {"Content-Length": str(len(body))} | headers
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_content(self, file, fault, headers):
        """The file or the part of it that was asked for, as the fault has it."""
        body = file.content if fault.body is None else fault.body
        headers = {"ETag": f'"{file.etag}"'} | headers
        status, start = 200, 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        unchanged = fault.ignore_if_range or self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]
        if match and unchanged and not fault.ignore_range:
            start = int(match[1])
            if start >= len(body):
                self.answer(416, {"Content-Range": f"bytes */{len(body)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = body[start:]
        headers["Content-Length"] = str(len(part))
        if fault.chunked:
            headers |= {"Content-Length": None, "Transfer-Encoding": "chunked"}
            part = b"%x\r\n" % len(part) + part + b"\r\n0\r\n\r\n" if part else b"0\r\n\r\n"
        stops = [stop for stop in (fault.hold_after, fault.cut_after) if stop is not None]
        self.answer(fault.content_status or status, headers | fault.headers, part[: min(stops, default=None)])
        if fault.hold_after is not None:
            self.wfile.flush()
            self.hub.held.set()
            self.hub.gate.wait(20)
            self.wfile.write(part[fault.hold_after : fault.cut_after])


class _HubHandler(_Handler):
    def do_HEAD(self):
        self.resolve("hub-head")

    def do_GET(self):
        self.resolve("hub-get")

    def resolve(self, at):
        if (fault := self.begin(at)) is None:
            return
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", urlsplit(self.path).path)
        repo, revision, path = (unquote(part) for part in match.groups()) if match else ("", "", "")
        commit = revision if revision in self.hub.commits.values() else self.hub.commits.get(revision)
        file = self.hub.files.get(f"{repo}/{path}")
        if not any(name.startswith(f"{repo}/") for name in self.hub.files):
            self.answer(404, {"X-Error-Code": "RepoNotFound"})
        elif commit is None:
            self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        elif file is None:
            self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        elif file.needs is not None and self.headers.get("Authorization") != f"Bearer {file.needs}":
            self.answer(401, {"X-Error-Code": "GatedRepo"})
        elif file.is_large:
            headers = {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content))}
            headers["Location"] = self.hub.web(f"cdn/{repo}/{path}?Signature=secret")
            self.answer(302, headers | {"X-Repo-Commit": commit} | fault.headers)
        else:
            self.send_content(file, fault, {"X-Repo-Commit": commit})


class _ContentHandler(_Handler):
    """The CDN, with ETags of its own, and any other web server."""

    def do_GET(self):
        if (fault := self.begin("content")) is None:
            return
        name = unquote(urlsplit(self.path).path).removeprefix("/").removeprefix("cdn/")
        file = self.hub.files.get(name)
        if file is None:
            self.answer(404, {})
        else:
            self.send_content(file, fault, {"ETag": f'"cdn-{file.etag[:8]}"'})


_CHILD = """
import json, os, signal, sys, types
package = types.ModuleType("pockettts_np")
package.__path__ = [sys.argv[1]]
sys.modules["pockettts_np"] = package  # not the real one: it would import Numba
from pockettts_np.hub import fetch, http, request
http._FIRST_PAUSE_S = 0.01
n_changes = 0
order = {}

def watch(event, arguments):
    global n_changes
    if event == "open":
        changes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    else:
        changes = event in ("os.rename", "os.remove", "os.mkdir", "os.symlink", "os.link", "os.truncate")
    if not changes or not order:
        return
    if n_changes == order.get("kill_at"):
        os.kill(os.getpid(), signal.SIGKILL)
    n_changes += 1
    if order.get("errno"):
        raise OSError(order["errno"], os.strerror(order["errno"]), "file")

def run():
    os.environ.update(order["env"])
    request._TIMEOUT_S = order.get("timeout_s", request._TIMEOUT_S)
    if order.get("file_bytes"):
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"],) * 2)
    try:
        result = {"path": str(fetch.local_path(order["uri"]))}
    except OSError as error:
        result = {"error": type(error).__name__, "text": str(error)}
    return result | {"n_changes": n_changes}

sys.addaudithook(watch)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        order = json.loads(line)
        print(os.getpid(), flush=True)
        print(json.dumps(run()), flush=True)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if status:
        print(json.dumps({"killed": os.waitstatus_to_exitcode(status) == -signal.SIGKILL}), flush=True)
"""


class Worker:
    """`with Worker() as worker:` runs `local_path` in processes of their own, one after the other.

    Orders: kill_at=n, kill -9 before the n-th change of the disk; errno=n, each change of the disk fails so;
    file_bytes=n, no file may grow longer; timeout_s=x, the patience with a silent server.
    Outcomes: path, or error and text, with n_changes of the disk; or killed.
    """

    def __enter__(self):
        import pockettts_np

        package = str(Path(pockettts_np.__file__).parent)
        base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _CHILD, package],
            env=base,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()

    def start(self, uri, env, **order):
        """Begins; the process's number."""
        self.process.stdin.write(json.dumps(order | {"uri": uri, "env": env}) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def outcome(self):
        return json.loads(self.process.stdout.readline())

    def run(self, uri, env, **order):
        self.start(uri, env, **order)
        return self.outcome()


def wrong_files(root: Path, hub: Hub) -> list[str]:
    """Files under final names in the caches below `root` whose content is not what it should be."""
    wrong = []
    contents = {file.content for file in hub.files.values()}
    for path in root.rglob("*"):
        if not path.is_file() or path.suffix in (".incomplete", ".lock", ".part", ".TAG"):
            continue
        kind = path.relative_to(root).parts
        content = path.read_bytes()
        if "refs" in kind:
            is_right = content.decode() in hub.commits.values()
        elif "blobs" in kind:
            is_right = File(content, is_large=len(path.name) == 64).etag == path.name
        else:
            is_right = content in contents
        if not is_right:
            wrong.append(str(path.relative_to(root)))
    return wrong
