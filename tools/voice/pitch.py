"""The teacher's pitch at the rates that the networks use."""

import numpy as np

from tools.voice.common import SAMPLE_RATE_HZ
from tools.voice.networks import MIDDLE_HZ

ROWS_HZ, ROW_SAMPLES = 80, 300  # the teacher's rows
VOICED_HZ = 45.0  # less: no voice, or the teacher's pitch on its way from or to none


def smooth_pitch(pitch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hz [rows] -> log of pitch / MIDDLE_HZ, drawn through what has no voice; 1 where there is voice, else 0."""
    voiced = pitch > VOICED_HZ
    if not voiced.any():
        return np.zeros_like(pitch), voiced.astype(np.float32)
    rows = np.arange(len(pitch))
    log_hz = np.interp(rows, rows[voiced], np.log(pitch[voiced] / MIDDLE_HZ))
    return log_hz.astype(np.float32), voiced.astype(np.float32)


def phase_at(pitch: np.ndarray, start: float, samples: np.ndarray) -> np.ndarray:
    """Phase in cycles of the teacher's source at these samples; `start` is the phase before the first row.

    The teacher advances by a whole row at the middle of the row, and draws the phase straight between the middles.
    """
    whole = start + np.cumsum(pitch.astype(np.float64)) * ROW_SAMPLES / SAMPLE_RATE_HZ
    return np.interp(samples, np.arange(len(pitch)) * ROW_SAMPLES + (ROW_SAMPLES - 1) / 2, whole)


def resampled(rows: np.ndarray, rate_hz: float, n: int, hop: int, first: float = 0.0) -> np.ndarray:
    """[features, rows] -> [features, n]: by linear interpolation at the middle of every `hop` samples from `first`.

    Zeros after the end.
    """
    at = (first + (np.arange(n) + 0.5) * hop) * (rate_hz / SAMPLE_RATE_HZ) - 0.5
    padded = np.pad(rows, ((0, 0), (0, 2)))
    at = np.clip(at, 0, rows.shape[-1])
    whole = at.astype(int)
    part = (at - whole).astype(np.float32)
    return padded[:, whole] * (1 - part) + padded[:, whole + 1] * part
