"""pockettts-np bundle: a folder that speaks by itself, and is there only when it is whole."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile

import pockettts_np
from pockettts_np.commands import bundle
from pockettts_np.model import quantize_model
from tests.support.helpers import GOLDEN, files
from tools.build import requirements

PACKAGE = Path(pockettts_np.__file__).parent
VOICE = GOLDEN / "voice_saved.safetensors"


def started(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the bundle as on a device: from another folder, without what this environment says of Python."""
    command = [sys.executable, "-I", "-B", str(folder), *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder.parent, env=environment, capture_output=True, text=True)


def wheel_of(package: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in package.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, Path("pockettts_np", file.relative_to(package)))
    return path


def test_a_bundle_speaks_by_itself(run, tmp_path):
    status, _, err = run("bundle", "device")
    assert (status, files()) == (0, ["device"])
    assert 'On the device: python3 device --text "…"' in err
    assert files("device") == ["__main__.py", "pockettts_np", "requirements.txt"]
    done = started(tmp_path / "device", "--text", "Yes.", "--output-path", "yes.wav")
    assert done.returncode == 0, done.stderr
    assert soundfile.info("yes.wav").duration > 0.3
    shown = started(tmp_path / "device", "info", "--system").stdout
    assert str(tmp_path / "device" / "pockettts_np") in shown


def test_a_bundle_holds_every_file_of_the_package_and_nothing_that_was_compiled_on_this_machine(run):
    assert run("bundle", "device", "--quiet") == (0, b"", "")
    copied = {path.relative_to("device/pockettts_np") for path in Path("device/pockettts_np").rglob("*")}
    own = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*")}
    assert copied == {path for path in own if "__pycache__" not in path.parts}


def test_a_bundle_says_what_it_needs(run):
    run("bundle", "device")
    lines = Path("device/requirements.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(line for line in lines if not line.startswith("#")) == requirements.ALWAYS


def test_a_package_that_is_missing_on_the_device_is_named(run, tmp_path):
    run("bundle", "device")
    command = [
        sys.executable,
        "-I",
        "-S",
        "-B",
        str(tmp_path / "device"),
        "--text",
        "Yes.",
    ]  # -S: without what pip installs
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("The package numpy is missing: ")
    assert done.stderr.endswith(f"-m pip install -r {tmp_path / 'device' / 'requirements.txt'}\n")


def test_a_bundle_speaks_with_its_model_and_its_voice(run, tmp_path):
    assert run("bundle", "device", "--config", GOLDEN / "lsd.toml", "--voice", VOICE)[0] == 0
    assert "model.safetensors" in files("device")
    done = started(tmp_path / "device", "--text", "Yes.", "--frames-after-eos", 1, "--output-path", "yes.wav")
    assert done.returncode == 0, done.stderr
    assert soundfile.info("yes.wav").frames > 0


def test_a_model_in_one_file_is_taken_as_it_is(run):
    quantize_model("model.safetensors", config=GOLDEN / "lsd.toml")
    assert run("bundle", "device", "--model", "model.safetensors")[0] == 0
    assert Path("device/model.safetensors").read_bytes() == Path("model.safetensors").read_bytes()


def test_the_package_of_a_wheel_is_taken(run):
    """Such as one with kernels for another processor."""
    shutil.copytree(PACKAGE, "package", ignore=shutil.ignore_patterns("__pycache__", "data", "libraries"))
    libraries = Path("package", bundle.LIBRARIES)
    libraries.mkdir()
    (libraries / "libabacus.so").write_bytes(b"beads")
    wheel = wheel_of(Path("package"), Path("p.whl"))
    status, _, err = run("bundle", "device", "--wheel", wheel)
    assert status == 0
    assert err.endswith("It holds kernels for abacus.\n")
    assert Path("device/pockettts_np", bundle.LIBRARIES, "libabacus.so").read_bytes() == b"beads"


def test_a_wheel_without_kernels_is_told(run):
    shutil.copytree(PACKAGE, "package", ignore=shutil.ignore_patterns("__pycache__", "data", "libraries"))
    assert (
        "WARNING: It holds no compiled kernels"
        in run("bundle", "device", "--wheel", wheel_of(Path("package"), "p.whl"))[2]
    )


# ---------------------------------------------------------------- what cannot be made leaves nothing behind


@pytest.mark.parametrize("content", [b"", b"PK", None], ids=["empty", "no archive", "damaged"])
def test_what_is_no_whole_wheel_is_refused(run, content):
    wheel = wheel_of(PACKAGE / "config", Path("p.whl"))
    whole = bytearray(wheel.read_bytes())
    whole[200] ^= 0xFF
    wheel.write_bytes(whole if content is None else content)
    status, _, err = run("bundle", "device", "--wheel", wheel)
    assert (status, err) == (1, "pockettts-np: error: p.whl is no wheel of pockettts_np, or it is damaged.\n")
    assert files() == ["p.whl"]


def test_a_wheel_of_another_version_is_refused(run):
    Path("package").mkdir()
    Path("package/version.py").write_text('__version__ = "0.0.1"\n', encoding="utf-8")
    status, _, err = run("bundle", "device", "--wheel", wheel_of(Path("package"), Path("p.whl")))
    assert status == 1
    assert f"p.whl is not of version {pockettts_np.__version__}, as this program is" in err
    assert files() == ["p.whl", "package"]


def test_a_folder_that_holds_something_stays_as_it_is(run):
    Path("device").mkdir()
    assert run("bundle", "device")[0] == 0  # an empty one is filled
    Path("photos").mkdir()
    Path("photos/me.jpg").touch()
    for name in ("photos", "photos/me.jpg"):
        says = f"pockettts-np: error: {name} is there and is not an empty folder; name another, or remove it.\n"
        assert run("bundle", name) == (1, b"", says)
    assert files("photos") == ["me.jpg"]
    assert run("bundle", "nowhere/device")[2].startswith("pockettts-np: error: nowhere/device cannot be made: ")
    assert files() == ["device", "photos"]


def test_a_model_that_cannot_be_had_leaves_no_folder(run):
    assert run("bundle", "device", "--language", "english")[0] == 1  # which the tests may not fetch
    assert run("bundle", "device", "--model", VOICE)[0] == 1
    assert files() == []
