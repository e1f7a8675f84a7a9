"""Arrays as the same file whenever they are written."""

import io
import json
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np


def write_npz(path: Path, arrays: dict, packages: tuple[str, ...], **meta) -> None:
    """A compressed .npz with fixed time stamps; `meta` and the packages' versions are JSON text in the entry `meta`."""
    meta |= {"versions": {name: version(name) for name in packages}}
    arrays = arrays | {"meta": np.array(json.dumps(meta, ensure_ascii=False))}
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
