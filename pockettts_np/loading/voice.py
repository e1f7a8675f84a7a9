"""Voices as files: the language model's cache after it has read a voice, in the reference's safetensors format.

One tensor a layer, `transformer.layers.N.self_attn/cache` float32 [2, 1, T, n_kv_heads, head_dim], unused rows NaN,
with `…/offset` (rows seen) and `…/pad` (leading rows that hold nothing). Older files give the offset as the length of
`…/current_end`; the oldest hold one tensor `audio_prompt` [1, T, d_model], the voice before the model has read it.
"""

import os

import numpy as np

from ..files import File, replacing_file
from ..models.flow_lm import FlowLM
from ..modules.attention import KVCache
from ..weights.safetensors_file import SafetensorsFile
from .headers import LAYER, filled_rows

VoiceState = KVCache


class OtherModelError(ValueError):
    """A saved voice that another model made: one with other layers, heads or widths."""


def export_model_state(model_state: VoiceState, dest: str | os.PathLike[str]) -> None:
    """Write a voice so that `load_voice`, or the reference, reads it again; the file appears only once complete.

    For each layer its rows, float32 [2, 1, T, n_kv_heads, head_dim]: T is the number of rows that the model has read,
    one a token or a frame of 80 ms. The format is that of pocket-tts 4.0.1.

    Raises:
        OSError: the file cannot be written.
        ValueError: the voice is empty, as `get_initial_state` is of a model without a learnt beginning.
        TypeError: no voice.
    """
    require_state(model_state)
    from safetensors.numpy import save

    data = save(voice_tensors(model_state))
    with replacing_file(dest) as file:
        file.write(data)


def require_state(voice: object) -> None:
    """Raise TypeError for what is no voice."""
    if not isinstance(voice, VoiceState):
        raise TypeError(f"The voice is a {type(voice).__name__}; wanted what get_state_for_audio_prompt returns.")


def require_voice_of(flow_lm: FlowLM, voice: VoiceState) -> None:
    """Raise TypeError for what is no voice, and ValueError for a voice of other layers, heads or widths."""
    require_state(voice)
    own, given = flow_lm.init_state().sizes, voice.sizes
    if own != given:
        raise ValueError(
            f"The voice belongs to another model: it has {given[0]} layers with {given[1]} heads of {given[2]}; "
            f"this model has {own[0]} with {own[1]} of {own[2]}. Make the voice again with this model."
        )


def voice_tensors(state: VoiceState) -> dict[str, np.ndarray]:
    """What a file of this voice holds. ValueError: the voice is empty."""
    if state.n_rows == 0:
        raise ValueError("The voice holds no rows, so a file of it would be none: the model has read nothing yet.")
    pad = state.position - state.n_rows
    tensors = {}
    for i, rows in enumerate(state.rows()):  # [2, T, n_kv_heads, head_dim]
        cache = np.full((2, 1, state.position, *rows.shape[2:]), np.nan, np.float32)
        cache[:, 0, pad:] = rows
        tensors[LAYER.format(i, "cache")] = cache
        tensors[LAYER.format(i, "offset")] = np.array([state.position], np.int64)
        tensors[LAYER.format(i, "pad")] = np.array([pad], np.int64)
    return tensors


def load_voice(path: str | File, flow_lm: FlowLM) -> VoiceState:
    """Read a voice saved here or by the reference, from a file or in memory.

    Raises:
        OSError: the file cannot be opened.
        ValueError: no voice, or a voice of a model with other layers, heads or widths, or one with NaN inside.
    """
    return read_voice(SafetensorsFile(path), flow_lm)


def read_voice(file: SafetensorsFile, flow_lm: FlowLM) -> VoiceState:
    """As `load_voice`, from a file that is open."""
    path = file.path
    names = set(file.names())
    if names == {"audio_prompt"}:
        return _prompt(file, flow_lm)
    n_layers, n_heads, head_dim = flow_lm.init_state().sizes
    found = sorted(name for name in names if name.endswith("/cache"))
    if not found:
        raise ValueError(f"{path} is not a voice: it holds no attention cache. Make one with export-voice.")
    if found != sorted(LAYER.format(i, "cache") for i in range(n_layers)):
        raise OtherModelError(
            f"{path} is the voice of another model: it has {len(found)} layers, this model {n_layers}. "
            "Export the voice again with this model."
        )
    layers = [_layer(file, i, n_heads, head_dim) for i in range(n_layers)]
    if len({(rows.shape, pad) for rows, pad in layers}) != 1:
        raise ValueError(f"{path} is not a voice: its layers differ in length.")
    n_rows, pad = layers[0][0].shape[1], layers[0][1]
    rows = np.stack([rows for rows, _ in layers])
    return KVCache.from_rows(rows, n_rows + pad, flow_lm.init_state().kind)


def _layer(file: SafetensorsFile, index: int, n_heads: int, head_dim: int) -> tuple[np.ndarray, int]:
    """The filled rows [2, T, n_heads, head_dim] of one layer, and how many leading rows were padding."""
    name = LAYER.format(index, "cache")
    cache = file.float32(name)
    if cache.ndim != 5 or cache.shape[:2] != (2, 1) or cache.shape[3:] != (n_heads, head_dim):
        raise OtherModelError(
            f"{file.path} is the voice of another model: {name!r} has shape {list(cache.shape)}; this model "
            f"wants [2, 1, T, {n_heads}, {head_dim}]. Export the voice again with this model."
        )
    offset, pad = filled_rows(file, index)
    if not 0 <= pad < offset <= cache.shape[2]:
        raise ValueError(
            f"{file.path} is damaged: layer {index} has room for {cache.shape[2]} rows, "
            f"but says that rows {pad} to {offset} are filled."
        )
    rows = cache[:, 0, pad:offset]
    if not np.isfinite(rows).all():
        raise ValueError(f"{file.path} is damaged: the filled rows of layer {index} hold NaN or infinity.")
    return rows, pad


def _prompt(file: SafetensorsFile, flow_lm: FlowLM) -> VoiceState:
    rows = file.float32("audio_prompt")
    width = flow_lm.input_linear.n_out
    if rows.ndim != 3 or rows.shape[0] != 1 or rows.shape[1] == 0 or rows.shape[2] != width:
        raise OtherModelError(
            f"{file.path} is the voice of another model: 'audio_prompt' has shape {list(rows.shape)}; "
            f"this model wants [1, T, {width}]."
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"{file.path} is damaged: 'audio_prompt' holds NaN or infinity.")
    state = flow_lm.init_state()
    flow_lm.prompt(flow_lm.before_voice(rows[0]), state)
    return state
