"""What the README and the pages in docs promise: commands are understood, links lead somewhere, Python runs."""

import argparse
import ast
import importlib
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

import pockettts_np
from pockettts_np.__main__ import build_parser
from pockettts_np.config.config import TimestampHead
from pockettts_np.model import TTSModel

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pockettts_np"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
README = TEXTS["README.md"]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [code for name, code in FENCED.findall(TEXTS[page]) if name == language]


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return FENCED.sub("", TEXTS[page])


def code(page: str) -> list[str]:
    """Every line of code on a page, in blocks and in the text."""
    lines = [line for _, block in FENCED.findall(TEXTS[page]) for line in block.splitlines()]
    return lines + INLINE.findall(prose(page))


def commands(page: str) -> list[str]:
    """The arguments of every `pockettts-np …` on a page."""
    found = [re.search(r"(?<![\w./-])pockettts-np ([a-z][^|<>&#]*)", line) for line in code(page)]
    return [match[1].strip() for match in found if match]


def files_named(page: str) -> list[str]:
    """What a page names as a file or a folder of the source."""
    path = re.compile(r"[\w.]+(/[\w.]+)*(\.(py|md|txt|toml)|/)")
    return [name for name in INLINE.findall(prose(page)) if path.fullmatch(name)]


def resolve(dotted: str) -> object:
    """What a dotted name stands for: a module, or something in one. ImportError, AttributeError: there is none."""
    parts = dotted.split(".")
    n_modules = next(n for n in range(1, len(parts) + 1) if n == len(parts) or not is_module(parts[: n + 1]))
    found: object = importlib.import_module(".".join(parts[:n_modules]))
    for name in parts[n_modules:]:
        found = getattr(found, name)
    return found


def is_module(parts: list[str]) -> bool:
    path = ROOT.joinpath(*parts)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def command_names() -> set[str]:
    return set(next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices)


# ---- the command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "line"), [(page, line) for page in TEXTS for line in commands(page)])
def test_commands_are_understood(page, line):
    name, *arguments = shlex.split(line)
    assert name in command_names()
    if "--help" not in arguments and arguments:  # the name alone may be a mention
        assert callable(build_parser().parse_args([name, *arguments]).command)


def test_every_command_is_described():
    assert {
        line.split()[0] for page in ("using.md", "serving.md", "small_machines.md") for line in commands(page)
    } == command_names()
    assert len(commands("README.md")) >= 7


def test_the_test_commands_are_those_of_the_gate():
    """Without and with the optional extras, and the checks of style, types and documents."""
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8").replace(" --cov-fail-under=95", "").splitlines()
    tests = [line for line in gate if "pytest" in line]
    install = re.compile(r'pip install "\.\[(?:test|dev)\]" && (.*)')
    assert [line for block in install.findall(README) for line in block.split(" && ")] == tests[:1]
    lines = [line for block in blocks("development.md", "sh") for line in block.splitlines()]
    promised = [command for line in lines for command in line.split(" && ") if "pytest" in command]
    assert promised == tests
    checks = next(block for block in blocks("development.md", "sh") if block.startswith("ruff"))
    assert all(command in gate for command in checks.strip().split(" && "))
    build = next(block.strip() for block in blocks("development.md", "sh") if block.startswith("mkdocs"))
    assert any(build in line and "--quiet " not in line.partition("#")[0] for line in gate)  # which blinds --strict


# ---- what the pages name -------------------------------------------------------------------------------------


def slugs(page: str) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings_that_are_there(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.name)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        found = path.parent / name if name else path
        assert found.is_file(), target
        assert not anchor or anchor in slugs(found.name), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_named_in_the_text_are_there(path):
    for name in files_named(path.name):
        if "/" in name.rstrip("/") or path.name == "architecture.md":
            assert (ROOT / name).exists() or (PACKAGE / name).exists(), name


@pytest.mark.parametrize("page", TEXTS)
def test_tools_named_are_there(page):
    for name in re.findall(r"python -m tools\.([a-z_.]+)", TEXTS[page]):
        path = ROOT / "tools" / name.rstrip(".").replace(".", "/")
        is_folder = name.endswith(".") and path.is_dir()  # tools.voice.NAME
        assert is_folder or path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


