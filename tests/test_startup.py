"""A new process starts quickly: kernels come from the disk, without the compiler, but none that is stale or damaged."""

import contextlib
import errno
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import llvmlite.binding as llvm
import pytest

import pockettts_np
from pockettts_np.kernels import compiled as kernel_cache
from tests.support.helpers import GOLDEN

PACKAGE = Path(pockettts_np.__file__).parent
SILU = """
import json, logging, sys
logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
import numpy as np
from pockettts_np.kernels import entry_points as kernels
x = np.arange(-3, 4, dtype=np.float32)
kernels.silu(x)
"""
REPORT = """
modules = [name for name in ("scipy.linalg", "cffi", "numba.np.linalg") if name in sys.modules]
print(json.dumps({"result": x.tolist(), "modules": modules}))
"""
EXPECTED = [v / (1 + 2.718281828**-v) for v in range(-3, 4)]


def run(code: str, folder: Path, **environment: str) -> tuple[dict, str]:
    """Run code, compiled, in a new process in a folder with the package: what it prints, and its log."""
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    everything = {**inherited, "NUMBA_DISABLE_JIT": "0", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=everything, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_second_process_loads_kernels_without_the_compiler(tmp_path):
    first, log = run(SILU + REPORT, PACKAGE.parent, NUMBA_CACHE_DIR=str(tmp_path))
    assert first["result"] == pytest.approx(EXPECTED)
    assert log.count("Compiling the kernels for this processor, once") == 1
    assert "pockettts-np warmup" in log
    assert "numba.np.linalg" in first["modules"]
    another_signature = "print(file=sys.stderr)\nkernels.silu(x.astype(np.float64))"
    second, log = run(SILU + REPORT + another_signature, PACKAGE.parent, NUMBA_CACHE_DIR=str(tmp_path))
    assert second == {"result": first["result"], "modules": []}
    loading, _, compiling = log.partition("\n")
    assert loading == ""
    assert compiling.count("Compiling") == 1


def test_a_process_that_fetches_nothing_leaves_the_network_out(tmp_path):
    code = f"""
import json, sys
from pockettts_np.__main__ import main
from pockettts_np.hub import catalogue
voice = ["--config", str(catalogue.BUILTIN_PATH), "--quiet"]
status = main(["generate", *voice, "--text", "Yes.", "--output-path", {str(tmp_path / "yes.wav")!r}])
network = [name for name in ("ssl", "http.client", "urllib.request", "asyncio") if name in sys.modules]
print(json.dumps([status, network]))
"""
    assert run(code, PACKAGE.parent)[0] == [0, []]


# ---------------------------------------------------------------- places that cannot be written


@pytest.fixture
def read_only(tmp_path):
    """A copy of the package where a file stands in the place of the cache, which stops root too."""
    folder = tmp_path / "site-packages"
    shutil.copytree(PACKAGE, folder / "pockettts_np", ignore=shutil.ignore_patterns("__pycache__", "data"))
    (folder / "pockettts_np" / "kernels" / "__pycache__").write_bytes(b"")
    return folder


def test_kernels_of_a_read_only_installation_are_kept_in_the_user_s_cache(read_only, tmp_path):
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    _, log = run(SILU + REPORT, read_only, **home)
    assert log.count("for this processor, once") == 1
    assert len(list((tmp_path / "home").rglob("*.silu.*.nbc"))) == 1
    report, log = run(SILU + REPORT, read_only, **home)
    assert log == ""
    assert report["result"] == pytest.approx(EXPECTED)


def test_where_nothing_can_be_written_kernels_are_compiled_all_the_same(read_only, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    home = {"HOME": str(tmp_path / "file"), "XDG_CACHE_HOME": str(tmp_path / "file")}
    report, log = run(SILU + REPORT, read_only, **home)
    assert report["result"] == pytest.approx(EXPECTED)
    assert log.count("no folder can be written to keep them in") == 1


# ---------------------------------------------------------------- the cache by itself


class Compiled:
    """What Numba's part of the cache does, with any object in the place of compiled code."""

    locator = None

    def check_cachable(self, compiled) -> bool:
        return compiled.cachable

    def reduce(self, compiled):
        description = SimpleNamespace(llvm_cpython_wrapper_name=compiled.name)
        return (compiled.name, "object", (compiled.code, b"intermediate code")), description, "rest"

    def rebuild(self, context, payload):
        return payload


CODEGEN = SimpleNamespace(magic_tuple=lambda: ("triple", "cpu", "+features"))
CONTEXT = SimpleNamespace(codegen=lambda: CODEGEN)


def compiled(code: bytes = b"machine code", cachable: bool = True) -> SimpleNamespace:
    return SimpleNamespace(name="wrapper", code=code, cachable=cachable, codegen=CODEGEN)


def make_cache(folder: Path, name: str = "loop") -> kernel_cache.KernelCache:
    def function():
        pass

    function.__name__ = name
    cache = kernel_cache.KernelCache(function)
    cache._impl, cache._folder = Compiled(), folder
    return cache


@pytest.fixture
def cache(tmp_path):
    kernel_cache._log_once.cache_clear()
    return make_cache(tmp_path)


def test_machine_code_is_kept_and_of_the_intermediate_code_the_name_alone(cache):
    assert cache.load_overload("float32", CONTEXT) is None
    cache.save_overload("float32", compiled())
    (name, kind, (machine_code, bitcode)), description, rest = cache.load_overload("float32", CONTEXT)
    assert (name, kind, machine_code, rest) == ("wrapper", "object", b"machine code", "rest")
    assert description.llvm_cpython_wrapper_name == "wrapper"
    assert [function.name for function in llvm.parse_bitcode(bitcode).functions] == ["wrapper"]


def test_each_signature_and_each_processor_has_its_own(cache):
    cache.save_overload("float32", compiled(b"a"))
    cache.save_overload("int8", compiled(b"b"))
    assert cache.load_overload("float32", CONTEXT)[0][2][0] == b"a"
    assert cache.load_overload("int8", CONTEXT)[0][2][0] == b"b"
    other = SimpleNamespace(codegen=lambda: SimpleNamespace(magic_tuple=lambda: ("triple", "cpu", "-features")))
    assert cache.load_overload("float32", other) is None


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:40], lambda c: c[:-1], lambda c: c[:-1] + b"\0"])
def test_damaged_files_are_compiled_again(cache, tmp_path, damage):
    cache.save_overload("float32", compiled())
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert cache.load_overload("float32", CONTEXT) is None
    cache.save_overload("float32", compiled())
    assert cache.load_overload("float32", CONTEXT) is not None


