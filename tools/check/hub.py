"""The commands around the hub, as a user types them, against a hub on this machine; then faults, counted.

    python -m tools.check.hub MODEL.safetensors TOKENIZER.model [--name english_2m_2026-10] [--rounds 200]

MODEL is a whole checkpoint of the sizes of the released model NAME, random or not, TOKENIZER a SentencePiece model of
its vocabulary. Both are served at the addresses of NAME; nothing leaves this machine. Prints a transcript and a table.
"""

import argparse
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file, save

from pockettts_np import TTSModel, export_model_state
from pockettts_np.config.load import load_config
from pockettts_np.hub import catalogue
from tests.support.hub_server import Fault, Hub, Worker, wrong_files

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"
CONTENT_BYTES = 200_000
URI = "hf://owner/repo/file"


@dataclass
class Shell:
    """A user's terminal: a working folder and an environment."""

    folder: Path
    env: dict[str, str]

    def __call__(self, line: str, grep: str = "", **env: str) -> None:
        """Runs `pockettts-np LINE` and prints both, with ~ for the home folder; of the answer what has `grep` in it."""
        home = str(self.folder.parent)
        shown = "".join(f"{name}={value} " for name, value in env.items()) + f"pockettts-np {line}"
        print(f"$ {shown}{' | grep ' + grep if grep else ''}".replace(home, "~"))
        result = subprocess.run(
            [sys.executable, "-m", "pockettts_np", *line.split()],
            cwd=self.folder,
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        answer = [row for row in result.stdout.replace(home, "~").splitlines() if grep in row]
        print(*answer, *([f"(exit status {result.returncode})"] if result.returncode else []), "", sep="\n")


def serve(hub: Hub, name: str, checkpoint: Path, tokenizer: Path, folder: Path) -> None:
    """The released model NAME: gated with cloning, open without, its tokenizer, and one voice under every name."""
    config = load_config(name)
    gated, spare = catalogue.weights_addresses(config)
    hub.serve(gated, checkpoint.read_bytes(), needs=TOKEN)
    tensors = load_file(checkpoint)
    tensors["flow_lm.speaker_proj_weight"][:] = 0
    hub.serve(spare, save(tensors))
    hub.serve(config.flow_lm.lookup_table.tokenizer_path, tokenizer.read_bytes())
    own = folder / "own.toml"
    own.write_text(
        f'extends = "{name}"\nweights_path = "{checkpoint}"\n[flow_lm.lookup_table]\ntokenizer_path = "{tokenizer}"\n'
    )
    voice = folder / "voice.safetensors"
    export_model_state(TTSModel.load_model(config=own).get_state_for_audio_prompt(ROOT / "ref.wav"), voice)
    state = load_file(voice)
    for voice_name in catalogue.VOICES:
        hub.serve(catalogue.voice_state_address(name, voice_name), save(state, {"voice": voice_name}))


def transcript(hub: Hub, home: Path, name: str) -> None:
    """What a user sees of the commands."""
    kept = {key: os.environ[key] for key in ("PATH", "NUMBA_CACHE_DIR", "OPENBLAS_NUM_THREADS") if key in os.environ}
    env = kept | hub.env(home) | {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    folder = home / "speech"
    folder.mkdir()
    shutil.copy(ROOT / "ref.wav", folder)
    user = Shell(folder, env)
    user("models")
    user(f"voices --language {name}")
    user(f"download {name} --voice anna --voice marius")
    user(f"download {name} --voice anna --voice marius")
    user("models", grep=name)
    user(f"generate --language {name} --text Hello. --seed 1")
    user(f"generate --language {name} --text Hello. --seed 1", HF_HUB_OFFLINE="1")
    user(f"generate --language {name} --text Hello. --seed 1 --quantize", HF_HUB_OFFLINE="1")
    user(f"generate --language {name} --text Hello. --seed 1 --quantize", HF_HUB_OFFLINE="1")
    user(f"generate --language {name} --text Hello. --voice ref.wav")
    user(f"download {name}", HF_TOKEN="hf_expired")
    user(f"download {name}", HF_TOKEN=TOKEN)
    user(f"export-voice ref.wav me.safetensors --language {name}")
    user(f"quantize --language {name} model.safetensors")
    user("info model.safetensors")
    user("info me.safetensors")
    user("info ref.wav")
    for weights in sorted((home / "hf").rglob("snapshots/*/languages/*/model.safetensors")):
        user(f"info {weights}")
    alone = Shell(home / "elsewhere", env | {"HF_HOME": str(home / "empty"), "XDG_CACHE_HOME": str(home / "empty")})
    alone.folder.mkdir()
    shutil.move(folder / "model.safetensors", alone.folder)
    shutil.rmtree(home / "hf")
    alone("generate --model model.safetensors --text Hello.", HF_HUB_OFFLINE="1")
    user("download english_18m_2026-10")
    user("download englsh")
    user(f"download {name}", HF_HUB_OFFLINE="1")
    user(f"download {name}", HF_ENDPOINT="http://127.0.0.1:9")


# ---- faults

Disturb = Callable[[Hub, random.Random], Mapping[str, float]]  # sets faults; what the worker is ordered beside


def _with_fault(**fault: Callable[[random.Random], object] | object) -> Disturb:
    def disturb(hub: Hub, rng: random.Random) -> dict[str, int]:
        values = {key: value(rng) if callable(value) else value for key, value in fault.items()}
        hub.faults = [Fault(**values)]
        return {}

    return disturb


def _flipped(rng: random.Random) -> bytes:
    content = bytearray(CONTENT)
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _silent(hub: Hub, rng: random.Random) -> dict[str, float]:
    hub.faults = [Fault(at=rng.choice(["hub-head", "hub-get", "content"]), stall_s=1.0)]
    return {"timeout_s": 0.25}


def _killed(hub: Hub, rng: random.Random) -> dict[str, int]:
    return {"kill_at": rng.randrange(14)}


def _full(hub: Hub, rng: random.Random) -> dict[str, int]:
    return {"file_bytes": rng.randrange(1, CONTENT_BYTES)}


def _refused(hub: Hub, rng: random.Random) -> dict[str, int]:
    return {"errno": rng.choice([errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])}


CONTENT = random.Random(0).randbytes(CONTENT_BYTES)
FAULTS: dict[str, Disturb] = {
    "connection cut at a random byte": _with_fault(cut_after=lambda rng: rng.randrange(CONTENT_BYTES)),
    "… five times in a row": _with_fault(times=5, cut_after=lambda rng: rng.randrange(1, 1000)),
    "no answer": _with_fault(drop=True),
    "slow: silent for longer than the patience": _silent,
    "one bit changed": _with_fault(body=_flipped),
    "cut short, with a length to match": _with_fault(body=lambda rng: CONTENT[: rng.randrange(CONTENT_BYTES)]),
    "too long": _with_fault(body=CONTENT + b"!"),
    "wrong length announced": _with_fault(headers={"Content-Length": str(CONTENT_BYTES + 1)}),
    "range ignored after a cut": _with_fault(cut_after=50_000, ignore_range=True),
    "429 Too Many Requests": _with_fault(status=429),
    "500 to 504": _with_fault(status=lambda rng: rng.choice([500, 502, 503, 504])),
    "401, 403, 404 from the hub": _with_fault(at="hub-head", status=lambda rng: rng.choice([401, 403, 404])),
    "redirect to a file on this disk": _with_fault(at="hub-get", status=302, headers={"Location": "file:///etc/hosts"}),
    "kill -9 at a random change of the disk": _killed,
    "file size limit at a random byte": _full,
    "disk full or not writable": _refused,
}


def fault_table(rounds: int) -> int:
    """Every fault `rounds` times, each with caches of its own; then a run without. Returns the files lost or wrong."""
    rng, lost_in_all = random.Random(1), 0
    print(f"{'fault':42} {'times':>5} {'survived':>8} {'error, then whole':>17} {'files lost or wrong':>19}")
    with Hub() as hub, Worker() as worker:
        hub.serve(URI, CONTENT)
        for title, disturb in FAULTS.items():
            survived = failed = lost = 0
            for _ in range(rounds):
                with tempfile.TemporaryDirectory() as root:
                    env = hub.env(Path(root))
                    order = disturb(hub, rng)
                    went_well = "path" in worker.run(URI, env, **order)
                    hub.faults = []
                    wrong = wrong_files(Path(root), hub)
                    again = worker.run(URI, env)
                    is_whole = "path" in again and Path(again["path"]).read_bytes() == CONTENT
                    lost += bool(wrong) or not is_whole
                    survived, failed = survived + went_well, failed + (not went_well)
            print(f"{title:42} {rounds:5} {survived:8} {failed:17} {lost:19}", flush=True)
            lost_in_all += lost
        lost_in_all += _together(hub, rounds)
    return lost_in_all


def _together(hub: Hub, rounds: int) -> int:
    lost = 0
    with Worker() as first, Worker() as second:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as root:
                for worker in (first, second):
                    worker.start(URI, hub.env(Path(root)))
                paths = [worker.outcome()["path"] for worker in (first, second)]
                are_whole = all(Path(path).read_bytes() == CONTENT for path in paths)
                lost += bool(wrong_files(Path(root), hub)) or not are_whole
    print(f"{'two processes at once':42} {rounds:5} {rounds:8} {0:17} {lost:19}")
    return lost


def main() -> int:
    """Exit status 1 if a file was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--name", default="english_2m_2026-10")
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, Hub() as hub:
        serve(hub, args.name, args.checkpoint.resolve(), args.tokenizer.resolve(), Path(home))
        transcript(hub, Path(home), args.name)
    return min(1, fault_table(args.rounds))


if __name__ == "__main__":
    sys.exit(main())
