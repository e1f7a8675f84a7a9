"""One file that is a whole model: int8 weights, configuration, tokenizer, and if wanted voices of its own.

The matrices of the language model are int8 panels, used where they lie in the file; those of the codec are float16;
everything else is kept as it was published. The configuration and the tokenizer are in the file's metadata. The tensors
of a voice are those of a saved voice: under names that begin with `voice.`, of the one to start with; or with
`voices.NAME.`, of voices that can be asked for by name, of which the metadata say which one is the default.
"""

import base64
import dataclasses
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..conditioners.tokenizer.load import load_tokenizer
from ..conditioners.tokenizer.protocol import Tokenizer
from ..config.config import Config
from ..config.tensors import language_model_stacks
from ..files.memory import File, InMemoryFile
from ..files.writing import replacing_file
from ..hub import fetch
from ..kernels.panels import NumberType, pack
from ..weights.checkpoint import Weights, source_of
from ..weights.packing import packed_shape, quantize_rows, row_scales
from ..weights.safetensors_file import SafetensorsFile
from .headers import (
    CONFIG_KEY,
    DEFAULT_VOICE_KEY,
    TOKENIZER_KEY,
    VOICE_PREFIX,
    VOICES_PREFIX,
    is_model,
    named_voices,
    require_voice_name,
    stored_config,
)

Tensors = Mapping[str, np.ndarray]
PAGE_BYTES = 4096
INT8, FLOAT32, FLOAT16, INT64 = (np.dtype(t) for t in (np.int8, np.float32, np.float16, np.int64))
KINDS = {INT8: "I8", FLOAT32: "F32", FLOAT16: "F16", INT64: "I64"}  # in the order in which they are written


@dataclass(frozen=True)
class Planned:
    """A tensor of the file to be: what the header says of it, and its data, made piece by piece when it is written."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Callable[[], Iterable[np.ndarray]]


def quantized_tensors(weights: Weights, config: Config) -> dict[str, Planned]:
    """The tensors of a quantised file, from the weights of a model."""
    stacks = language_model_stacks(config)
    inside = {name for stack in stacks for name in stack.names}
    tensors: dict[str, Planned] = {}
    for stack in stacks:
        data_shape, scale_shape = packed_shape(stack.n_layers, stack.shape), (stack.n_layers, stack.shape[0])
        tensors[stack.name] = Planned(INT8, data_shape, partial(_each, weights, stack.names, _int8_panels))
        tensors[stack.scale_name] = Planned(FLOAT32, scale_shape, partial(_each, weights, stack.names, row_scales))
    for name, source in weights.sources.items():
        if name not in inside:
            shape = source.shape()
            dtype = FLOAT16 if name.startswith("mimi.") and len(shape) > 1 else FLOAT32
            tensors[name] = Planned(dtype, shape, partial(_each, weights, [name], partial(np.asarray, dtype=dtype)))
    return tensors


def _int8_panels(matrix: np.ndarray) -> np.ndarray:
    return pack(quantize_rows(matrix)[0], NumberType.INT8)


def is_quantized(weights: Weights, config: Config) -> bool:
    """Whether the matrices of the language model are int8 already."""
    return any(stack.scale_name in weights.sources for stack in language_model_stacks(config))


def _each(weights: Weights, names: list[str], make: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
    for name in names:
        yield make(weights.finite(name, weights.sources[name].read()))
        weights.let_go(name)


def write_model(
    path: str | os.PathLike[str],
    weights: Weights,
    config: Config,
    voice: Tensors | None = None,
    voices: Mapping[str, Tensors] = MappingProxyType({}),
) -> None:
    """Write a quantised model; the file appears only once complete.

    Of voices, what a file of them would hold: `voice` is one to start with, `voices` are some by name, the default
    first. ValueError: the weights are quantised already, or a name that a voice cannot have.
    """
    if is_quantized(weights, config):
        raise ValueError(f"{weights.label} is quantised already; copy the file.")
    tokenizer = fetch.local_path(config.flow_lm.lookup_table.tokenizer_path).read_bytes()
    described = dataclasses.asdict(config) | {"replace_characters": dict(config.replace_characters)}
    metadata = {
        CONFIG_KEY: json.dumps(_portable(described)),
        TOKENIZER_KEY: base64.b64encode(tokenizer).decode(),
    }
    tensors = quantized_tensors(weights, config)
    prefixed = {VOICE_PREFIX: voice or {}}
    for name, held in voices.items():
        require_voice_name(name)
        metadata.setdefault(DEFAULT_VOICE_KEY, name)
        prefixed[f"{VOICES_PREFIX}{name}."] = held
    for prefix, held in prefixed.items():
        for name, tensor in held.items():
            tensors[prefix + name] = Planned(tensor.dtype, tensor.shape, partial(iter, [tensor]))
    _write_safetensors(path, tensors, metadata)


def _portable(table: dict[str, Any]) -> dict[str, Any]:
    """Without the keys that are not set, and without the folders of this machine; addresses stay whole."""
    portable: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            portable[key] = _portable(value)
        elif key.endswith("_path") and value is not None and "://" not in value:
            portable[key] = Path(value).name
        elif value is not None:
            portable[key] = value
    return portable


def _write_safetensors(path: str | os.PathLike[str], tensors: dict[str, Planned], metadata: dict[str, str]) -> None:
    """As the safetensors package, but with the data at a page and the panels first, so that they lie at cache lines."""
    ordered = sorted(tensors.items(), key=lambda item: list(KINDS).index(item[1].dtype))
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, tensor in ordered:
        start, end = end, end + math.prod(tensor.shape) * tensor.dtype.itemsize
        header[name] = {"dtype": KINDS[tensor.dtype], "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % PAGE_BYTES)
    with replacing_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in ordered:
            for piece in tensor.pieces():
                file.write(np.ascontiguousarray(piece).data)


def open_model(
    path: File,
) -> tuple[Config, Weights, Tokenizer, SafetensorsFile | None, dict[str, SafetensorsFile]]:
    """What `write_model` wrote; the voice, where there is one, and the named voices, for `read_voice`.

    ValueError: a safetensors file without a configuration inside.
    """
    file = SafetensorsFile(path)
    if not is_model(file):
        raise ValueError(
            f"{path} holds weights alone. Name the configuration (.yaml or .toml) that goes with them, "
            "or a file that `pockettts-np quantize` made."
        )
    config = stored_config(file)
    try:
        tokenizer_bytes = base64.b64decode(file.metadata[TOKENIZER_KEY], validate=True)
    except ValueError:
        raise ValueError(f"{path} is damaged: its tokenizer cannot be read.") from None
    lookup = config.flow_lm.lookup_table
    is_json = lookup.tokenizer != "sentencepiece" or ".json" in lookup.tokenizer_path
    inside = InMemoryFile(f"{path}, the tokenizer inside", tokenizer_bytes)
    tokenizer = load_tokenizer(inside, lookup.n_bins, "json" if is_json else "sentencepiece")
    names = (name for name in file.names() if not name.startswith((VOICE_PREFIX, VOICES_PREFIX)))
    weights = Weights(str(path), {name: source_of(file, name) for name in names})
    voice = file.under(VOICE_PREFIX)
    return config, weights, tokenizer, voice if any(voice.names()) else None, named_voices(file)
