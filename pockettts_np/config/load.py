"""Configurations by name or from a file: TOML, or the reference's YAML."""

import difflib
import os
from pathlib import Path
from typing import Any

from ..files.memory import packaged
from .config import Config
from .schema import build, read_with_bases


def _released_folder() -> Path:
    return packaged(__package__, "released")


def released_models() -> list[str]:
    """The names `load_config` knows without a file, in alphabetical order."""
    return sorted(path.stem for path in _released_folder().iterdir() if not path.name.startswith("_"))


def load_config(source: str | Path) -> Config:
    """The configuration of a released model (by name) or in a .toml, .yaml or .yml file (by path).

    A TOML file may say `extends = "NAME"`: a released model, or another .toml file relative to itself;
    values of its own override the other's, key by key. A relative path in a file is relative to the
    working folder, as in the reference, or else, if nothing is there, to the folder of the file that
    names it. Remote files are fetched first: `load_config(hub.fetch.local_path(address))`.

    Raises:
        FileNotFoundError: no released model and no file of that name.
        ValueError: an unreadable file, an unknown, missing, mistyped or impossible value.
        ModuleNotFoundError: a YAML file, and PyYAML is not installed.
    """
    path = Path(source)
    released = path.suffix == ""
    if released:
        path = _released_file(str(source))
    elif path.suffix not in (".toml", ".yaml", ".yml"):
        raise ValueError(f"{source} is not a configuration: wanted a name, or a file ending .toml, .yaml or .yml.")
    elif not path.is_file():
        raise FileNotFoundError(f"{source}: no such configuration file. Known names: {', '.join(released_models())}.")
    table = read_with_bases(path, _base_file, _resolve_paths)
    return build(Config, table, f"{path.name if released else path}: ", name=path.stem, released=released)


def _released_file(name: str) -> Path:
    names = released_models()
    if name in names:
        return _released_folder() / f"{name}.toml"
    close = difflib.get_close_matches(name, names, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"Known names: {', '.join(names)}."
    raise FileNotFoundError(f"There is no released model {name!r}. {hint}")


def _base_file(path: Path, base: str) -> Path:
    """The file that `extends = base` in `path` means; released ones may also name a body they share."""
    if base.endswith(".toml"):
        return path.parent / base
    is_released = str(path.parent) == str(_released_folder())
    return _released_folder() / f"{base}.toml" if is_released else _released_file(base)


def _resolve_paths(table: Any, folder: Path) -> None:
    """Point relative paths at files beside the configuration, where they are not in the working directory."""
    if not isinstance(table, dict):
        return
    for key in ("weights_path", "weights_path_without_voice_cloning", "tokenizer_path"):
        value = table.get(key)
        if isinstance(value, str) and not os.path.exists(value) and os.path.exists(str(folder / value)):  # noqa: PTH110
            table[key] = str(folder / value)
    for key in ("flow_lm", "lookup_table", "mimi"):
        _resolve_paths(table.get(key), folder)
