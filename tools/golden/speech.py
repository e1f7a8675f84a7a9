"""How the teacher says a dozen of the test sentences, as log mel spectra: for tests/test_builtin_speech.py."""

import json
from pathlib import Path

import numpy as np

from tests.support.speech_distance import FLOOR_DB, log_mel
from tools.check.speech import references

CHOSEN = (0, 1, 3, 16, 17, 23, 30, 39, 41, 50, 66, 94)
STEPS_PER_DB = 2
VOICE = "kumo"  # the default one of the built-in model


def make_speech(work: Path, folder: Path) -> None:
    """`work` is the folder that tools.check.speech works in: the teacher's speech is read from it."""
    said = references(work, VOICE)
    arrays = {}
    for name, reference in enumerate(said[i] for i in CHOSEN):
        level = np.round((log_mel(reference.speech) - FLOOR_DB) * STEPS_PER_DB)
        arrays[str(name)] = np.clip(level, 0, 255).astype(np.uint8)
    meta = {"texts": [said[i].text for i in CHOSEN], "steps_per_db": STEPS_PER_DB, "floor_db": FLOOR_DB}
    np.savez_compressed(folder / "builtin_speech.npz", meta=np.array(json.dumps(meta)), **arrays)
