"""The package inside a zip archive on the path, as in a zipapp, speaks; it needs no folder of its own."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pockettts_np
from pockettts_np.files import memory

PACKAGE = Path(pockettts_np.__file__).parent
SPEAK = """
import json, pockettts_np
from pockettts_np import TTSModel
from pockettts_np.config.load import load_config, released_models
model = TTSModel.load_model("builtin")
voice = model.get_default_voice()
chunk = next(model.generate_audio_stream(voice, "Yes.", noise=0))
names = released_models()
assert [load_config(name).name for name in names] == names
print(json.dumps([pockettts_np.__file__, len(chunk), names]))
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in PACKAGE.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(PACKAGE.parent))
    return path


def test_the_package_speaks_from_an_archive(archive, tmp_path):
    """As plain Python: compiling is tested elsewhere."""
    environment = {**os.environ, "PYTHONPATH": str(archive), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", SPEAK]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    place, n_samples, names = json.loads(done.stdout)
    assert place.startswith(str(archive))
    assert n_samples > 0
    assert "english" in names


def test_data_that_was_left_out_is_said(monkeypatch, tmp_path):
    """Whoever freezes a program may collect the modules and forget what lies beside them."""
    with pytest.raises(FileNotFoundError, match=r"nothing is missing, .*`pyinstaller --collect-all pockettts_np` does"):
        memory.packaged("pockettts_np", "nothing")
