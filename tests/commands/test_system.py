"""pockettts-np info --system: what the package runs on, and how; and commands where the kernels cannot be run."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pockettts_np
from pockettts_np.commands.inspection import system
from pockettts_np.kernels.ways import Way
from pockettts_np.settings import NO_HOME
from pockettts_np.threads.cores import usable_cores

FALLEN_BACK = Way("numpy", {}, "NumPy 2", {"prebuilt": "it is damaged.", "numba": "Numba is not installed."})


def test_programs_read_what_the_package_runs_on(run, monkeypatch):
    monkeypatch.setattr(system, "way", lambda: FALLEN_BACK)
    status, out, err = run("info", "--system", "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["version"] == pockettts_np.__version__
    assert found["package"] == str(Path(pockettts_np.__file__).parent)
    assert platform.python_version() in found["python"]
    assert found["numpy"] == np.__version__
    assert found["threads"] == usable_cores()
    assert found["kernels"] == {"way": "numpy", "detail": "NumPy 2", "passed_over": FALLEN_BACK.passed_over}
    assert found["caches"]["package"] == str(Path(os.environ["XDG_CACHE_HOME"], "pockettts_np"))
    assert found["caches"]["hub"] == str(Path(os.environ["HF_HOME"], "hub"))


def test_people_read_a_row_for_each_fact(run, monkeypatch):
    monkeypatch.setattr(system, "way", lambda: FALLEN_BACK)
    monkeypatch.setattr(system, "usable_levels", list)
    rows = dict(line.split("  ", 1) for line in run("info", "--system")[1].decode().splitlines())
    facts = {name: text.strip() for name, text in rows.items()}
    assert facts["kernels"] == "numpy (NumPy 2)"
    assert facts["not prebuilt"] == "it is damaged."
    assert facts["not numba"] == "Numba is not installed."
    assert facts["processor levels"] == "none that libraries are built for"


def test_without_a_home_folder_there_are_no_caches(run, monkeypatch):
    def find():
        raise FileNotFoundError(NO_HOME)

    monkeypatch.setattr(system, "way", lambda: FALLEN_BACK)
    for name in ("cache_dir", "hub_cache"):
        monkeypatch.setattr(system, name, find)
    status, out, _ = run("info", "--system")
    assert status == 0
    assert out.count(b"none: there is no home folder") == 2


@pytest.mark.parametrize("line", ["info", "info x.safetensors --system"])
def test_a_file_or_the_system_is_described(run, line):
    with pytest.raises(SystemExit) as caught:
        run(*line.split())
    assert caught.value.code == 2


@pytest.mark.parametrize("line", ["info --system", "generate", "warmup", "export-voice {ref} a.safetensors"])
def test_kernels_that_cannot_be_run_are_an_error_in_a_sentence(tmp_path, line):
    root = Path(pockettts_np.__file__).parents[1]
    environment = {**os.environ, "POCKETTTS_NP_KERNELS": "abacus", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "pockettts_np", *line.format(ref=root / "ref.wav").split(), "--quiet"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    says = "POCKETTTS_NP_KERNELS is 'abacus'; it wants prebuilt, numba or numpy, or nothing."
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"pockettts-np: error: {says}\n")