def test_every_page_is_in_the_navigation():
    navigation = re.findall(r"^ +-.*: (\w+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(navigation) == sorted(path.name for path in PAGES[1:])


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 120


# ---- Python --------------------------------------------------------------------------------------------------


@pytest.fixture
def _loads_tiny_model(tiny_model, tmp_path, monkeypatch):
    """In a folder with ref.wav, `load_model` gives a tiny model that has a voice of its own and knows its heads."""
    shutil.copy(ROOT / "ref.wav", tmp_path)
    monkeypatch.chdir(tmp_path)
    config = replace(tiny_model.config, timestamp_heads=(TimestampHead(0, 0),))
    model = replace(tiny_model, config=config, own_voice=tiny_model.get_state_for_audio_prompt("ref.wav"))
    monkeypatch.setattr(TTSModel, "load_model", lambda language=None: model)


def run(*sources: str) -> dict:
    """The names that a program leaves behind."""
    names: dict = {}
    for source in sources:
        exec(compile(source, "page", "exec"), names)
    return names


@pytest.mark.usefixtures("_loads_tiny_model")
def test_the_python_of_the_readme_speaks(tmp_path):
    names = run(blocks("README.md", "python")[0])
    assert names["audio"].dtype == names["chunk"].dtype == "float32"
    assert len(names["audio"]) > 0
    assert len(names["chunk"]) % 1920 == 0
    assert (tmp_path / "me.safetensors").is_file()
    assert soundfile.info(tmp_path / "hello.wav").frames == len(names["audio"])
    assert soundfile.info(tmp_path / "hello.wav").samplerate == names["model"].sample_rate == 24_000


@pytest.mark.usefixtures("_loads_tiny_model")
def test_the_python_of_its_page_is_a_program(tmp_path):
    names = run(*blocks("python.md", "python"))
    assert (tmp_path / "me.safetensors").is_file()
    assert soundfile.info(tmp_path / "hello.wav").frames == len(names["audio"])
    assert [word.text for word in names["timed"].words] == ["Word", "by", "word."]
    assert [len(speech) > 0 for speech in names["speeches"]] == [True, True, True]
    assert names["samples"].dtype == "float32"


@pytest.mark.parametrize(("page", "source"), [(page, source) for page in TEXTS for source in blocks(page, "py")])
def test_other_python_imports_what_there_is(page, source):
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        if node.module.startswith("pockettts_np"):
            assert all(resolve(f"{node.module}.{alias.name}") is not None for alias in node.names)


# ---- names ---------------------------------------------------------------------------------------------------


def test_every_public_name_is_in_the_reference():
    documented = {name.rpartition(".")[2] for name in re.findall(r"^::: ([\w.]+)$", TEXTS["api.md"], re.MULTILINE)}
    assert set(pockettts_np.__all__) - documented == {"__version__"}
    assert "pockettts_np.__version__" in INLINE.findall(prose("api.md"))


def test_every_name_in_the_reference_is_there():
    entries = re.split(r"^::: ", TEXTS["api.md"], flags=re.MULTILINE)[1:]
    assert len(entries) > 10
    for entry in entries:
        documented = resolve(entry.split()[0])
        members = re.search(r"members:\s*(?:\[(.*)\]|((?:\n\s+- \w+)+))", entry)
        for member in re.findall(r"\w+", (members[1] or members[2]) if members else ""):
            assert getattr(documented, member).__doc__, f"{entry.split()[0]}.{member}"


def variables_read() -> set[str]:
    """The environment variables that the package and its build read, and those of Numba's that the package names."""
    readers = {"setting", "is_on", "os.environ.get", "os.getenv"}
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\b(?:HF|XDG|NUMBA|POCKETTTS)_[A-Z_]*[A-Z]\b", source))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in readers:
                arguments = node.args if ast.unparse(node.func) in ("setting", "is_on") else node.args[:1]
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                arguments = [node.slice]
            else:
                arguments = []
            found |= {argument.value for argument in arguments if isinstance(argument, ast.Constant)}
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "config" and node.attr.isupper():
                found.add(f"NUMBA_{node.attr}")  # numba.core.config
    for path in (ROOT / "tools" / "build").glob("*.py"):
        found |= set(re.findall(r"\bPOCKETTTS_NP_[A-Z]+\b", path.read_text(encoding="utf-8")))
    return found


def test_every_environment_variable_is_described():
    rows = re.findall(r"^\| (`[A-Z_`, a-z]+) \|", TEXTS["files.md"], re.MULTILINE)
    described = {name for row in rows for name in INLINE.findall(row)}
    assert len(described) > 12
    assert described == variables_read()


# ---- the house -----------------------------------------------------------------------------------------------


def house() -> list[str]:
    """The folders and files of the package in the order of the page's table."""
    table = TEXTS["architecture.md"].partition("## The house")[2].partition("\n## ")[0]
    names = re.findall(r"^\| `([\w/.]+)` \|", table, re.MULTILINE)
    return [name.removesuffix("/").removesuffix(".py") for name in names]


def imported(path: Path) -> set[str]:
    """The folders and files of the package that a module imports from, anywhere in it."""
    folder = path.relative_to(PACKAGE.parent).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            target = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            names = [alias.name for alias in node.names] if len([*filter(None, target)]) == 1 else [target[1]]
            found |= set(names)
    return found


def test_the_house_names_every_folder():
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert sorted(house()) == sorted(there)


def test_a_folder_imports_only_those_above_it():
    floors = house()
    n_imports = 0
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name in imported(path) - {own}:
            assert floors.index(name) < floors.index(own), f"{path.relative_to(PACKAGE)} imports {name}"
            n_imports += 1
    assert n_imports > 100


# ---- figures -------------------------------------------------------------------------------------------------


def figures(page: str, heading: str) -> dict[str, set[str]]:
    """The rows of a page's table of speed: by name, the cells."""
    rows = re.findall(r"^\| (\w+, \w+, \w+) \| (.*) \|$", TEXTS[page].partition(heading)[2], re.MULTILINE)
    return {name: set(cells.split(" | ")) for name, cells in rows}


def test_the_figures_of_the_readme_are_those_of_their_page():
    measured, told = figures("figures.md", "## Speed"), figures("README.md", "## Figures")
    assert len(told) >= 4
    assert all(cells <= measured[name] for name, cells in told.items())


def test_the_chart_shows_the_figures_of_its_page():
    chart = (ROOT / "docs/images/speed.svg").read_text(encoding="utf-8")
    shown = re.findall(r"(\w+), (\w+), (\w+) cores?: ([\d.]+) and ([\d.]+)[;.]", chart)
    measured = figures("figures.md", "## Speed")
    assert len(shown) == 6
    for model, kind, cores, ours, theirs in shown:
        assert f"{ours} / {theirs}" in measured[f"{model}, {kind}, {cores}"]
