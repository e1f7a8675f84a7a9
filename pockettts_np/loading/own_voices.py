"""The names of the voices that a model brings in its own file, and which model is meant where only voices are named.

Nothing is loaded: the headers of files say it.
"""

from collections.abc import Iterable

from ..files.memory import File
from ..hub import catalogue, fetch
from ..weights.safetensors_file import SafetensorsFile
from .headers import named_voices


def builtin_voices() -> list[str]:
    """Of the built-in model, the default first."""
    return own_voices(catalogue.BUILTIN, None)


def own_voices(language: str | None, config: str | File | None) -> list[str]:
    """Of a model by its name or its file, as `TTSModel.load_model` takes them, the default first; without either, of
    the built-in one, which its voices' names alone mean.

    OSError, ValueError: the file cannot be read, or is damaged.
    """
    if config is None and language in (None, catalogue.BUILTIN):
        file = SafetensorsFile(catalogue.builtin_file())
    elif isinstance(config, str) and config.endswith(".safetensors"):
        file = SafetensorsFile(fetch.local_path(config))
    else:
        return []
    return list(named_voices(file))


def language_of(voices: Iterable[str]) -> str:
    """The model that is meant by voices alone: the built-in one if all are its own, else english, which has or clones
    all others."""
    return catalogue.BUILTIN if set(voices) <= set(builtin_voices()) else catalogue.DEFAULT_LANGUAGE
