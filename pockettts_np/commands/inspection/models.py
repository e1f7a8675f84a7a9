"""pockettts-np models: what there is, and what of it is here."""

import argparse
import json
from typing import Any

from ...config.config import Config
from ...config.load import load_config, released_models
from ...config.parameter_count import count_parameters
from ...files.usage import megabytes
from ...hub import catalogue, fetch
from ..terminal.options import add_command
from ..terminal.progress import table


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add_command(
        commands,
        "models",
        models,
        "List the models that --language names, their licences, and which are on this disk; without the network.",
    ).add_argument("--json", action="store_true", help="for programs")


def models(args: argparse.Namespace) -> None:
    found = [_builtin(), *(_released(load_config(name)) for name in released_models())]
    if args.json:
        print(json.dumps(found, indent=2), flush=True)
        return
    header = ("NAME", "LANGUAGE", "PARAMETERS", "LICENCE", "CLONING WEIGHTS", "ON THIS DISK")
    print(table([header, *map(_row, found)]), flush=True)


def _released(config: Config) -> dict[str, Any]:
    weights, *_ = files = catalogue.model_files(config)
    paths = [next(filter(None, map(fetch.cached_path, addresses)), None) for addresses in files]
    return _described(config, config.name) | {
        "licence": catalogue.MODEL_LICENCE,
        "cloning_weights": "gated",
        "is_cached": all(paths),
        "can_clone_now": all(paths) and fetch.cached_path(weights[0]) is not None,
        "cached_bytes": sum(path.stat().st_size for path in paths if path),
    }


def _builtin() -> dict[str, Any]:
    from ...loading.headers import stored_config
    from ...weights.safetensors_file import SafetensorsFile

    file = SafetensorsFile(catalogue.builtin_file())
    return _described(stored_config(file), catalogue.BUILTIN) | {
        "licence": catalogue.BUILTIN_LICENCE,
        "cloning_weights": "none",
        "is_cached": True,
        "can_clone_now": False,
        "cached_bytes": file.n_bytes,
    }


def _described(config: Config, name: str) -> dict[str, Any]:
    parameters = count_parameters(config)
    return {
        "name": name,
        "language": catalogue.model_language(name),
        "parameters": parameters.language_model + parameters.decoder,
        "cloning_parameters": parameters.cloning,
    }


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    here = "no"
    if model["name"] == catalogue.BUILTIN:
        here = "built in, nothing to download"
    elif model["is_cached"]:
        here = f"{megabytes(model['cached_bytes'])}, with{'' if model['can_clone_now'] else 'out'} cloning"
    elif model["cached_bytes"]:
        here = "in part"
    size = f"{model['parameters'] / 1e6:.1f} M"
    return (
        model["name"],
        model["language"].title(),
        f"{size:>10}",
        model["licence"],
        model["cloning_weights"],
        here,
    )
