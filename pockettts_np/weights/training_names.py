"""Checkpoints in the names that training gives its tensors, as tensors under the released names."""

from pathlib import Path

import numpy as np

from .checkpoint import Source, source_of
from .safetensors_file import SafetensorsFile

_FLOW_LM_NAMES = {
    "condition_provider.conditioners.transcript_in_segment.embed.weight": "conditioner.embed.weight",
    "condition_provider.conditioners.speaker_wavs.output_proj.weight": "speaker_proj_weight",
    "fuser.padding_value": "bos_before_voice",
}
_FLOW_LM_UNUSED = {
    "condition_provider.conditioners.transcript_in_segment.learnt_padding",
    "condition_provider.conditioners.speaker_wavs.learnt_padding",
    "num_ema_updates",
}
_MIMI_UNUSED = {
    "model.quantizer.logvar_proj.weight",
    "quantizer.logvar_proj.weight",
    "quantizer.logvar_param",
    "wavlm_input_resample.kernel",
    "wavlm_proj.weight",
}


def open_flow_lm(path: str | Path) -> dict[str, Source]:
    """The language model's own file, in released or training names, as `flow_lm.` tensors."""
    file = SafetensorsFile(path)
    sources = {}
    for name in file.names():
        if name.startswith("flow.w_s_t.") or name in _FLOW_LM_UNUSED:
            continue
        new = _FLOW_LM_NAMES.get(name, name).replace(".self_attn.in_proj_weight", ".self_attn.in_proj.weight")
        sources[f"flow_lm.{new}"] = source_of(file, name)
    return sources


def open_mimi(path: str | Path) -> dict[str, Source]:
    """The codec's own file, in released or training names, as `mimi.` tensors.

    Training stores convolutions as a direction and a gain (Salimans and Kingma 2016, Weight Normalization): here they
    become one tensor, gain · direction / its norm over all axes but the first.
    """
    file = SafetensorsFile(path)
    if any(name.startswith("mimi.") for name in file.names()):
        return {name: source_of(file, name) for name in file.names() if name.startswith("mimi.")}
    sources = {}
    for name in file.names():
        if _is_unused_in_mimi(name):
            continue
        new = name.removeprefix("model.").replace("in_proj_weight", "in_proj.weight")
        new = new.replace(".conv.conv.", ".conv.").replace(".convtr.convtr.", ".convtr.")
        if name.endswith(".weight_g"):
            sources["mimi." + new.removesuffix("_g")] = _normalized(file, name)
        else:
            sources[f"mimi.{new}"] = source_of(file, name)
    return sources


def _is_unused_in_mimi(name: str) -> bool:
    return (
        name in _MIMI_UNUSED
        or name.startswith("model.quantizer.vq.")
        or "_codebook" in name
        or "wavlm_emb_downsample" in name
        or name.endswith(".weight_v")  # read together with its weight_g
    )


def _normalized(file: SafetensorsFile, gain_name: str) -> Source:
    def read() -> np.ndarray:
        gain = file.float32(gain_name)
        direction = file.float32(gain_name.removesuffix("_g") + "_v")
        axes = tuple(range(1, direction.ndim))
        return direction * (gain / np.sqrt((direction * direction).sum(axis=axes, keepdims=True)))

    return Source(lambda: file.readable_shape(gain_name.removesuffix("_g") + "_v"), read, read, lambda: None, file)
