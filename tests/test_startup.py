"""A new process starts quickly: kernels come from the disk, without the compiler, but none that is stale or damaged."""

import errno
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import llvmlite.binding as llvm
import pytest
import soundfile

import pockettts_np
from pockettts_np.files.usage import KEPT_DAYS, mark_used
from pockettts_np.files.writing import UNFINISHED, replacing_file
from pockettts_np.kernels import places, sources
from pockettts_np.kernels.loops import compiled as kernel_cache
from pockettts_np.kernels.places import Place
from tests.support.helpers import GOLDEN

PACKAGE = Path(pockettts_np.__file__).parent
REF_WAV = Path(__file__).parent.parent / "ref.wav"
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
    compiled = {"POCKETTTS_NP_KERNELS": "numba", "NUMBA_DISABLE_JIT": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    everything = {**inherited, **compiled, **environment}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=everything, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def copied_package(folder: Path) -> Path:
    """A folder with a copy of the package, beside whose sources there are no kernels."""
    shutil.copytree(PACKAGE, folder / "pockettts_np", ignore=shutil.ignore_patterns("__pycache__", "data"))
    return folder


def test_the_second_process_loads_kernels_without_the_compiler(tmp_path):
    package = copied_package(tmp_path / "site-packages")
    places = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    first, log = run(SILU + REPORT, package, **places)
    assert first["result"] == pytest.approx(EXPECTED)
    assert log.count("Compiling the kernels for this processor, once") == 1
    assert "pockettts-np warmup" in log
    assert "numba.np.linalg" in first["modules"]
    another_signature = "print(file=sys.stderr)\nkernels.silu(x.astype(np.float64))"
    second, log = run(SILU + REPORT + another_signature, package, **places)
    assert second == {"result": first["result"], "modules": []}
    loading, _, compiling = log.partition("\n")
    assert loading == ""
    assert compiling.count("Compiling") == 1


def test_a_process_that_fetches_nothing_leaves_the_network_out(tmp_path):
    code = f"""
import json, sys
from pockettts_np.__main__ import main
from pockettts_np.hub import catalogue
voice = ["--config", str(catalogue.builtin_file()), "--quiet"]
status = main(["generate", *voice, "--text", "Yes.", "--output-path", {str(tmp_path / "yes.wav")!r}])
network = [name for name in ("ssl", "http.client", "urllib.request", "asyncio") if name in sys.modules]
print(json.dumps([status, network]))
"""
    assert run(code, PACKAGE.parent)[0] == [0, []]


# ---------------------------------------------------------------- places that cannot be written


@pytest.fixture
def read_only(tmp_path):
    """A copy of the package where a file stands in the place of the cache, which stops root too."""
    folder = copied_package(tmp_path / "site-packages")
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


NOWHERE = """
import os, pathlib
os.environ.pop("HOME", None)
os.environ.pop("XDG_CACHE_HOME", None)
def unknown_user():
    raise RuntimeError("Could not determine home directory.")
pathlib.Path.home = unknown_user
"""


def test_where_nothing_can_be_written_kernels_are_compiled_all_the_same(read_only):
    before = sorted(read_only.rglob("*"))
    report, log = run(NOWHERE + SILU + REPORT, read_only)
    assert report["result"] == pytest.approx(EXPECTED)
    assert log.count("no folder can be written to keep them in") == 1
    assert sorted(read_only.rglob("*")) == before  # no folder named ~


# ---------------------------------------------------------------- the cache by itself


class Compiled:
    """A compiled kernel, with any bytes for its machine code."""

    lifted = ()
    codegen = SimpleNamespace(magic_tuple=lambda: ("triple", "cpu", "+features"))

    def __init__(self, code: bytes = b"machine code", is_dynamic: bool = False) -> None:
        self.code, self.library = code, SimpleNamespace(has_dynamic_globals=is_dynamic)

    def _reduce(self):
        description = SimpleNamespace(llvm_cpython_wrapper_name="wrapper")
        return ("wrapper", "object", (self.code, b"intermediate code")), description, "rest"

    @staticmethod
    def _rebuild(context, *payload):
        return payload


CONTEXT = SimpleNamespace(codegen=lambda: Compiled.codegen)


def compiled(code: bytes = b"machine code", is_dynamic: bool = False) -> Compiled:
    return Compiled(code, is_dynamic)


def make_cache(name: str = "loop") -> kernel_cache.KernelCache:
    def function():
        pass

    function.__name__ = name
    return kernel_cache.KernelCache(function)


def kept_in(monkeypatch, *places: Place) -> None:
    monkeypatch.setattr(kernel_cache, "places", lambda: list(places))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    kernel_cache._log_once.cache_clear()
    monkeypatch.setattr(kernel_cache, "CompileResult", Compiled)
    kept_in(monkeypatch, Place(tmp_path, is_beside_sources=True))
    return make_cache()


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
    monkeypatch.setattr(kernel_cache, "_version", lambda: "old")
    cache.save_overload("float32", compiled())
    neighbour = make_cache("loop_backwards")
    neighbour.save_overload("float32", compiled())
    monkeypatch.setattr(kernel_cache, "_version", lambda: "new")
    assert cache.load_overload("float32", CONTEXT) is None
    cache.save_overload("float32", compiled())
    cache.save_overload("int8", compiled())
    kept = sorted(path.name.split("-")[-2] for path in tmp_path.glob("*.loop.*"))
    assert kept == ["new", "new"]
    assert len(list(tmp_path.glob("*.loop_backwards.*"))) == 1


def test_of_other_sources_only_what_nobody_uses_goes_from_a_folder_that_others_share(cache, tmp_path, monkeypatch):
    kept_in(monkeypatch, Place(tmp_path, is_beside_sources=False))
    monkeypatch.setattr(kernel_cache, "_version", lambda: "old")
    for signature in ("float32", "int8"):
        cache.save_overload(signature, compiled())
    used, unused = sorted(tmp_path.iterdir())
    cut_off = tmp_path / UNFINISHED.format("1")
    cut_off.write_bytes(b"half")
    long_ago = time.time() - (KEPT_DAYS + 1) * 86_400
    for path in (used, unused, cut_off):
        os.utime(path, (long_ago, long_ago))
    mark_used(used)
    monkeypatch.setattr(kernel_cache, "_version", lambda: "new")
    cache.save_overload("float32", compiled())
    assert used.exists()
    assert not unused.exists()
    assert not cut_off.exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_reading_a_kernel_counts_as_use(cache, tmp_path):
    cache.save_overload("float32", compiled())
    (path,) = tmp_path.iterdir()
    os.utime(path, (0, 0))
    assert cache.load_overload("float32", CONTEXT) is not None
    assert time.time() - path.stat().st_atime < 60
    assert path.stat().st_mtime == 0


def test_two_processes_that_clear_up_do_not_complain(cache, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(kernel_cache, "_version", lambda: "old")
    cache.save_overload("float32", compiled())
    monkeypatch.setattr(kernel_cache, "_version", lambda: "new")
    unlink = Path.unlink

    def both_remove_it(path, missing_ok=False):
        unlink(path, missing_ok=True)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", both_remove_it)
    cache.save_overload("float32", compiled())
    assert caplog.records == []
    assert [path.name.split("-")[-2] for path in tmp_path.iterdir()] == ["new"]


def test_code_that_is_of_its_process_alone_is_not_kept(cache, tmp_path):
    cache.save_overload("float32", compiled(is_dynamic=True))
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- folders that cannot be used


class Unwritable(Place):
    """A folder that may be read but not written, for root too."""

    def may_be_written(self) -> bool:
        return False


def full(path):
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def a_file(folder):
    folder.write_bytes(b"")


def under_a_file(folder):
    folder.parent.write_bytes(b"")


def a_link_to_nothing(folder):
    folder.symlink_to("nothing")


@pytest.mark.parametrize("spoil", [a_file, under_a_file, a_link_to_nothing])
def test_where_a_folder_cannot_be_made_kernels_go_into_the_next(cache, tmp_path, monkeypatch, spoil, caplog):
    bad, good = Place(tmp_path / "a" / "b", False), Place(tmp_path / "good", False)
    if spoil is not under_a_file:
        bad.folder.parent.mkdir()
    spoil(bad.folder)
    kept_in(monkeypatch, bad, good)
    cache.save_overload("float32", compiled())
    assert len(list(good.folder.iterdir())) == 1
    assert cache.load_overload("float32", CONTEXT) is not None
    assert caplog.records == []
    assert not bad.may_be_written()


def test_kernels_of_a_folder_that_may_only_be_read_are_used(cache, tmp_path, monkeypatch, caplog):
    """Root compiles for all when a container is built; another user runs it."""
    cache.save_overload("float32", compiled())
    kept_in(monkeypatch, Unwritable(tmp_path, is_beside_sources=True))
    assert cache.load_overload("float32", CONTEXT) is not None
    assert caplog.records == []


def test_a_damaged_kernel_in_one_folder_does_not_hide_that_in_the_next(cache, tmp_path, monkeypatch):
    first, second = Place(tmp_path / "first", False), Place(tmp_path / "second", False)
    for place in (first, second):
        kept_in(monkeypatch, place)
        cache.save_overload("float32", compiled())
    next(first.folder.iterdir()).write_bytes(b"cut")
    kept_in(monkeypatch, first, second)
    assert cache.load_overload("float32", CONTEXT) is not None


def test_a_full_disk_is_told_once_and_stops_nothing(cache, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(kernel_cache, "replacing_file", full)
    for name in ("loop", "loop_backwards"):
        make_cache(name).save_overload("float32", compiled())
    assert [record.getMessage() for record in caplog.records] == [
        f"The compiled kernels cannot be kept in {tmp_path} (No space left on device), so every process compiles them. "
        "Make room, or name another folder in the environment variable NUMBA_CACHE_DIR."
    ]


def test_a_full_disk_sends_kernels_to_the_next_folder(cache, tmp_path, monkeypatch, caplog):
    first, second = Place(tmp_path / "first", False), Place(tmp_path / "second", False)
    kept_in(monkeypatch, first, second)
    monkeypatch.setattr(
        kernel_cache,
        "replacing_file",
        lambda path: full(path) if path.parent == first.folder else replacing_file(path),
    )
    cache.save_overload("float32", compiled())
    assert len(list(second.folder.iterdir())) == 1
    assert caplog.records == []


def test_without_a_folder_there_is_no_cache(cache, monkeypatch, caplog):
    kept_in(monkeypatch)
    cache.save_overload("float32", compiled())
    with caplog.at_level(logging.INFO):
        assert cache.load_overload("float32", CONTEXT) is None
        assert cache.load_overload("int8", CONTEXT) is None
    assert len(caplog.records) == 1
    assert "no folder can be written" in caplog.text


def test_the_folder_that_is_named_comes_first_and_the_user_s_last(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    wanted = [tmp_path / "named" / "pockettts_np", PACKAGE / "kernels" / "__pycache__"]
    wanted.append(tmp_path / "user" / "pockettts_np" / "kernels")
    assert [place.folder for place in places.places()] == wanted


def test_without_a_home_no_folder_of_the_user_is_tried(monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(places, "cache_dir", lambda: full("home"))
    assert [place.folder.name for place in places.places()] == ["__pycache__"]


def test_a_frozen_program_keeps_no_kernels_beside_its_sources(monkeypatch):
    """A program in one file unpacks them into a folder that goes with the process."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not any(place.is_beside_sources for place in places.places())


# ---------------------------------------------------------------- what makes kept kernels stale


SOURCES = [path.relative_to(PACKAGE / "kernels") for path in (PACKAGE / "kernels").rglob("*.py")]
COMPILED_FROM = [path for path in SOURCES if path.parent.name == "loops" or path.stem in sources._SHARED]


@pytest.fixture
def copied_sources(tmp_path, monkeypatch):
    """A folder with the sources of the kernels, in the place of the package's own."""
    for path in SOURCES:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(PACKAGE / "kernels" / path, tmp_path / path)
    monkeypatch.setattr(sources, "files", lambda package: tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", COMPILED_FROM, ids=str)
def test_an_edit_of_any_source_makes_kept_kernels_stale(copied_sources, path):
    before, library = sources.sources_hash.__wrapped__(), sources.library_version()
    with (copied_sources / path).open("a") as file:
        file.write("\n")
    assert sources.sources_hash.__wrapped__() != before
    assert sources.sources_hash.__wrapped__() == sources.sources_hash.__wrapped__()
    assert library.startswith(pockettts_np.__version__ + " ")


def test_another_numba_makes_kept_kernels_stale(monkeypatch):
    before = kernel_cache._version.__wrapped__()
    monkeypatch.setattr(kernel_cache.numba, "__version__", "0.0.0")
    assert kernel_cache._version.__wrapped__() != before


def test_without_sources_the_program_itself_tells_whether_kernels_are_stale(monkeypatch, tmp_path):
    program = tmp_path / "program"
    program.write_bytes(b"frozen")
    monkeypatch.setattr(sources, "files", lambda package: tmp_path / "nothing")
    monkeypatch.setattr(sources.sys, "executable", str(program))
    before = sources.sources_hash.__wrapped__()
    assert sources.sources_hash.__wrapped__() == before
    program.write_bytes(b"frozen again")
    assert sources.sources_hash.__wrapped__() != before
    assert sources.library_version() == pockettts_np.__version__


def test_compiled_python_alone_counts_as_sources(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "files", lambda package: tmp_path)
    (tmp_path / "loops").mkdir()
    (tmp_path / "loops" / "flow.pyc").write_bytes(b"1")
    before = sources.sources_hash.__wrapped__()
    (tmp_path / "loops" / "flow.pyc").write_bytes(b"2")
    assert sources.sources_hash.__wrapped__() != before


# ---------------------------------------------------------------- a Numba to come


@pytest.mark.parametrize("lost", ["_reduce", "lifted", "codegen"])
def test_a_numba_that_stores_in_another_way_speaks_and_says_so_once(cache, tmp_path, caplog, lost):
    class Other(Compiled):
        @property
        def gone(self):
            raise AttributeError(lost)

    setattr(Other, lost, Other.gone)
    for signature in ("float32", "int8"):
        cache.save_overload(signature, Other())
    assert list(tmp_path.iterdir()) == []
    (record,) = caplog.records
    assert "so every process compiles the kernels. Install numba 0.68." in record.getMessage()


def test_a_numba_that_loads_in_another_way_speaks_and_says_so_once(cache, monkeypatch, caplog):
    cache.save_overload("float32", compiled())
    monkeypatch.setattr(kernel_cache, "CompileResult", SimpleNamespace())
    assert cache.load_overload("float32", CONTEXT) is None
    assert cache.load_overload("float32", CONTEXT) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def double(x):
    return x + x


@pytest.mark.parametrize("folder", ["kept", "a file"])
def test_where_numba_has_not_the_names_its_own_cache_serves(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(kernel_cache, "CompileResult", None)
    monkeypatch.setattr(kernel_cache.config, "DISABLE_JIT", 0)
    made = []

    def njit(**options):
        made.append(options.get("cache", False))
        if folder == "a file" and options.get("cache"):
            raise RuntimeError("no locator available")
        return lambda function: SimpleNamespace(py_func=function)

    monkeypatch.setattr(kernel_cache.numba, "njit", njit)
    assert kernel_cache.entry(SimpleNamespace(py_func=double)).py_func is double
    assert made[1:] == ([True] if folder == "kept" else [True, False])


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
unwanted = ("scipy.linalg", "soundfile", "sentencepiece", "asyncio", "safetensors")
print(json.dumps([name for name in unwanted if name in sys.modules]))
"""
    modules, _ = run(code, PACKAGE.parent)
    assert modules == []


def test_cloning_speaking_and_resampling_need_no_scipy(tmp_path):
    """Neither for a recording and a result at another rate, nor for noise with a clamp."""
    recording = tmp_path / "voice.wav"
    soundfile.write(recording, soundfile.read(REF_WAV, frames=8_820)[0], 44_100)
    code = f"""
import json, sys
sys.modules["scipy"] = None  # an import of it, or of a part, fails
from pockettts_np import TTSModel
from pockettts_np.audio.effects import processed
model = TTSModel.load_model(config={str(GOLDEN / "lsd.toml")!r}, noise_clamp=1.0)
voice = model.get_state_for_audio_prompt({str(recording)!r})
spoken = next(model.generate_audio_stream(voice, "Yes.", noise=0))
heard = processed([spoken], model.sample_rate, to_hz=48_000)
print(json.dumps([len(spoken), sum(map(len, heard))]))
"""
    (n_spoken, n_heard), _ = run(code, PACKAGE.parent, NUMBA_DISABLE_JIT="1")
    assert n_heard == 2 * n_spoken > 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["models"],
        ["voices", "--language", "german"],
        ["download", "builtin"],
        ["cache"],
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
libraries = ("numba", "llvmlite", "soundfile", "sentencepiece", "safetensors", "ssl")
unwanted = (*libraries, "pockettts_np.models.flow_lm", "pockettts_np.kernels.tile")
print(json.dumps([status, [name for name in unwanted if name in sys.modules]]))
"""
    assert run(code, PACKAGE.parent)[0] == [0, []]
