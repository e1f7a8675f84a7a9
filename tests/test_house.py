"""The house: folders import one way, files never in a circle, and every folder says what it is and how to read it."""

import ast
from pathlib import Path

import pytest

import pockettts_np

PACKAGE = Path(pockettts_np.__file__).parent
# From the bottom: a room imports only rooms before it. A file at the top of the package is a room of its own.
ROOMS = (
    *("version", "errors", "files", "settings", "threads"),
    *("config", "hub", "audio", "language"),
    *("kernels", "weights"),
    *("modules", "conditioners", "models"),
    *("synthesis", "timing", "loading"),
    *("model", "batch"),
    *("server", "commands", "__main__"),
)
MOST_FILES = 12
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


def name_of(path: Path) -> str:
    """hub.fetch for hub/fetch.py, hub for hub/__init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def imported(name: str, source: str) -> set[str]:
    """The package's modules that a module imports, anywhere in it."""
    is_folder = MODULES.get(name, Path()).name == "__init__.py"
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            parts = name.split(".") if name else []
            base = parts[: len(parts) - node.level + (1 if is_folder else 0)]
            base += node.module.split(".") if node.module else []
        elif node.module.split(".")[0] == "pockettts_np":
            base = node.module.split(".")[1:]
        else:
            continue
        whole = ".".join(base)
        within = {f"{whole}.{alias.name}" if whole else alias.name for alias in node.names} & MODULES.keys()
        found |= within or {whole}
    return found


ARROWS = {name: imported(name, path.read_text(encoding="utf-8")) for name, path in MODULES.items() if name}


def room(name: str) -> str:
    return name.partition(".")[0]


def against_the_order(arrows: dict[str, set[str]]) -> list[str]:
    return sorted(
        f"{name} -> {other}"
        for name, others in arrows.items()
        for other in others
        if ROOMS.index(room(other)) > ROOMS.index(room(name))
    )


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """What is left when modules that import nothing that is left are taken away again and again."""
    left = {name: set(others) for name, others in arrows.items()}
    while done := [name for name, others in left.items() if not others & left.keys()]:
        for name in done:
            del left[name]
    return sorted(left)


def test_every_module_has_its_room():
    assert {room(name) for name in ARROWS} == set(ROOMS)


def test_rooms_import_only_rooms_below_them():
    assert against_the_order(ARROWS) == []


def test_no_modules_import_each_other_in_a_circle():
    assert circle(ARROWS) == []


def test_an_arrow_down_and_a_circle_would_be_seen():
    source = "def f():\n    from ..models.mimi import MimiDecoder\n    from .http import download"
    wrong = ARROWS | {"hub.fetch": imported("hub.fetch", source)}
    assert wrong["hub.fetch"] == {"models.mimi", "hub.http"}
    assert against_the_order(wrong) == ["hub.fetch -> models.mimi"]
    assert circle(ARROWS | {"hub.errors": {"hub.fetch"}}) != []
    assert imported("hub.fetch", "from .. import files") == {"files"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_folder_says_what_it_is_and_in_which_order_to_read_it(folder):
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    assert len(tree.body) == 1, "it holds more than a docstring"
    sentence, _, order = ast.get_docstring(tree).partition("\n\nRead in this order: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    named = sorted(order.rstrip(".").replace(";", ",").replace("\n", " ").replace(" ", "").split(","))
    inside = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    inside += [path.parent.name for path in folder.glob("*/__init__.py")]
    assert named == sorted(inside)


@pytest.mark.parametrize("folder", [PACKAGE, *FOLDERS], ids=lambda path: path.name)
def test_no_folder_has_more_than_a_dozen_files(folder):
    assert len(list(folder.glob("*.py"))) <= MOST_FILES


def test_public_names_stand_in_the_package_s_own_init_alone():
    for name, path in MODULES.items():
        has_all = "__all__" in path.read_text(encoding="utf-8")
        assert not has_all or not name, name
