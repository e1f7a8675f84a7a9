"""Compile the kernels into this checkout: `python -m tools.build`. Edited sources make them stale; run it again."""

import sys

from tools.build.kernels import CannotBuildError, are_built, build, wanted

try:
    levels = wanted()
    if not are_built(levels):
        build(levels)
except CannotBuildError as error:
    sys.exit(f"The kernels are not compiled: {error}.")