def test_what_other_sources_made_goes_when_something_new_is_kept(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "_sources_hash", lambda: "old")
    cache.save_overload("float32", compiled())
    neighbour = make_cache(tmp_path, "loop_backwards")
    neighbour.save_overload("float32", compiled())
    monkeypatch.setattr(kernel_cache, "_sources_hash", lambda: "new")
    assert cache.load_overload("float32", CONTEXT) is None
    cache.save_overload("float32", compiled())
    cache.save_overload("int8", compiled())
    kept = sorted(path.name.split("-")[-2] for path in tmp_path.glob("*.loop.*"))
    assert kept == ["new", "new"]
    assert len(list(tmp_path.glob("*.loop_backwards.*"))) == 1


def test_code_that_cannot_be_kept_is_not(cache, tmp_path):
    cache.save_overload("float32", compiled(cachable=False))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_once_and_stops_nothing(cache, tmp_path, monkeypatch, caplog):
    @contextlib.contextmanager
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr(kernel_cache, "replacing_file", full)
    for signature in ("float32", "int8"):
        cache.save_overload(signature, compiled())
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "The compiled kernels cannot be kept: [Errno 28] No space left on device."
    ]


def test_without_a_folder_there_is_no_cache(monkeypatch, caplog):
    def no_folder(function):
        raise RuntimeError("no locator available")

    kernel_cache._log_once.cache_clear()
    monkeypatch.setattr(kernel_cache, "CompileResultCacheImpl", no_folder)
    cache = kernel_cache.KernelCache(no_folder)
    cache.save_overload("float32", compiled())
    with caplog.at_level(logging.INFO):
        assert cache.load_overload("float32", CONTEXT) is None
        assert cache.load_overload("int8", CONTEXT) is None
    assert len(caplog.records) == 1
    assert "no folder can be written" in caplog.text


SOURCES = [path.name for path in (PACKAGE / "kernels").glob("*.py")]


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_of_any_source_makes_kept_kernels_stale(tmp_path, monkeypatch, name):
    for source in SOURCES:
        shutil.copy(PACKAGE / "kernels" / source, tmp_path / source)
    monkeypatch.setattr(kernel_cache, "files", lambda package: tmp_path)
    before = kernel_cache._sources_hash.__wrapped__()
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    assert kernel_cache._sources_hash.__wrapped__() != before
    assert kernel_cache._sources_hash.__wrapped__() == kernel_cache._sources_hash.__wrapped__()


def test_another_numba_makes_kept_kernels_stale(monkeypatch):
    before = kernel_cache._sources_hash.__wrapped__()
    monkeypatch.setattr(kernel_cache.numba, "__version__", "0.0.0")
    assert kernel_cache._sources_hash.__wrapped__() != before


def test_a_numba_that_was_not_tested_does_all_it_would_do(monkeypatch):
    calls = []
    monkeypatch.setattr(kernel_cache, "TESTED_NUMBA", (0, 1))
    kernel_cache._link_runtime(SimpleNamespace(refresh=lambda: calls.append("refresh")))
    assert calls == ["refresh"]


# ---------------------------------------------------------------- imports


def test_speaking_imports_nothing_that_only_others_need():
    code = """
import json, sys
from pockettts_np import __main__, model
unwanted = ("scipy.signal", "scipy.linalg", "soundfile", "sentencepiece", "asyncio", "safetensors")
print(json.dumps([name for name in unwanted if name in sys.modules]))
"""
    modules, _ = run(code, PACKAGE.parent)
    assert modules == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["models"],
        ["voices", "--language", "german"],
        ["download", "builtin"],
        ["info", str(PACKAGE / "data" / "builtin.safetensors")],
        ["info", str(GOLDEN / "voice_saved.safetensors")],
        ["info", str(GOLDEN / "lsd.safetensors")],
    ],
    ids=lambda arguments: " ".join(arguments[:1]),
)
def test_commands_that_only_look_load_no_kernels_and_no_network(arguments):
    """What is in a file's header, NumPy alone can say."""
    code = f"""
import contextlib, io, json, sys
from pockettts_np.__main__ import main
with contextlib.redirect_stdout(io.StringIO()):
    try:
        status = main({arguments!r})
    except SystemExit as end:
        status = end.code
libraries = ("numba", "llvmlite", "scipy", "soundfile", "sentencepiece", "safetensors", "ssl")
unwanted = (*libraries, "pockettts_np.models.flow_lm", "pockettts_np.kernels.tile")
print(json.dumps([status, [name for name in unwanted if name in sys.modules]]))
"""
    assert run(code, PACKAGE.parent)[0] == [0, []]
