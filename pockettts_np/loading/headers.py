"""What the files of models and voices say of themselves: NumPy alone, for who only looks and does not speak."""

import json
import re

from ..config.config import Config
from ..config.schema import build
from ..weights.safetensors_file import SafetensorsFile

CONFIG_KEY, TOKENIZER_KEY = "pockettts_np.config", "pockettts_np.tokenizer"  # in the metadata of a model in one file
MODEL_KEY = "pockettts_np.model"  # in the metadata of a saved voice: the name of the model that made it
DEFAULT_VOICE_KEY = "pockettts_np.default_voice"  # in the metadata of a model with named voices: one of the names
VOICE_PREFIX = "voice."  # of the names of the tensors of a model's one voice, which has no name
VOICES_PREFIX = "voices."  # of those of its named voices: voices.NAME.…
LAYER = "transformer.layers.{}.self_attn/{}"  # of the names of a voice's tensors
PROMPT = "audio_prompt"  # the name of the tensor of a voice that no model has read yet
_VOICE_NAME = re.compile(r"\w[\w-]{0,63}")


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


def require_voice_name(name: str) -> None:
    """ValueError: a voice inside a model cannot be called so."""
    if not _VOICE_NAME.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is no name for a voice; wanted letters, digits, _ and -, at most 64.")


def named_voices(file: SafetensorsFile) -> dict[str, SafetensorsFile]:
    """The named voices inside a model, each as a file of its own, the default first. ValueError: damaged."""
    tensors = (name.removeprefix(VOICES_PREFIX) for name in file.names() if name.startswith(VOICES_PREFIX))
    names = list(dict.fromkeys(tensor.partition(".")[0] for tensor in tensors))
    default = file.metadata.get(DEFAULT_VOICE_KEY, names[0] if names else None)
    if default is not None and default not in names:
        raise ValueError(f"{file.path} is damaged: its default voice {default[:100]!r} is not inside.")
    for name in names:
        try:
            require_voice_name(name)
        except ValueError as error:
            raise ValueError(f"{file.path} is damaged: {error}") from None
    names.sort(key=lambda name: name != default)
    return {name: file.under(f"{VOICES_PREFIX}{name}.") for name in names}


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
