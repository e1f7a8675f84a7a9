"""How far one speech is from another, said at another pace: log mel spectra along the best alignment."""

import numpy as np

SAMPLE_RATE_HZ = 24000
HOP_SAMPLES, N_FFT, N_BANDS = 480, 1024, 24  # 50 spectra a second
FLOOR_DB = -60.0


def log_mel(speech: np.ndarray) -> np.ndarray:  # [n] -> [n // 480, 24] in dB
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(speech, (0, N_FFT)), N_FFT)[: len(speech) : HOP_SAMPLES]
    power = np.abs(np.fft.rfft(frames * np.hanning(N_FFT))) ** 2 / N_FFT
    return np.maximum(10 * np.log10(power @ _filters().T + 1e-12), FLOOR_DB)


def _filters() -> np.ndarray:  # [24, 513], triangles of equal width on the mel scale from 60 Hz to 8 kHz, of sum 1
    mels = np.linspace(*(np.log1p(np.array([60.0, 8000.0]) / 700)), N_BANDS + 2)
    edges_hz, bins_hz = np.expm1(mels) * 700, np.linspace(0, SAMPLE_RATE_HZ / 2, N_FFT // 2 + 1)
    rise = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    fall = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    filters = np.clip(np.minimum(rise, fall), 0, None)
    return filters / filters.sum(1, keepdims=True)


def distance_db(spoken: np.ndarray, wanted: np.ndarray) -> float:
    """Mean difference of spectra [T, 24] and [U, 24]; every step of one goes on by none, one or two of the other."""
    cost = np.abs(spoken[:, None] - wanted).mean(-1)  # [T, U]
    total = np.full(len(wanted) + 2, np.inf)
    total[2] = 0
    for row in cost:
        total[2:] = np.minimum(np.minimum(total[2:], total[1:-1]), total[:-2]) + row
    return float(total[-1] / len(spoken))
