"""Who judges speech: DNSMOS P.835 and P.808, networks that predict listeners' scores, and a memory for any judge.

DNSMOS is the package `speechmos`. Scores run from 1 to 5. A short sentence is heard several times over, as the networks
want nine seconds.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_RATE_HZ, DNSMOS_HZ = 24000, 16000


@dataclass
class Scores:
    overall: float
    signal: float
    background: float
    p808: float


class Dnsmos:
    def __init__(self) -> None:
        from speechmos import dnsmos

        folder = f"{dnsmos.__file__.removesuffix('dnsmos.py')}dnsmos_models"
        self.judge = dnsmos.DNSMOS.__new__(dnsmos.DNSMOS)  # its own sessions take every core
        self.judge.onnx_sess = _one_thread(f"{folder}/sig_bak_ovr.onnx")
        self.judge.p808_onnx_sess = _one_thread(f"{folder}/model_v8.onnx")

    def score(self, speech: np.ndarray) -> Scores:  # float32 [n] at 24 kHz
        import soxr

        heard = np.clip(soxr.resample(speech.astype(np.float32), SAMPLE_RATE_HZ, DNSMOS_HZ), -1, 1)
        found = self.judge(heard, DNSMOS_HZ, False)
        return Scores(*(float(found[f"{name}_mos"]) for name in ("ovrl", "sig", "bak", "p808")))


def _one_thread(path: str):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def mean_scores(scores: list[Scores]) -> Scores:
    return Scores(*(round(float(np.mean([getattr(s, name) for s in scores])), 2) for name in Scores.__annotations__))


class Judge:
    """A recogniser or a network of scores, with a memory: the same sound is not listened to twice."""

    def __init__(self, path: Path, name: str, ask: Callable[[np.ndarray], Any]) -> None:
        self.path, self.name, self.ask = path, name, ask
        self.known = json.loads(path.read_text()) if path.exists() else {}

    def __call__(self, speech: list[np.ndarray]) -> list[Any]:
        said = []
        for samples in speech:
            key = hashlib.sha256(self.name.encode() + samples.astype(np.float32).tobytes()).hexdigest()[:24]
            if key not in self.known:
                self.known[key] = self.ask(samples)
            said.append(self.known[key])
        self.path.write_text(json.dumps(self.known))
        return said
