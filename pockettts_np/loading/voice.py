"""Voices as files: the language model's cache after it has read a voice, in the reference's safetensors format.

One tensor a layer, `transformer.layers.N.self_attn/cache` float32 [2, 1, T, n_kv_heads, head_dim], unused rows NaN,
with `…/offset` (rows seen) and `…/pad` (leading rows that hold nothing). Older files give the offset as the length of
`…/current_end`; the oldest hold one tensor `audio_prompt` [1, T, d_model], the voice before the model has read it.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping

import numpy as np

from ..files.memory import File
from ..files.writing import replacing_file
from ..models.flow_lm import FlowLM
from ..modules.attention import KVCache
from ..weights.safetensors_file import SafetensorsFile
from .headers import LAYER, MODEL_KEY, PROMPT, filled_rows

logger = logging.getLogger(__name__)

VoiceState = KVCache

_MAX_HEADER_BYTES = 1_000_000  # a hundred tensors take twenty thousand
_LARGEST = 65504.0  # of float16, which may hold it; what the models make stays below ten


class OwnVoices(Mapping[str, VoiceState]):
    """The named voices of a model in one file, the default first; each is read when it is first asked for.

    Asking raises OSError and ValueError as `load_voice`, and KeyError where there is none of that name.
    """

    def __init__(self, files: Mapping[str, SafetensorsFile], flow_lm: FlowLM) -> None:
        self._files = files
        self._flow_lm = flow_lm
        self._read: dict[str, VoiceState] = {}

    def __getitem__(self, name: str) -> VoiceState:
        if name not in self._read:
            self._read[name] = read_voice(self._files[name], self._flow_lm)
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


class OtherModelError(ValueError):
    """A saved voice that another model made: one with other layers, heads or widths."""


def export_model_state(model_state: VoiceState, dest: str | os.PathLike[str], model_name: str | None = None) -> None:
    """Write a voice so that `load_voice`, or the reference, reads it again; the file appears only once complete.

    For each layer its rows, float32 [2, 1, T, n_kv_heads, head_dim]: T is the number of rows that the model has read,
    one a token or a frame of 80 ms. The format is that of pocket-tts 4.0.1. A model of the same sizes cannot tell that
    a voice is another's, unless the file holds `model_name`, which is the `config.name` of the model.

    Raises:
        OSError: the file cannot be written.
        ValueError: the voice is empty, as `get_initial_state` is of a model without a learnt beginning.
        TypeError: no voice.
    """
    require_state(model_state)
    from safetensors.numpy import save

    data = save(voice_tensors(model_state), {MODEL_KEY: model_name} if model_name else None)
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


def load_voice(
    path: str | File,
    flow_lm: FlowLM,
    max_rows: int | None = None,
    stop: threading.Event | None = None,
    model_name: str = "",
) -> VoiceState:
    """Read a voice saved here or by the reference, from a file or in memory; with a warning if it says that a model of
    another name has made it.

    Raises:
        OSError: the file cannot be opened.
        ValueError: no voice, a voice of a model with other layers, heads or widths, one with NaN or absurd numbers
            inside, or one of more than `max_rows` rows.
        CancelledError: `stop` was set.
    """
    file = SafetensorsFile(path, _MAX_HEADER_BYTES)
    voice = read_voice(file, flow_lm, max_rows, stop)
    maker = file.metadata.get(MODEL_KEY, "")
    if maker and model_name and maker != model_name:
        logger.warning(
            "%s was made with the model %.50s, and this is %s: if their weights differ, it will not speak well.",
            path,
            maker,
            model_name,
        )
    return voice


def read_voice(
    file: SafetensorsFile, flow_lm: FlowLM, max_rows: int | None = None, stop: threading.Event | None = None
) -> VoiceState:
    """As `load_voice`, from a file that is open."""
    path = file.path
    names = set(file.names())
    if names == {PROMPT}:
        return _prompt(file, flow_lm, max_rows, stop)
    n_layers, n_heads, head_dim = flow_lm.init_state().sizes
    found = sorted(name for name in names if name.endswith("/cache"))
    if not found:
        raise ValueError(f"{path} is not a voice: it holds no attention cache. Make one with export-voice.")
    if found != sorted(LAYER.format(i, "cache") for i in range(n_layers)):
        raise OtherModelError(
            f"{path} is the voice of another model: it has {len(found)} layers, this model {n_layers}. "
            "Export the voice again with this model."
        )
    spans = {_filled(file, i, n_heads, head_dim) for i in range(n_layers)}
    if len(spans) != 1:
        raise ValueError(f"{path} is not a voice: its layers differ in length.")
    ((pad, end),) = spans
    _require_rows(file, end - pad, max_rows)
    rows = np.stack([_layer(file, i, pad, end) for i in range(n_layers)])
    return KVCache.from_rows(rows, end, flow_lm.init_state().kind)


def _filled(file: SafetensorsFile, index: int, n_heads: int, head_dim: int) -> tuple[int, int]:
    """The filled rows of one layer: where they begin, behind padding, and where they end. Nothing is read of them."""
    name = LAYER.format(index, "cache")
    shape = file.readable_shape(name)
    if len(shape) != 5 or shape[:2] != (2, 1) or shape[3:] != (n_heads, head_dim):
        raise OtherModelError(
            f"{file.path} is the voice of another model: {name!r} has shape {list(shape)}; this model "
            f"wants [2, 1, T, {n_heads}, {head_dim}]. Export the voice again with this model."
        )
    offset, pad = filled_rows(file, index)
    if not 0 <= pad < offset <= shape[2]:
        raise ValueError(
            f"{file.path} is damaged: layer {index} has room for {shape[2]} rows, "
            f"but says that rows {pad} to {offset} are filled."
        )
    return pad, offset


def _layer(file: SafetensorsFile, index: int, pad: int, end: int) -> np.ndarray:
    """The filled rows [2, T, n_heads, head_dim] of one layer."""
    rows = file.float32(LAYER.format(index, "cache"), np.s_[:, 0, pad:end])
    _require_numbers(file, rows, f"the filled rows of layer {index} hold")
    return rows


def _prompt(file: SafetensorsFile, flow_lm: FlowLM, max_rows: int | None, stop: threading.Event | None) -> VoiceState:
    shape, width = file.readable_shape(PROMPT), flow_lm.input_linear.n_out
    if len(shape) != 3 or shape[0] != 1 or shape[1] == 0 or shape[2] != width:
        raise OtherModelError(
            f"{file.path} is the voice of another model: 'audio_prompt' has shape {list(shape)}; "
            f"this model wants [1, T, {width}]."
        )
    _require_rows(file, shape[1], max_rows)
    rows = file.float32(PROMPT)
    _require_numbers(file, rows, "'audio_prompt' holds")
    state = flow_lm.init_state()
    flow_lm.prompt(flow_lm.before_voice(rows[0]), state, stop=stop)
    return state


def _require_rows(file: SafetensorsFile, n_rows: int, max_rows: int | None) -> None:
    if max_rows is not None and n_rows > max_rows:
        raise ValueError(
            f"{file.path} is too long: it has {n_rows} rows, one for 80 ms; wanted at most {max_rows}. "
            "Export it again from a shorter recording."
        )


def _require_numbers(file: SafetensorsFile, rows: np.ndarray, where: str) -> None:
    """A number that is far too large would become NaN while the model speaks, and be taken for a fault of the model."""
    largest = np.abs(rows).max()
    if not np.isfinite(largest):
        raise ValueError(f"{file.path} is damaged: {where} NaN or infinity.")
    if largest > _LARGEST:
        raise ValueError(f"{file.path} is damaged: {where} numbers as large as {largest:.3g}.")
