"""From a model's name or file to its configuration, its weights and its tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from ..conditioners.tokenizer.load import load_tokenizer
from ..conditioners.tokenizer.protocol import Tokenizer
from ..config.config import Config
from ..config.load import load_config
from ..config.tensors import ENCODER, SPEAKER_PROJECTION, is_for_cloning, language_model_stacks, tensors_of
from ..files.memory import File, InMemoryFile
from ..hub import catalogue, fetch
from ..weights.checkpoint import Source, Weights, open_checkpoint
from ..weights.packing import packed_shape
from ..weights.safetensors_file import SafetensorsFile
from ..weights.storage import AS_PUBLISHED, QUANTIZED, StoragePlan
from ..weights.training_names import open_flow_lm, open_mimi
from .single_file import open_model

_SUFFIXES = (".safetensors", ".toml", ".yaml", ".yml")


def find(language: str | None, config: str | File | None) -> str | File:
    """The name of a released model, or a file here."""
    if language is not None and config is not None:
        raise ValueError("Both language and config were given; choose one of them.")
    if isinstance(config, InMemoryFile):
        return config
    if config is not None:
        path = fetch.local_path(config)
        if path.suffix not in _SUFFIXES:
            raise ValueError(
                f"{config} is no model: wanted a file that ends in .safetensors (made by `pockettts-np quantize`), "
                ".toml, .yaml or .yml. A model that has a name is asked for as language."
            )
        return path
    if language is None:
        language = catalogue.default_language()
    return catalogue.builtin_file() if language == catalogue.BUILTIN else language


@dataclass(frozen=True, eq=False, repr=False)
class ModelSource:
    """What a model is built of."""

    config: Config
    weights: Weights  # checked against the configuration, not read
    tokenizer: Tokenizer
    plan: StoragePlan  # in which numbers it is to be held
    voice: SafetensorsFile | None = None  # what it starts with, of a model in one file
    voices: Mapping[str, SafetensorsFile] = field(default_factory=dict)  # its named ones, the default first


def is_whole_model(source: str | File) -> TypeGuard[File]:
    """Whether what `find` found is one file with everything in it."""
    return isinstance(source, InMemoryFile) or (isinstance(source, Path) and source.suffix == ".safetensors")


def open_source(source: str | File, quantize: bool = False) -> ModelSource:
    """What `find` found, its files fetched where they are not here. Errors as `TTSModel.load_model`."""
    voice: SafetensorsFile | None = None
    voices: dict[str, SafetensorsFile] = {}
    if is_whole_model(source):
        config, weights, tokenizer, voice, voices = open_model(source)
        quantize = True
    else:
        config = load_config(str(source) if isinstance(source, InMemoryFile) else source)
        tokenizer = _tokenizer(config)
        weights = _open_weights(config)
    weights.require(_expected_tensors(weights, config))
    return ModelSource(config, weights, tokenizer, QUANTIZED if quantize else AS_PUBLISHED, voice, voices)


def open_text(source: str | File) -> tuple[Config, Tokenizer]:
    """What reads the text of what `find` found: of a released model, the weights are not fetched. Errors as above."""
    if is_whole_model(source):
        config, _, tokenizer, *_ = open_model(source)
        return config, tokenizer
    config = load_config(str(source) if isinstance(source, InMemoryFile) else source)
    return config, _tokenizer(config)


def _tokenizer(config: Config) -> Tokenizer:
    table = config.flow_lm.lookup_table
    return load_tokenizer(fetch.local_path(table.tokenizer_path), table.n_bins, table.tokenizer)


def _open_weights(config: Config) -> Weights:
    """The tensors of all files that the configuration names, under the released names.

    As in the reference, `mimi.weights_path` replaces the codec of a bundle, and the language model's own file needs it.
    """
    if config.flow_lm.weights_path and not config.mimi.weights_path:
        raise ValueError("flow_lm.weights_path needs mimi.weights_path beside it, for the codec.")
    sources: dict[str, Source] = {}
    files = []
    if config.weights_path:
        path, _ = fetch.fetch_first(catalogue.weights_addresses(config))
        sources, files = open_checkpoint(path), [path]
    elif config.flow_lm.weights_path:
        path = fetch.local_path(config.flow_lm.weights_path)
        sources, files = open_flow_lm(path), [path]
    if not files:
        raise ValueError("The configuration names no weights: set weights_path, or flow_lm.weights_path.")
    if config.mimi.weights_path:
        path = fetch.local_path(config.mimi.weights_path)
        sources = {name: source for name, source in sources.items() if not name.startswith("mimi.")}
        sources |= open_mimi(path)
        files.append(path)
    label = " and ".join(str(path) for path in files)
    return Weights(label, sources)


def _expected_tensors(weights: Weights, config: Config) -> dict[str, tuple[int, ...]]:
    """What the file or files of a model must hold, by name: those of a quantised one, if it is; what only cloning
    needs, if it has any of it."""
    names = weights.sources.keys()
    has_encoder = any(name.startswith(ENCODER) for name in names)
    tensors = {
        name: shape
        for name, shape in tensors_of(config).items()
        if not is_for_cloning(name) or (name in names if name == SPEAKER_PROJECTION else has_encoder)
    }
    for stack in language_model_stacks(config):
        if stack.scale_name in names:
            for name in stack.names:
                del tensors[name]
            tensors[stack.name] = packed_shape(stack.n_layers, stack.shape)
            tensors[stack.scale_name] = stack.n_layers, stack.shape[0]
    return tensors
