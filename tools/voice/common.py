"""What the training scripts share: files, shards of speech, the alphabet, the features that the encoder sees.

Shards. `shards/NNNNN.npz` holds `samples` (int16, 24 kHz, the sentences one after another) and `meta`, a JSON list
with, for each sentence, its text, its number of samples, and the phonemes with their durations in seconds.
Latents. `latents/NNNNN.npz` holds the same `meta` and `latents` (float16 [frames, dims]): every sentence starts on a
frame.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

SAMPLE_RATE_HZ = 24000
FRAME_SAMPLES = 1920  # 12.5 frames a second
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
HOP_SAMPLES = 240  # mel bands: 100 a second
LATENT_DIM = 36


def normalise(text: str) -> str:
    """The language model's alphabet: lower-case a–z, space, apostrophe and , . ? !"""
    return re.sub(r"\s+", " ", re.sub(r"[^a-z' ,.?!]", " ", text.lower())).strip()


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside the file, then rename: a reader or a restart never meets half a file."""
    part = path.with_name(path.name + ".part")
    write(part)
    part.replace(path)


def save_npz(path: Path, meta: list[dict], **arrays: np.ndarray) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, meta=np.array(json.dumps(meta)), **arrays)

    write_whole(path, write)


def load_npz(path: Path, name: str) -> tuple[np.ndarray, list[dict]]:
    with np.load(path) as archive:
        return archive[name], json.loads(str(archive["meta"]))


def save_checkpoint(path: Path, **content: object) -> None:
    write_whole(path, lambda part: torch.save(content, part))


def load_checkpoint(path: Path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=True)


def progress_of(spent_s: float, hours: float, end: str | None) -> float:
    """Share of the training that is done: by processor time, or by the clock where the end (HH:MM) is given."""
    if end is None:
        return spent_s / (hours * 3600)
    today = time.localtime()
    clock = time.strptime(end, "%H:%M")
    left_s = (clock.tm_hour - today.tm_hour) * 3600 + (clock.tm_min - today.tm_min) * 60 - today.tm_sec
    if left_s < -43200:  # tomorrow
        left_s += 86400
    return max(0.0, 1 - left_s / (hours * 3600))


def frames_of(n_samples: int) -> int:
    return -(-n_samples // FRAME_SAMPLES)


def pad_to_frames(samples: np.ndarray) -> np.ndarray:  # [n] -> [frames * 1920]
    return np.pad(samples, (0, frames_of(len(samples)) * FRAME_SAMPLES - len(samples)))


def mel_filters(
    n_fft: int, n_mels: int, low_hz: float = 30.0, high_hz: float = 12000.0
) -> torch.Tensor:  # [mels, bins]
    """Triangular filters, equal on the mel scale."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (low_hz, high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, n_mels + 2) / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE_HZ / 2, n_fft // 2 + 1)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.from_numpy(np.clip(np.minimum(rise, fall), 0, None)).float()


N_MELS = 80
_MEL, _WINDOW = mel_filters(1024, N_MELS), torch.hann_window(1024)


def log_mel(samples: torch.Tensor) -> torch.Tensor:  # [n] in [-1, 1], n a multiple of 240 -> [80, n / 240]
    """Log mel bands, each frame centred on its 240 samples."""
    n = samples.shape[-1] // HOP_SAMPLES
    padded = torch.nn.functional.pad(samples, (512 - HOP_SAMPLES // 2, 512))
    spectra = torch.stft(padded, 1024, HOP_SAMPLES, 1024, _WINDOW, center=False, return_complex=True)
    return torch.log(_MEL @ spectra.abs()[:, :n] + 1e-2)
