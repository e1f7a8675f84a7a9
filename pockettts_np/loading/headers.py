"""What the files of models and voices say of themselves: NumPy alone, for who only looks and does not speak."""

import json

from ..config.config import Config
from ..config.schema import build
from ..weights.safetensors_file import SafetensorsFile

CONFIG_KEY, TOKENIZER_KEY = "pockettts_np.config", "pockettts_np.tokenizer"  # in the metadata of a model in one file
MODEL_KEY = "pockettts_np.model"  # in the metadata of a saved voice: the name of the model that made it
VOICE_PREFIX = "voice."  # of the names of its voice's tensors
LAYER = "transformer.layers.{}.self_attn/{}"  # of the names of a voice's tensors


def is_model(file: SafetensorsFile) -> bool:
    """Whether a configuration and a tokenizer are inside."""
    return CONFIG_KEY in file.metadata and TOKENIZER_KEY in file.metadata


def stored_config(file: SafetensorsFile) -> Config:
    """The configuration inside a quantised model. ValueError: damaged."""
    try:
        table = json.loads(file.metadata[CONFIG_KEY])
        if not isinstance(table, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise ValueError(f"{file.path} is damaged: its configuration cannot be read.") from None
    name, released = str(table.pop("name", "")), bool(table.pop("released", False))
    return build(Config, table, f"{file.path}: ", name=name, released=released)


def filled_rows(file: SafetensorsFile, index: int) -> tuple[int, int]:
    """Rows that a layer of the file has seen, and how many of the first are padding. ValueError: it does not say."""
    names = set(file.names())
    offset, end, pad = (LAYER.format(index, key) for key in ("offset", "current_end", "pad"))
    if offset in names:
        n_seen = file.integer(offset)
    elif end in names and file.raw(end).ndim == 1:
        n_seen = len(file.raw(end))
    else:
        raise ValueError(f"{file.path} is not a voice: it lacks the number {offset!r}.")
    return n_seen, file.integer(pad) if pad in names else 0
