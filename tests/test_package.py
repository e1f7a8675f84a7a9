"""The package as a whole: what it offers, and what it must not import."""

import ast
import dataclasses
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import pockettts_np
from pockettts_np.files.memory import InMemoryFile
from tools.build import requirements

PACKAGE = Path(pockettts_np.__file__).parent
PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
MODULES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN = {"torch", "pocket_tts", "onnxruntime", "tokenizers", "transformers", "huggingface_hub", "scipy"}
HEAVY = ("numba", "llvmlite", "soundfile", "sentencepiece", "safetensors")


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=PACKAGE.parent, check=True, capture_output=True, text=True).stdout


def test_the_public_names_are_there():
    objects = ["HubError", "SpeechStream", "TTSModel", "TimedAudio", "VoiceState", "Word"]
    assert pockettts_np.__all__ == [*objects, "__version__", "export_model_state", "quantize_model"]
    for name in pockettts_np.__all__:
        assert getattr(pockettts_np, name) is not None
        assert getattr(getattr(pockettts_np, name), "__name__", name) in (name, "KVCache")  # VoiceState's other name
    assert pockettts_np.TTSModel.__module__ == "pockettts_np.model"
    assert callable(pockettts_np.export_model_state)


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match="module 'pockettts_np' has no attribute 'Model'"):
        _ = pockettts_np.Model


def test_the_version_is_a_release_number():
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", pockettts_np.__version__)


def test_the_package_has_every_module_and_the_project_lists_what_they_import():
    assert {"tile", "model", "generate"} <= {path.stem for path in MODULES}
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = [need for name, needs in extras.items() if name not in ("test", "docs", "dev") for need in needs]
    declared = {re.split(r"[<>=]", name)[0].lower() for name in [*requirements.ALWAYS, *optional]}
    used = set().union(*map(imported, MODULES)) - set(sys.stdlib_module_names) - {"pockettts_np"}
    installed_with = {
        "yaml": "pyyaml",
        "llvmlite": "numba",
        "h11": "uvicorn",
    }  # modules that a package of another name brings
    assert {installed_with.get(name, name) for name in used} == declared


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_what_the_package_replaces(path):
    assert not imported(path) & FORBIDDEN


def test_only_the_kernels_know_their_compiler():
    assert {path.stem for path in MODULES if imported(path) & {"numba", "llvmlite"}} <= {
        "board",
        "products",
        "rounding",
        "compiled",
        "tile",
        "vectors",
        "views",
        "entries",
    }


@pytest.mark.parametrize("module", ["pockettts_np", "pockettts_np.__main__"])
def test_importing_takes_nothing_heavy_along(module):
    heavy = run(f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])")
    assert heavy == "[]\n"


def test_an_installation_has_every_file_of_the_package():
    """Folders with modules are found by their `__init__.py`; other files are installed if they are listed."""
    setuptools = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert setuptools["packages"]["find"]["include"] == ["pockettts_np", "pockettts_np.*"]
    listed = set()
    for package, patterns in setuptools["package-data"].items():
        folder = PACKAGE.parent / package.replace(".", "/")
        listed |= {path for pattern in patterns for path in folder.glob(pattern)}
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    modules = {path for path in files if path.suffix == ".py"}
    assert files - modules == listed
    assert all((path.parent / "__init__.py").is_file() for path in modules)


def test_an_installation_leaves_out_what_an_earlier_build_has_left():
    """setuptools would install it from build/lib; the step that empties it must come with the sources."""
    setuptools = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert setuptools["cmdclass"]["build_py"] == "tools.build.commands.FreshBuild"
    step = (PYPROJECT.parent / "tools" / "build" / "commands.py").read_text(encoding="utf-8")
    assert "class FreshBuild(build_py)" in step
    assert "shutil.rmtree(self.build_lib" in step
    assert "tools/build" in PYPROJECT.with_name("MANIFEST.in").read_text(encoding="utf-8")


def test_importing_starts_no_thread_and_changes_no_environment():
    code = """
import os, threading
before = dict(os.environ)
from pockettts_np import TTSModel, export_model_state
assert threading.active_count() == 1
assert dict(os.environ) == before
"""
    assert run(code) == ""


def test_every_module_says_what_it_is():
    for path in MODULES:
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring or path.name == "version.py", path.name


# ---------------------------------------------------------------- objects that hold arrays


def dataclasses_of(path: Path) -> dict[str, tuple[str, str]]:
    """Each dataclass of a module: what its fields are, and its decorator."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            for decorator in map(ast.unparse, node.decorator_list):
                if decorator.startswith("dataclass"):
                    fields = [ast.unparse(line.annotation) for line in node.body if isinstance(line, ast.AnnAssign)]
                    found[node.name] = "; ".join(kind for kind in fields if "Callable[" not in kind), decorator
    return found


def holders_of_arrays() -> dict[str, str]:
    """The dataclasses in which there are arrays, also deep inside, and their decorators."""
    classes = {name: made for path in MODULES for name, made in dataclasses_of(path).items()}
    holders = {"ndarray", "NDArray", "Weights", "VoiceState"}
    while more := {name for name, (kinds, _) in classes.items() if set(re.findall(r"\w+", kinds)) & holders} - holders:
        holders |= more
    return {name: classes[name][1] for name in holders & classes.keys()}


def test_what_holds_arrays_is_compared_by_identity_and_shown_in_a_line():
    """Arrays have no single truth to compare by and no hash, and are no reading."""
    holders = holders_of_arrays()
    assert {"TTSModel", "KVCache", "TimedAudio", "Linear", "Weights", "Performer"} <= holders.keys()
    assert [name for name, how in holders.items() if "eq=False" not in how or "repr=False" not in how] == []


def test_public_objects_are_themselves_and_have_a_short_name(tiny_model):
    voice = tiny_model.get_initial_state()
    file = InMemoryFile("The voice", bytes(1_000_000))
    timed = pockettts_np.TimedAudio(np.zeros(3, np.float32), (pockettts_np.Word("Hi", 0.0, 0.1),))
    for thing, text in [
        (tiny_model, "<TTSModel lsd: "),
        (voice, "<KVCache: 1 row of "),
        (tiny_model.script("One. [pause:1s] Two. " * 99), "<Script: 100 chunks, 99 pauses>"),
        (timed, "<TimedAudio: 3 samples, 1 words>"),
        (tiny_model.stream(voice), "<pockettts_np.synthesis.live_text.SpeechStream object"),
        (file, "InMemoryFile(name='The voice')"),
    ]:
        assert repr(thing).startswith(text)
        assert len(repr(thing)) < 200
        assert "\n" not in repr(thing)
        assert {thing: 1}[thing] == 1
    assert voice == voice  # which raised
    assert voice != voice.copy()
    assert tiny_model != dataclasses.replace(tiny_model)
