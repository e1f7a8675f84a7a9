"""The HTTP server under faults and under load: what it answers, what it keeps, how soon and how fast it speaks.

    python -m tools.check.server                      # the built-in model
    python -m tools.check.server --language english --quantize

Starts `pockettts-np serve` with the arguments given, on a free port of this machine, and ends it.
"""

import argparse
import collections
import http.client
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

TEXT = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."
SPEECH = {"model": "tts-1", "input": TEXT, "voice": "default", "response_format": "pcm"}
BYTES_A_SECOND = 48_000
TIMEOUT_SECONDS = 120


class Server:
    """The process of a running server."""

    def __init__(self, process: subprocess.Popen, url: str, folder: Path) -> None:
        self.pid = process.pid
        self.address = (urlsplit(url).hostname, urlsplit(url).port)
        self.folder = folder  # for its temporary files

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple:
        """Status, seconds to the first byte of the body, seconds in all, bytes."""
        connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_SECONDS)
        try:
            begin = time.perf_counter()
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            response = connection.getresponse()
            n_bytes = len(response.read(1))
            first = time.perf_counter() - begin
            n_bytes += len(response.read())
            return response.status, first, time.perf_counter() - begin, n_bytes
        finally:
            connection.close()

    def speak(self) -> tuple:
        return self.ask("POST", "/v1/audio/speech", json.dumps(SPEECH).encode())

    def send(self, data: bytes, read_bytes: int = 0) -> str:
        """Send these bytes, read some of the answer, and leave."""
        with socket.create_connection(self.address, timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(data)
            if read_bytes:
                connection.recv(read_bytes)
        return "left"

    def held(self) -> dict[str, int]:
        """What the process holds."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        number = {name: int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1]) for name in ("VmRSS", "Threads")}
        n_files = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        n_temporary = len(list(self.folder.iterdir()))
        return {
            "memory, MB": number["VmRSS"] // 1024,
            "threads": number["Threads"],
            "open files": n_files,
            "temporary files": n_temporary,
        }

    def wait_until_idle(self) -> None:
        while True:
            connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_SECONDS)
            connection.request("GET", "/health")
            health = json.loads(connection.getresponse().read())
            connection.close()
            if health["running"] == health["waiting"] == 0:
                return
            time.sleep(0.1)


@contextmanager
def running(arguments: list[str]):
    """`pockettts-np serve` on a free port."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "pockettts_np", "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": folder},
        )
        try:
            for line in process.stderr:
                if found := re.search(r"Listening on (\S+);", line):
                    threading.Thread(target=collections.deque, args=[process.stderr, 0], daemon=True).start()
                    yield Server(process, found[1], Path(folder))
                    break
                print(line, end="", file=sys.stderr)
        finally:
            process.terminate()
            status = process.wait()
        print(f"exit status {status}")


