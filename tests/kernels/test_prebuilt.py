"""The library of kernels: equal to what Numba compiles to the bit, and never a crash where it cannot be used."""

import inspect
import json
import logging
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from pockettts_np.kernels import arguments, signatures, sources, ways
from pockettts_np.kernels.loops.entries import KERNELS
from pockettts_np.kernels.prebuilt import library, processor
from pockettts_np.kernels.ways import UnavailableError, Way
from pockettts_np.version import __version__
from tools.build.targets import TARGETS

ROOT = Path(__file__).parents[2]
BUILD = "There is no library of kernels in this checkout: run `python -m tools.build`."


@pytest.fixture
def built() -> Path:
    """The library of this processor."""
    try:
        return library.find()[0]
    except UnavailableError as error:
        pytest.fail(f"{error} {BUILD}")


@pytest.fixture
def folder(built, tmp_path):
    """A folder with a copy of it."""
    return shutil.copy(built, tmp_path / built.name).parent


def run(module: str, **environment: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, env=inherited | environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_the_library_and_numba_agree_to_the_bit_on_the_same_instructions(built):
    target = TARGETS[processor.level_of(built.name)].environment
    same = {name: target[name] for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")}
    by_library = run("tests.support.every_kernel", POCKETTTS_NP_KERNELS="prebuilt")
    assert {name.split()[0] for name in by_library} == set(signatures.SIGNATURES)
    assert by_library == run("tests.support.every_kernel", POCKETTTS_NP_KERNELS="numba", **same)


@pytest.mark.parametrize("name", signatures.SIGNATURES)
def test_the_table_of_signatures_is_that_of_the_kernels(name):
    parameters = inspect.signature(getattr(KERNELS[name], "py_func", KERNELS[name])).parameters
    assert len(signatures.SIGNATURES[name].arguments.split()) == len(parameters)


def test_the_tables_of_fields_are_those_of_the_weights():
    assert len(signatures.STACK_WEIGHTS.split()) == len(arguments.StackWeights._fields)
    assert len(signatures.FLOW_WEIGHTS.split()) == len(arguments.FlowWeights._fields)
    assert set(KERNELS) == set(signatures.SIGNATURES)


# ---------------------------------------------------------------- arguments that no kernel takes


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(4),
        np.zeros(4, np.int32),
        np.zeros((2, 2), np.float32),
        np.zeros(8, np.float32)[::2],
        np.frombuffer(bytes(17), np.float32, 4, offset=1),
    ],
    ids=["float64", "int32", "two axes", "every second", "unaligned"],
)
def test_arrays_of_another_kind_are_refused_before_they_are_touched(folder, x):
    _, kernels = library.load(folder)
    with pytest.raises(TypeError, match=r"The kernel silu takes no arrays of these types"):
        kernels["silu"](x)
    assert not x.any()


def test_too_little_scratch_is_an_error(folder):
    _, kernels = library.load(folder)
    previous, x = np.zeros((0, 1), np.float32), np.zeros((4, 1), np.float32)
    w, ones = np.zeros((1, 1, 32), np.float32), np.ones(32, np.float32)
    out, no_scratch = np.zeros((4, 32), np.float32), np.zeros(1, np.float32)
    with pytest.raises(RuntimeError, match=r"The kernel conv1d failed with status [1-9]"):
        kernels["conv1d"](previous, x, 1, 1, w, ones, ones, out, no_scratch)


def test_arrays_without_numbers_and_arrays_of_any_axes_are_taken(folder):
    _, kernels = library.load(folder)
    kernels["silu"](np.zeros(0, np.float32))
    for shape in ((4,), (2, 2), (1, 2, 2)):
        x = np.full(shape, -1, np.float32)
        kernels["elu"](x)
        assert x == pytest.approx(np.full(shape, np.expm1(-1)), rel=1e-6)


# ---------------------------------------------------------------- libraries that cannot be used


@pytest.mark.parametrize("length", [0, 10, 5000, -1])
def test_a_library_cut_short_is_passed_over(folder, built, length):
    (folder / built.name).write_bytes(built.read_bytes()[:length])
    with pytest.raises(UnavailableError, match="cannot be used: it is damaged; install the package again"):
        library.load(folder)


def test_a_library_of_another_processor_is_passed_over(folder, built):
    content = bytearray(built.read_bytes()[:-32])
    content[18] ^= 0xFF  # the machine, in the head of an ELF file
    (folder / built.name).write_bytes(library.with_checksum(bytes(content)))
    with pytest.raises(UnavailableError, match="cannot be used: "):
        library.load(folder)


def test_a_library_of_other_sources_is_passed_over(folder, monkeypatch):
    monkeypatch.setattr(library, "library_version", lambda: "9.9.9 f00")
    with pytest.raises(UnavailableError, match=r"it is of version '.*', not '9\.9\.9 f00'; build the package again"):
        library.load(folder)


def test_a_frozen_program_without_sources_takes_the_library_of_its_version(folder, monkeypatch):
    monkeypatch.setattr(sources, "_contents", list)
    assert sources.library_version() == __version__
    library.load(folder)
    monkeypatch.setattr(sources, "__version__", "9.9.9")
    with pytest.raises(UnavailableError, match=r"it is of version '.*', not '9\.9\.9'"):
        library.load(folder)


@pytest.mark.parametrize("level", TARGETS)
def test_what_freezes_programs_knows_a_library_by_its_name(level, monkeypatch):
    """PyInstaller collects lib*.so, *.dylib and *.dll; a file of another name stays behind without a word."""
    monkeypatch.setattr(processor.sys, "platform", "linux")
    assert fnmatch(processor.library_name(level), "lib*.so")
    assert processor.level_of(processor.library_name(level)) == level


