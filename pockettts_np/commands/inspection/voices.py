"""pockettts-np voices: the voices that a model can use by name."""

import argparse
import json
from typing import Any

from ...files.usage import megabytes
from ...hub import catalogue, fetch
from ..terminal.options import add_command
from ..terminal.progress import table


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_command(
        commands,
        "voices",
        voices,
        "List the voices that a model can use, their licences, and which are on this disk; without the network.",
    ).add_argument
    add("--language", metavar="NAME", help="the model; default: english and builtin, as generate without a model")
    add("--json", action="store_true", help="for programs")


def voices(args: argparse.Namespace) -> None:
    found = _voices(args.language) if args.language else _voices(catalogue.DEFAULT_LANGUAGE) + _of_builtin()
    if args.json:
        print(json.dumps(found, indent=2), flush=True)
        return
    rows = [("NAME", "LANGUAGE", "LICENCE", "ON THIS DISK")]
    for voice in found:
        here, default = megabytes(voice["cached_bytes"]) if voice["is_cached"] else "no", ", the default"
        if voice["model"] == catalogue.BUILTIN:
            here, default = "built in", ", the default there"
        here += default if voice["is_default"] else ""
        rows.append((voice["name"], voice["language"].title(), voice["licence"], here))
    print(table(rows), flush=True)


def _voices(model: str) -> list[dict[str, Any]]:
    if model == catalogue.BUILTIN:
        return _of_builtin()
    model = catalogue.released_config(model).name
    found = []
    for name in sorted(catalogue.VOICES):
        path = fetch.cached_path(catalogue.voice_state_address(model, name))
        found.append(
            {
                "name": name,
                "model": model,
                "language": catalogue.voice_language(name),
                "licence": catalogue.voice_licence(name),
                "is_default": name == catalogue.default_voice(model),
                "is_cached": path is not None,
                "cached_bytes": path.stat().st_size if path else 0,
            }
        )
    return found


def _of_builtin() -> list[dict[str, Any]]:
    from ...loading.own_voices import builtin_voices

    return [
        {
            "name": name,
            "model": catalogue.BUILTIN,
            "language": catalogue.model_language(catalogue.BUILTIN),
            "licence": catalogue.BUILTIN_LICENCE,
            "is_default": i == 0,
            "is_cached": True,
            "cached_bytes": 0,
        }
        for i, name in enumerate(builtin_voices())
    ]
