"""One file that is a whole model: int8 weights, configuration and tokenizer.

The matrices of the language model are int8 panels, used where they lie in the file; those of the codec are float16;
everything else is kept as it was published. The configuration and the tokenizer are in the file's metadata.
"""

import base64
import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from . import hub, simd
from .audio import replacing_file
from .config import Config
from .schema import build
from .tokenizer import Tokenizer, load_tokenizer
from .weights import SafetensorsFile, Weights, open_checkpoint, quantize_rows

CONFIG_KEY, TOKENIZER_KEY = "pockettts_np.config", "pockettts_np.tokenizer"
PAGE_BYTES = 4096


def quantized_tensors(weights: Weights) -> dict[str, np.ndarray]:
    """The tensors of a quantised file, from the weights that a model was built of."""
    stacks = {name: parts for name, parts in weights.matrix_names.items() if name.startswith("flow_lm.")}
    inside = {part for parts in stacks.values() for part in parts}
    tensors: dict[str, np.ndarray] = {}
    for name, parts in stacks.items():
        quantized = [quantize_rows(weights.sources[part].read()) for part in parts]
        tensors[name] = np.stack([simd.pack(values) for values, _ in quantized])
        tensors[name + "_scale"] = np.stack([scales for _, scales in quantized])
    for name, source in weights.sources.items():
        if name not in inside:
            tensor = source.read()
            is_codec_matrix = name.startswith("mimi.") and tensor.ndim > 1
            tensors[name] = tensor.astype(np.float16) if is_codec_matrix else tensor
    return tensors


def write_model(path: str | os.PathLike[str], weights: Weights, config: Config) -> None:
    """Write a quantised model; the file appears only once complete. ValueError: the weights are quantised already."""
    if not any(name.startswith("flow_lm.") for name in weights.matrix_names):
        raise ValueError(f"{weights.label} is quantised already; copy the file.")
    tokenizer = hub.local_path(config.flow_lm.lookup_table.tokenizer_path).read_bytes()
    described = dataclasses.asdict(config) | {"replace_characters": dict(config.replace_characters)}
    metadata = {
        CONFIG_KEY: json.dumps(_without_none(described)),
        TOKENIZER_KEY: base64.b64encode(tokenizer).decode(),
    }
    _write_safetensors(path, quantized_tensors(weights), metadata)


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}


def _write_safetensors(path: str | os.PathLike[str], tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """As the safetensors package, but with the data at a page and the panels first, so that they lie at cache lines."""
    kinds = {"float32": "F32", "float16": "F16", "int8": "I8"}
    header: dict[str, Any] = {"__metadata__": metadata}
    order, end = ["int8", "float32", "float16"], 0
    for name, tensor in sorted(tensors.items(), key=lambda item: order.index(item[1].dtype.name)):
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": kinds[tensor.dtype.name], "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % PAGE_BYTES)
    with replacing_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in header:
            if name != "__metadata__":
                file.write(np.ascontiguousarray(tensors[name]).tobytes())


def open_model(path: Path) -> tuple[Config, Weights, Tokenizer]:
    """What `write_model` wrote. ValueError: a safetensors file without a configuration inside."""
    file = SafetensorsFile(path)
    if CONFIG_KEY not in file.metadata or TOKENIZER_KEY not in file.metadata:
        raise ValueError(
            f"{path} holds weights alone. Name the configuration (.yaml or .toml) that goes with them, "
            "or a file that `pockettts-np quantize` made."
        )
    try:
        table = json.loads(file.metadata[CONFIG_KEY])
        tokenizer_bytes = base64.b64decode(file.metadata[TOKENIZER_KEY], validate=True)
        if not isinstance(table, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is damaged: its configuration or its tokenizer cannot be read.") from None
    name, released = str(table.pop("name", "")), bool(table.pop("released", False))
    config = build(Config, table, f"{path}: ", name=name, released=released)
    lookup = config.flow_lm.lookup_table
    suffix = ".json" if lookup.tokenizer != "sentencepiece" or ".json" in lookup.tokenizer_path else ".model"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"tokenizer{suffix}"
        copy.write_bytes(tokenizer_bytes)
        tokenizer = load_tokenizer(copy, lookup.n_bins, lookup.tokenizer)
    return config, Weights(str(path), open_checkpoint(path), np.int8, np.float16), tokenizer