def whole(fields: dict) -> bytes:
    body = json.dumps(fields).encode()
    return b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def socket_with(*messages: dict) -> bytes:
    """A WebSocket that is opened, and what is said on it (RFC 6455, with a mask of zeros)."""
    head = (
        b"GET /v1/audio/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    texts = [json.dumps(message).encode() for message in messages]
    return head + b"".join(bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big") + bytes(4) + text for text in texts)


def form(text: str, file: bytes | None) -> tuple[bytes, str]:
    parts = [f'Content-Disposition: form-data; name="text"\r\n\r\n{text}\r\n'.encode()]
    if file is not None:
        parts.append(b'Content-Disposition: form-data; name="voice_wav"; filename="a.safetensors"\r\n\r\n%s\r\n' % file)
    return b"".join(b"--x\r\n" + part for part in parts) + b"--x--\r\n", "multipart/form-data; boundary=x"


def faults(server: Server) -> dict:
    """What clients may do, by name: each sends one request, and returns the status or how it left."""
    rng = random.Random(0)
    speech = whole(SPEECH)

    def post(fields: object, path: str = "/v1/audio/speech"):
        return lambda: str(server.ask("POST", path, json.dumps(fields).encode())[0])

    def tts(text: str, file: bytes | None = None):
        return lambda: str(server.ask("POST", "/tts", *form(text, file))[0])

    return {
        "speech": lambda: str(server.speak()[0]),
        "speech by form": tts(TEXT),
        "empty text": post(SPEECH | {"input": ""}),
        "1 MB of text": post(SPEECH | {"input": "a" * 1_000_000}),
        "text of a wrong type": post(SPEECH | {"input": [1]}),
        "unknown voice": post(SPEECH | {"voice": "nobody"}),
        "no JSON": lambda: str(server.ask("POST", "/v1/audio/speech", b"{")[0]),
        "broken upload": tts(TEXT, b"RIFF" + rng.randbytes(300_000)),
        "30 MB upload": tts(TEXT, bytes(30_000_000)),
        "path for a voice": post(SPEECH | {"voice": "/etc/passwd"}),
        "half a head": lambda: server.send(speech[:40]),
        "half a body": lambda: server.send(speech[:-30]),
        "leaves before the sound": lambda: server.send(speech),
        "leaves at the first sound": lambda: server.send(whole(SPEECH | {"input": TEXT * 20}), 100),
        "leaves in the middle": lambda: server.send(whole(SPEECH | {"input": TEXT * 20}), 60_000),
        "sound by address": lambda: str(server.ask("GET", f"/tts?text=Hello.&seed={rng.randrange(1000)}")[0]),
        "a whole WAV": post(SPEECH | {"response_format": "wav", "stream": False}),
        "events": post(SPEECH | {"stream_format": "sse", "seed": 1}),
        "wrong fields": post(SPEECH | {"seed": -1, "temperature": [], "stream": "x"}),
        "socket, leaves in the middle": lambda: server.send(socket_with({"type": "text", "text": TEXT * 9}), 60_000),
        "socket, says nonsense": lambda: server.send(socket_with({"type": []}), 500),
        "socket, cancels": lambda: server.send(socket_with({"type": "text", "text": TEXT}, {"type": "cancel"}), 500),
        "half a socket": lambda: server.send(socket_with()[:100]),
        "garbage": lambda: server.send(rng.randbytes(200) + b"\r\n\r\n", 100),
    }


def fault_run(server: Server, n_requests: int) -> None:
    """Random faults from eight clients at once, then 200 connections; what is held before and after."""
    kinds = faults(server)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.speak(), range(16)))
    server.wait_until_idle()
    before = server.held()
    rng = random.Random(1)
    names = [rng.choice(list(kinds)) for _ in range(n_requests)]
    outcomes: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)

    def run(name: str) -> None:
        try:
            outcomes[name][kinds[name]()] += 1
        except (OSError, http.client.HTTPException) as error:
            outcomes[name][type(error).__name__] += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, names))
    print(f"\n{n_requests} requests of {len(kinds)} kinds, eight at once:\n")
    for name in kinds:
        print(f"    {name:26} {', '.join(f'{status} × {n}' for status, n in sorted(outcomes[name].items()))}")
    crowd(server)
    server.wait_until_idle()
    time.sleep(6)  # idle connections are closed after five seconds
    after = server.held()
    print("\n| | before | after |\n|---|---|---|")
    for name, value in before.items():
        print(f"| {name} | {value} | {after[name]} |")
    print(f"\nthe next request: {server.speak()[0]}")


def crowd(server: Server, n_connections: int = 200) -> None:
    """Half of them silent, half of them asking at once."""
    connections = [socket.create_connection(server.address, timeout=TIMEOUT_SECONDS) for _ in range(n_connections)]
    for connection in connections[::2]:
        connection.sendall(whole(SPEECH))
    statuses = collections.Counter(connection.recv(12)[9:].decode() for connection in connections[::2])
    print(f"    {f'{n_connections} connections':26} {', '.join(f'{status} × {n}' for status, n in statuses.items())}")
    for connection in connections:
        with suppress(OSError):
            connection.close()


def load_run(server: Server, n_callers: int, n_each: int) -> str:
    """One row: first-byte latency, and seconds of speech made a second, with so many callers."""
    results = []

    def call(_: int) -> None:
        for _ in range(n_each):
            status, first, _, n_bytes = server.speak()
            assert status == 200, status
            results.append((first, n_bytes / BYTES_A_SECOND))

    begin = time.perf_counter()
    with ThreadPoolExecutor(n_callers) as pool:
        list(pool.map(call, range(n_callers)))
    seconds = time.perf_counter() - begin
    firsts = sorted(1000 * first for first, _ in results)
    speech = sum(length for _, length in results)
    worst = firsts[int(0.95 * (len(firsts) - 1))]
    return f"| {n_callers} | {statistics.median(firsts):.0f} | {worst:.0f} | {speech / seconds:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500, help="of the fault run; 0 leaves it out")
    parser.add_argument("--calls", type=int, default=8, help="of each caller; 0 leaves the load out")
    args, arguments = parser.parse_known_args()
    with running(arguments or ["--language", "builtin"]) as server:
        server.speak()
        if args.calls:
            print("| callers | first byte, median ms | 95 % | times real time, in all |\n|---|---|---|---|")
            for n_callers in (1, 4, 16):
                print(load_run(server, n_callers, max(1, args.calls)), flush=True)
        if args.requests:
            fault_run(server, args.requests)


if __name__ == "__main__":
    main()
