"""How matrices are held."""

import numpy as np


def row_scales(w: np.ndarray) -> np.ndarray:
    """The quantisation step of each row [n_out] of a matrix: its largest magnitude becomes 127."""
    largest = np.maximum(w.max(axis=1), -w.min(axis=1))
    return np.maximum(largest, np.float32(1e-30)) / np.float32(127)


def quantize_rows(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 values [n_out, n_in] and a scale a row [n_out]: w ≈ values · scale, symmetric around zero."""
    scales = row_scales(w)
    values = np.empty(w.shape, np.int8)
    for row in range(len(w)):  # row by row: no copies of a matrix of megabytes
        values[row] = np.rint(w[row] / scales[row])
    return values, scales