def test_a_library_without_one_of_the_kernels_is_passed_over(folder, built):
    content = built.read_bytes()[:-32].replace(b"pockettts_np_rope\0", b"pockettts_np_soap\0")
    (folder / built.name).write_bytes(library.with_checksum(content))
    with pytest.raises(UnavailableError, match="pockettts_np_rope"):
        library.load(folder)


def test_a_python_whose_objects_lie_otherwise_is_found_out(folder, monkeypatch):
    monkeypatch.setattr(library, "_offsets", lambda: (object.__basicsize__ + 8, tuple.__basicsize__))
    with pytest.raises(UnavailableError, match="does not know how this Python lays out arrays and tuples"):
        library.load(folder)


def test_a_damaged_library_does_not_hide_that_of_a_lower_level(folder, built, monkeypatch):
    monkeypatch.setattr(library, "usable_levels", lambda: ["best", processor.level_of(built.name)])
    (folder / processor.library_name("best")).write_bytes(b"damaged")
    assert library.find(folder)[0].name == built.name


def test_a_folder_that_cannot_be_read_is_passed_over(folder, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(UnavailableError, match=r"cannot be used: .*Permission denied"):
        library.find(folder)


def test_without_a_library_the_reason_is_said(tmp_path):
    with pytest.raises(UnavailableError, match="there is no library of kernels for this processor and system"):
        library.load(tmp_path)


# ---------------------------------------------------------------- which library, which way


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ("SSSE3 SSE41 SSE42 POPCNT", ["x86-64-v2"]),
        ("SSSE3 SSE41 SSE42 POPCNT AVX2 FMA3 F16C", ["x86-64-v3", "x86-64-v2"]),
        ("SSSE3 SSE41 SSE42 POPCNT AVX2 F16C", ["x86-64-v2"]),
        (
            "SSSE3 SSE41 SSE42 POPCNT AVX2 FMA3 F16C AVX512F AVX512CD AVX512_SKX",
            ["x86-64-v4", "x86-64-v3", "x86-64-v2"],
        ),
        ("SSE", []),
    ],
)
def test_the_best_level_of_a_processor_comes_first(monkeypatch, has, expected):
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(processor, "_features", lambda: dict.fromkeys(has.split(), True))
    assert processor.usable_levels() == expected


@pytest.mark.parametrize(("machine", "expected"), [("aarch64", ["aarch64"]), ("arm64", ["aarch64"]), ("riscv64", [])])
def test_other_machines(monkeypatch, machine, expected):
    monkeypatch.setattr(processor.platform, "machine", lambda: machine)
    assert processor.usable_levels() == expected


def test_a_32_bit_python_takes_no_library(monkeypatch):
    monkeypatch.setattr(processor.sys, "maxsize", 2**31 - 1)
    assert processor.usable_levels() == []


def test_a_numpy_that_does_not_list_features_gets_the_lowest_level(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy._core._multiarray_umath", None)
    monkeypatch.setattr(processor.platform, "machine", lambda: "AMD64")
    assert processor.usable_levels() == ["x86-64-v2"]


Entries = namedtuple("Entries", "ENTRIES DETAIL")


@pytest.fixture
def choose(monkeypatch):
    """Choose among ways of which some cannot be taken, with POCKETTTS_NP_KERNELS set to something."""

    def choose(variable: str, *absent: str) -> Way:
        monkeypatch.setenv(ways.VARIABLE, variable)
        names = {module: name for name, module in ways._MODULES.items()}

        def import_module(path: str, package: str) -> Entries:
            name = names[path.removeprefix(".")]
            if name in absent:
                raise UnavailableError(f"no {name} here.")
            return Entries({}, f"{name} itself")

        monkeypatch.setattr(ways.importlib, "import_module", import_module)
        return ways.way.__wrapped__()

    return choose


def test_the_best_way_is_taken_without_a_word(choose, caplog):
    caplog.set_level(logging.INFO)
    chosen = choose("")
    assert (chosen.name, chosen.detail, chosen.passed_over) == ("prebuilt", "prebuilt itself", {})
    assert caplog.records == []


def test_without_numba_the_reason_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv(ways.VARIABLE, "numba")
    for module in ("pockettts_np.kernels.loops.entries", "numba"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "pockettts_np.kernels.loops.entries")
    with pytest.raises(ValueError, match=r"^POCKETTTS_NP_KERNELS is numba, but Numba is not installed \(pip install"):
        ways.way.__wrapped__()


def test_without_a_library_numba_compiles(choose, caplog):
    caplog.set_level(logging.INFO)
    assert choose("", "prebuilt").name == "numba"
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("INFO", "Numba compiles the kernels: no prebuilt here.")


def test_without_a_compiler_either_numpy_computes_and_a_warning_says_so(choose, caplog):
    assert choose("", "prebuilt", "numba").name == "numpy"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("NumPy computes everything, which is slower: no prebuilt here. ")


@pytest.mark.parametrize("name", ways.WAYS)
def test_the_variable_names_a_way(choose, caplog, name):
    caplog.set_level(logging.INFO)
    assert choose(name).name == name
    assert caplog.records == []


@pytest.mark.parametrize("name", ways.WAYS)
def test_a_named_way_that_cannot_be_taken_is_a_sentence(choose, name):
    with pytest.raises(ValueError, match=rf"^POCKETTTS_NP_KERNELS is {name}, but no {name} here\.$"):
        choose(name, name)


def test_a_name_that_is_no_way_is_a_sentence(choose):
    with pytest.raises(ValueError, match=r"^POCKETTTS_NP_KERNELS is 'fast'; it wants prebuilt, numba or numpy, or no"):
        choose("fast")


def test_sources_and_version_are_told_apart(monkeypatch):
    assert sources.library_version().split()[1] == sources.sources_hash()
