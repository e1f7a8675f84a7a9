"""What people report of caches of compiled code, as a table: each ends with kept kernels, or with one sentence."""

import errno
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from pockettts_np.files.writing import UNFINISHED
from pockettts_np.kernels import places
from pockettts_np.kernels.loops import compiled

NAMED, BESIDE, USER = "named/pockettts_np", "site/kernels/__pycache__", "home/.cache/pockettts_np/kernels"
CONTEXT = SimpleNamespace(codegen=lambda: Compiled.codegen)


class Compiled:
    """A compiled kernel to Numba's side of the cache."""

    lifted = ()
    library = SimpleNamespace(has_dynamic_globals=False)
    codegen = SimpleNamespace(magic_tuple=lambda: ("x86_64", "znver4", "+avx512f"))

    def _reduce(self):
        description = SimpleNamespace(llvm_cpython_wrapper_name="wrapper")
        return ("wrapper", "object", (b"machine code", b"")), description

    @staticmethod
    def _rebuild(context, *payload):
        return payload


@dataclass
class Machine:
    """The folders of a user who has installed the package, and ways to spoil them; root's rights change nothing."""

    root: Path
    monkeypatch: pytest.MonkeyPatch

    def file_at(self, folder: str) -> None:
        (self.root / folder).parent.mkdir(parents=True, exist_ok=True)
        (self.root / folder).write_bytes(b"")

    def read_only(self, folder: str) -> None:
        may_be, locked = os.access, str(self.root / folder)
        Path(locked).mkdir(exist_ok=True)
        self.monkeypatch.setattr(
            os, "access", lambda path, mode: may_be(path, mode) and not str(path).startswith(locked)
        )

    def full(self, folder: str) -> None:
        write = compiled.replacing_file

        def replacing_file(path):
            if str(path).startswith(str(self.root / folder)):
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(path)

        self.monkeypatch.setattr(compiled, "replacing_file", replacing_file)

    def no_home(self) -> None:
        self.monkeypatch.delenv("HOME")

        def unknown_user():
            raise RuntimeError("Could not determine home directory.")

        self.monkeypatch.setattr(Path, "home", unknown_user)

    def no_folder_at_all(self) -> None:
        self.no_home()
        self.read_only("")

    def kept(self) -> list[Path]:
        return sorted(self.root.rglob("*.nbc"))

    def cut(self, folder: str) -> None:
        call()
        for path in self.kept():
            path.write_bytes(path.read_bytes()[:-10])

    def killed_while_writing(self) -> None:
        (self.root / BESIDE).mkdir(parents=True)
        (self.root / BESIDE / UNFINISHED.format("1")).write_bytes(b"half of it")

    def warmed_by_root(self) -> None:
        call()
        self.read_only("site")

    def carried_to_another_processor(self) -> None:
        call()
        other = SimpleNamespace(magic_tuple=lambda: ("aarch64", "cortex-a76", "+neon"))
        self.monkeypatch.setattr(Compiled, "codegen", other)

    def eight_processes_at_once(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: call(), range(8)))


def call() -> bool:
    """A process calls a kernel: whether it found it kept. Else it compiles, and tries to keep it."""

    def loop():
        pass

    cache = compiled.KernelCache(loop)
    if cache.load_overload("float32", CONTEXT):
        return True
    cache.save_overload("float32", Compiled())
    return False


@pytest.fixture
def machine(tmp_path, monkeypatch):
    (tmp_path / "site" / "kernels").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    for name in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(places, "__file__", str(tmp_path / "site" / "kernels" / "places.py"))
    monkeypatch.setattr(places.sys, "platform", "linux")
    monkeypatch.setattr(compiled, "CompileResult", Compiled)
    compiled._log_once.cache_clear()
    return Machine(tmp_path, monkeypatch)


def named(folder):
    return lambda machine: machine.monkeypatch.setenv("NUMBA_CACHE_DIR", str(machine.root / folder))


def each(*steps):
    return lambda machine: [step(machine) for step in steps]


SITE_LOCKED = lambda machine: machine.read_only("site")  # noqa: E731
REPORTS = {
    "an ordinary installation": (lambda machine: None, BESIDE),
    "a folder is named": (named("named"), NAMED),
    "installed by root, run by a user": (SITE_LOCKED, USER),
    "warmed up by root, run by a user": (Machine.warmed_by_root, BESIDE),
    "HOME is not set and passwd has no entry": (each(Machine.no_home), BESIDE),
    "HOME is /homeless-shelter": (each(SITE_LOCKED, lambda m: m.file_at("home/.cache"), named("named")), NAMED),
    "the folder that is named is a file": (each(lambda m: m.file_at("named"), named("named")), BESIDE),
    "the folder that is named may only be read": (each(lambda m: m.read_only("named"), named("named")), BESIDE),
    "the disk of the folder that is named is full": (each(lambda m: m.full("named"), named("named")), BESIDE),
    "every kept file was cut": (lambda machine: machine.cut(BESIDE), BESIDE),
    "a process was killed while it wrote": (Machine.killed_while_writing, BESIDE),
    "the cache was carried to another processor": (Machine.carried_to_another_processor, BESIDE),
    "eight processes start at once": (Machine.eight_processes_at_once, BESIDE),
}


@pytest.mark.parametrize("report", REPORTS)
def test_the_second_process_finds_the_kernels_and_nothing_is_complained_of(machine, report, caplog):
    spoil, folder = REPORTS[report]
    spoil(machine)
    call()
    assert call()
    assert {path.parent for path in machine.kept()} == {machine.root / folder}
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert not (machine.root / "~").exists()


HOPELESS = {
    "no home and no folder that may be written": Machine.no_folder_at_all,
    "every disk is full": lambda machine: machine.full(""),
    "files stand where all folders would be": each(
        lambda m: m.file_at(BESIDE), lambda m: m.file_at("home/.cache"), lambda m: m.file_at("named"), named("named")
    ),
}


@pytest.mark.parametrize("report", HOPELESS)
def test_where_no_kernel_can_be_kept_each_process_compiles_and_one_sentence_says_what_to_do(machine, report, caplog):
    HOPELESS[report](machine)
    with caplog.at_level(logging.INFO):
        assert not call()
        assert not call()
    (said,) = [record.getMessage() for record in caplog.records if "once" not in record.getMessage()]
    assert "every process" in said
    assert "NUMBA_CACHE_DIR" in said
    assert machine.kept() == []
    assert not (machine.root / "~").exists()
