"""A model's file with voices added to it, written here byte by byte: what the format of named voices is."""

import json
from pathlib import Path

import numpy as np


def add_voices(model: Path, target: Path, voices: dict[str, np.ndarray], default: str | None = None) -> Path:
    """A copy of a model in one file with voices that no model has read, [T, width] each, behind all other tensors."""
    content = model.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8:start]), content[start:]
    for name, rows in voices.items():
        added = rows[None].astype("<f4").tobytes()
        span = [len(data), len(data) + len(added)]
        header[f"voices.{name}.audio_prompt"] = {"dtype": "F32", "shape": [1, *rows.shape], "data_offsets": span}
        data += added
    if default is not None:
        header["__metadata__"]["pockettts_np.default_voice"] = default
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 4096)
    target.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return target
