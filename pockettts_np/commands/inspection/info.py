"""pockettts-np info: what is in a file of weights or a saved voice, or what the package runs on."""

import argparse
import json
import math
import re
from typing import TYPE_CHECKING, Any

from ...config.config import Config
from ...config.load import load_config, released_models
from ...config.parameter_count import count_parameters
from ...hub import fetch
from ..terminal.options import add_command
from ..terminal.progress import table
from . import system

if TYPE_CHECKING:
    from ...weights.safetensors_file import SafetensorsFile

FRAME_HZ = 12.5  # of every released model
Shapes = dict[str, tuple[int, ...]]


def add_parser(commands: Any) -> None:
    """The command and its options."""
    parser = add_command(
        commands,
        "info",
        info,
        "Describe a checkpoint, a quantised model or a saved voice; nothing in the file is run. Or this system.",
    )
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument(
        "file", metavar="FILE", nargs="?", help="a .safetensors file: a path, https:// or hf:// address"
    )
    subject.add_argument("--system", action="store_true", help="the processor, and how the kernels are run on it")
    parser.add_argument("--json", action="store_true", help="for programs")


def info(args: argparse.Namespace) -> None:
    """Print what the file holds, or what the package runs on."""
    found, as_table = (system.describe(), system.as_table) if args.system else (_of_file(args.file), _as_table)
    print(json.dumps(found, indent=2) if args.json else as_table(found), flush=True)


def _of_file(name: str) -> dict[str, Any]:
    from ...weights.safetensors_file import SafetensorsFile

    return describe(SafetensorsFile(fetch.local_path(name)))


def _as_table(found: dict[str, Any]) -> str:
    return table([(_spaced(key), _text(value)) for key, value in found.items()])


def describe(file: "SafetensorsFile") -> dict[str, Any]:
    """What the file is, from its header and, of a voice, two numbers. ValueError: damaged."""
    from ...loading.headers import MODEL_KEY, VOICE_PREFIX, is_model, named_voices, stored_config

    shapes = {name: file.shape(name) for name in file.names()}
    types: dict[str, int] = {}
    for name, shape in shapes.items():
        types[file.dtype(name)] = types.get(file.dtype(name), 0) + math.prod(shape)
    common = {"file": str(file.path), "bytes": file.n_bytes}
    if is_model(file):
        found = {"kind": "quantised model", **_of_config(stored_config(file)), "can_clone": _can_clone(file, shapes)}
        voice = file.under(VOICE_PREFIX)
        if any(voice.names()):
            found["voice"] = _of_voice(voice, {name: voice.shape(name) for name in voice.names()})
        if named := list(named_voices(file)):
            found["voices"] = named
    elif shapes.keys() == {"audio_prompt"} or any(name.endswith("/cache") for name in shapes):
        maker = _printable(file.metadata.get(MODEL_KEY, ""))
        found = {"kind": "voice", **({"made_with": maker} if maker else {}), **_of_voice(file, shapes)}
    else:
        found = _of_weights(_released_names(shapes), n_numbers=sum(types.values()))
        if "codec" in found:
            found["can_clone"] = _can_clone(file, shapes)
    return common | found | {"numbers_by_type": {_printable(name): n for name, n in sorted(types.items())}}


def _of_config(config: Config) -> dict[str, Any]:
    parameters = count_parameters(config)
    return {
        "configuration": _printable(config.name),
        "parameters": parameters.language_model + parameters.decoder,
        "cloning_parameters": parameters.cloning,
        **_sizes(config),
    }


def _sizes(config: Config) -> dict[str, Any]:
    lm, codec = config.flow_lm, config.mimi
    return {
        "language_model": {"layers": lm.transformer.num_layers, "width": lm.transformer.d_model},
        "codec": {"layers": codec.decoding_transformer.num_layers, "width": codec.decoder_head.dimension},
    }


def _of_weights(shapes: Shapes, n_numbers: int) -> dict[str, Any]:
    """Sizes by the released names; what does not have them is another program's."""
    parts = {
        "language_model": _part(shapes, "flow_lm.", "input_linear.weight"),
        "codec": _part(shapes, "mimi.decoder_", "mimi.quantizer.output_proj.weight"),
    }
    sizes = {key: part for key, part in parts.items() if part}
    found: dict[str, Any] = {"kind": "tensors of another program", "parameters": n_numbers}
    if sizes:
        alone = "" if len(sizes) == 2 else f" of the {'language model' if parts['language_model'] else 'codec'} alone"
        fitting = [name for name in released_models() if sizes.items() <= _sizes(load_config(name)).items()]
        found |= {"kind": f"checkpoint{alone}", **sizes, "fits": fitting}
    return found


def _can_clone(file: "SafetensorsFile", shapes: Shapes) -> bool:
    """Whether there is an encoder, and a speaker projection that is not all zeros, as in weights without cloning."""
    projection = "flow_lm.speaker_proj_weight"
    has_encoder = any(name.startswith("mimi.encoder.") for name in shapes)
    return has_encoder and projection in shapes and bool(file.raw(projection).any())


def _released_names(shapes: Shapes) -> Shapes:
    """A part that has a file of its own may lack the prefix that it has beside the other."""
    if "input_linear.weight" in shapes:
        return {f"flow_lm.{name}": shape for name, shape in shapes.items()}
    bare = {name.removeprefix("model."): shape for name, shape in shapes.items()}
    is_codec = any(name.startswith("decoder_transformer.") for name in bare)
    return {f"mimi.{name}": shape for name, shape in bare.items()} if is_codec else shapes


def _part(shapes: Shapes, prefix: str, width_name: str) -> dict[str, int] | None:
    """Layers of the transformer whose names begin so, and the width; None where the file has no such part."""
    layer = re.compile(re.escape(prefix) + r"transformer\.(?:transformer\.)?layers\.(\d{1,4})\.")
    width = shapes.get(width_name, shapes.get(prefix + width_name))
    layers = {match[1] for match in map(layer.match, shapes) if match}
    return {"layers": len(layers), "width": width[0]} if width else None


def _of_voice(file: "SafetensorsFile", shapes: Shapes) -> dict[str, Any]:
    from ...loading.headers import filled_rows

    if "audio_prompt" in shapes:
        shape = shapes["audio_prompt"]
        if len(shape) != 3:
            raise ValueError(f"{file.path} is damaged: 'audio_prompt' has shape {list(shape)}; wanted [1, T, width].")
        return {"width": shape[2], "rows": shape[1], "seconds": shape[1] / FRAME_HZ}
    caches = [shape for name, shape in shapes.items() if name.endswith("/cache")]
    if not caches or any(len(shape) != 5 for shape in caches):
        raise ValueError(f"{file.path} is damaged: an attention cache has not the shape [2, 1, T, heads, width].")
    n_seen, n_padding = filled_rows(file, 0)
    rows, (room, heads, head_width) = n_seen - n_padding, caches[0][2:]
    if not 0 < rows <= room:
        raise ValueError(f"{file.path} is damaged: it has room for {room} rows, but says that {rows} are filled.")
    # A row is a frame of the recording; most models put one more before the first.
    return {
        "layers": len(caches),
        "heads": heads,
        "head_width": head_width,
        "rows": rows,
        "seconds": rows / FRAME_HZ,
    }


def _printable(text: str) -> str:
    """Text from a file of unknown origin, fit for a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text[:100])


def _spaced(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_spaced(key)} {_text(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
