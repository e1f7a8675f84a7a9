"""Keep how the teacher says a dozen of the test sentences, as log mel spectra, for tests/test_builtin_speech.py.

    python tools/make_speech_golden.py FOLDER

FOLDER holds the gate_reference.npz that tools/check_speech.py made.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from check_speech import references

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from speech_distance import FLOOR_DB, log_mel  # noqa: E402

CHOSEN = (0, 1, 3, 16, 17, 23, 30, 39, 41, 50, 66, 94)
STEPS_PER_DB = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    said = references(parser.parse_args().folder)
    arrays = {}
    for name, reference in enumerate(said[i] for i in CHOSEN):
        level = np.round((log_mel(reference.speech) - FLOOR_DB) * STEPS_PER_DB)
        arrays[str(name)] = np.clip(level, 0, 255).astype(np.uint8)
    meta = {"texts": [said[i].text for i in CHOSEN], "steps_per_db": STEPS_PER_DB, "floor_db": FLOOR_DB}
    np.savez_compressed(TESTS / "golden" / "builtin_speech.npz", meta=np.array(json.dumps(meta)), **arrays)


if __name__ == "__main__":
    main()
