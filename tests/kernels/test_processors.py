"""Products compiled for other processors than this one, each in a process of its own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

X86 = {
    "AVX2": ("haswell", "+sse4.2,+avx,+avx2,+fma,+f16c", (8, 16, 6, 3)),
    "SSE": ("x86-64-v2", "+sse4.2,+popcnt", (4, 8, 4, 1)),  # without instructions that convert float16
    "none named": ("generic", "", (4, 8, 4, 1)),
}
CODE = """
import sys
import numba
import numpy as np
from pockettts_np.kernels import entry_points as kernels
from pockettts_np.kernels import vectors
from pockettts_np.kernels.loops import tile
from pockettts_np.kernels.panels import NumberType, bfloat16_to_float32, pack
from pockettts_np.weights.packing import quantize_rows

assert (vectors.LANES, tile.COLUMNS, tile.TILE_ROWS, tile.STREAMS) == tuple(map(int, sys.argv[1:])), vectors.LANES
normal = lambda *shape: np.random.default_rng(0).standard_normal(shape, np.float32)
w, bias = normal(37 + 32 * tile.STREAMS, 50), normal(37 + 32 * tile.STREAMS)
steps, scale = quantize_rows(w)
ones = np.ones_like(bias)
for matrix, panels, scale in (
    (w, pack(w), ones),
    (w.astype(np.float16), pack(w, NumberType.FLOAT16), ones),
    (bfloat16_to_float32(pack(w, NumberType.BFLOAT16)), pack(w, NumberType.BFLOAT16), ones),
    (steps * scale[:, None], pack(steps, NumberType.INT8), scale),
):
    if matrix.ndim == 3:  # bfloat16: out of the panels again
        matrix = matrix.swapaxes(1, 2).reshape(-1, 50)[: len(bias)]
    for n_rows in (1, 2, 3, tile.TILE_ROWS, 2 * tile.TILE_ROWS + 3, 4 * tile.TILE_ROWS):
        x, out = normal(n_rows, 50), np.full((n_rows, len(bias)), np.nan, np.float32)
        kernels.matmul(x, panels, scale, bias, out)
        wanted = x.astype(np.float64) @ matrix.astype(np.float64).T + bias
        assert np.abs(out - wanted).max() < 1e-5 * np.abs(wanted).max()

halves = np.arange(65536, dtype=np.uint16).view(np.float16)
out = np.empty((1, 65536), np.float32)
kernels.matmul(np.ones((1, 1), np.float32), pack(halves[:, None], NumberType.FLOAT16), np.ones(65536, np.float32),
               np.full(65536, -0.0, np.float32), out)
assert np.array_equal(out[0], halves.astype(np.float32), equal_nan=True)

@numba.njit
def converted(numbers, out):
    for i in range(len(numbers)):
        out[i] = vectors.convert(numbers[i], out)

exact = halves[np.isfinite(halves)].astype(np.float32)
between = (np.sort(exact)[1:] + np.sort(exact)[:-1]) / 2  # ties
numbers = np.concatenate([exact, between, np.nextafter(between, np.float32(9e9)), normal(9999) * 9e4])
numbers = np.append(numbers, np.array([65519.9, 65520, 1e30, np.inf, -np.inf, np.nan, 1e-40], np.float32))
got = np.empty(len(numbers), np.int16)
converted(numbers, got)
with np.errstate(over="ignore"):
    assert np.array_equal(got.view(np.float16), numbers.astype(np.float16), equal_nan=True)
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the processors named here are x86")
@pytest.mark.parametrize("kind", X86)
def test_products_of_another_processor(kind, tmp_path):
    name, features, shape = X86[kind]
    chosen = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"} | chosen
    command = [sys.executable, "-W", "error", "-c", CODE, *map(str, shape)]
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
