"""From a TOML or YAML file to a frozen dataclass; what does not fit is said in a sentence."""

import difflib
import functools
import math
import os
import reprlib
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_WANTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a string",
    tuple[int, ...]: "a list of whole numbers",
    tuple[tuple[str, str], ...]: "a table of strings",
}


def not_in_file(field: "Field[Any]") -> bool:
    """Whether the program sets a dataclass field: `field(metadata={"in_file": False})`."""
    return not field.metadata.get("in_file", True)


def read_tables(path: Path) -> dict[str, Any]:
    """The parsed contents of a .toml, .yaml or .yml file. ValueError when it is not that, or not a table."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text) if path.suffix == ".toml" else _parse_yaml(path, text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise ValueError(f"{path}: not a readable {path.suffix[1:].upper()} file: {reason}") from error
    if not isinstance(table, dict):
        raise ValueError(f"{path}: wanted keys and values, got {_show(table)}.")
    return table


def read_with_bases(
    path: Path, base_file: Callable[[Path, str], Path], adjust: Callable[[dict[str, Any], Path], None]
) -> dict[str, Any]:
    """The contents of `path` over those of the .toml file that its `extends` names, and so on.

    `base_file(path, name)` finds that file; `adjust(tables, folder)` edits what a file holds before merging.
    """
    chain: list[dict[str, Any]] = []
    seen: set[str] = set()
    current: Path | None = path
    while current is not None:
        if os.path.realpath(str(current)) in seen:
            raise ValueError(f"{path}: extends goes in a circle, back to {current}.")
        if not current.is_file():
            raise FileNotFoundError(f"{path}: it extends {current}, and there is no such file.")
        seen.add(os.path.realpath(str(current)))
        tables = read_tables(current)
        adjust(tables, current.parent)
        chain.append(tables)
        base = tables.pop("extends", None) if current.suffix == ".toml" else None
        if not isinstance(base, str | None):
            raise ValueError(f"{current}: extends is {_show(base)}; wanted a released name or a .toml file.")
        current = None if base is None else base_file(current, base)
    return functools.reduce(_merged, reversed(chain))


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, section by section."""
    both = {
        key: _merged(base[key], value)
        for key, value in over.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return {**base, **over, **both}


def _parse_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path}: YAML needs PyYAML. Run: pip install 'pockettts-np[yaml]', or write the file as TOML."
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def build(cls: type[T], table: Mapping[str, Any], where: str, **given: Any) -> T:
    """`table` as an instance of the dataclass `cls`, its sections built in turn.

    `where` starts every message: the file, then the dotted place in it ("my.toml: flow_lm.flow."). `given` is
    for the fields that are not in the file. Whole floats count as integers; no string is taken for a number.
    """
    hints = typing.get_type_hints(cls)
    wanted = [field for field in fields(typing.cast(Any, cls)) if not not_in_file(field)]
    names = [field.name for field in wanted]
    for key in table:
        if key not in names:
            raise ValueError(f"{where}{key} is not a key of a configuration.{_suggest(str(key), names)}")
    for field in wanted:
        if field.name not in table and field.default is MISSING:
            raise ValueError(f"{where}{field.name} is missing.")
    values = {key: _convert(hints[key], value, f"{where}{key}") for key, value in table.items()}
    try:
        return cls(**values, **given)
    except ValueError as error:
        raise ValueError(f"{where}{error}.") from error


def _suggest(key: str, names: list[str]) -> str:
    close = difflib.get_close_matches(key, names, n=1)
    return f" Did you mean {close[0]}?" if close else f" Known here: {', '.join(names)}."


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value`, as parsed from the file, in the type `hint`; ValueError when it is of another."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        (hint,) = (option for option in hint.__args__ if option is not types.NoneType)
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise ValueError(f"{where} is {_show(value)}; wanted a section with keys.")
        return build(typing.cast(type, hint), value, f"{where}.")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint == tuple[int, ...] and isinstance(value, list):
        return tuple(_convert(int, item, f"{where}[{i}]") for i, item in enumerate(value))
    if typing.get_origin(hint) is tuple and is_dataclass(hint.__args__[0]) and isinstance(value, list):
        return tuple(_convert(hint.__args__[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if hint == tuple[tuple[str, str], ...] and isinstance(value, dict):  # sorted: their order means nothing
        pairs = [(_convert(str, key, where), _convert(str, text, f"{where}[{key!r}]")) for key, text in value.items()]
        return tuple(sorted(pairs))
    if type(value) is hint and not (hint is float and not math.isfinite(value)):
        return value
    raise ValueError(f"{where} is {_show(value)}; wanted {_WANTED.get(hint, 'a list of sections')}.")


def _show(value: Any) -> str:
    return "empty" if value is None else reprlib.repr(value)
