"""What several test files share: the one comparison, and the golden fixtures."""

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parents[1] / "golden"
OPERATION = 1e-5  # largest error of one operation, relative to the largest value
NETWORK = 1e-4  # and of a whole network


def assert_close(got, want, tol: float = OPERATION, dtype=np.float32) -> None:
    """Equal shape, `dtype`, no NaN, and max|got − want| ≤ tol · max|want|."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"shape {got.shape}, wanted {want.shape}"
    assert got.dtype == dtype, f"dtype {got.dtype}, wanted {np.dtype(dtype)}"
    if want.size:
        error, largest = np.abs(got - want.astype(np.float64)).max(), np.abs(want).max()
        assert error <= tol * largest, f"error {error / max(largest, 1e-30):.2g} of the largest value, over {tol:.0e}"


def golden(name: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays of tests/golden/NAME.npz and its `meta`. A missing fixture is an error, never a skip."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    return arrays, json.loads(str(arrays.pop("meta")))


def thinned(rows: np.ndarray, thin: int, long_rows: int = 300) -> np.ndarray:
    """What `tools.golden` keeps of a long signal: every `thin`-th row."""
    return rows[::thin] if len(rows) > long_rows else rows


def files(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())
