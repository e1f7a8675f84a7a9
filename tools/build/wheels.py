"""The wheels of a release, built on any Linux machine: `python -m tools.build.wheels DIR`.

It needs pip, setuptools 77, numba and ziglang, which links for other processors, in the environment that runs it.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.build.kernels import LEVELS, PLATFORM, ROOT

# The libraries ask for nothing of the C library that one version has and another has not: manylinux_2_17 is as old as
# NumPy's own wheels go.
WHEELS = {
    "manylinux_2_17_x86_64": "x86-64-v2 x86-64-v3 x86-64-v4",
    "manylinux_2_17_aarch64": "aarch64",
}


def build(folder: Path, platform: str) -> None:
    """A wheel for one platform."""
    environment = os.environ | {PLATFORM: platform, LEVELS: WHEELS[platform]}
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--platform", choices=WHEELS, action="append", help="one of them (all)")
    options = parser.parse_args()
    for chosen in options.platform or WHEELS:
        build(options.folder, chosen)
