"""Make tests/golden and ref.wav again: the same machine gives the same bytes, another may round otherwise.

    pip install torch==2.13.0                          # the CPU build, first
    pip install . -r tools/golden/requirements.txt
    python -m tools.golden [FOLDER]                    # tiny models, voices and texts through the reference
    python -m tools.golden --speech WORK [FOLDER]      # builtin_speech.npz
    python -m tools.golden --ref-wav SOUNDS [FOLDER]   # ref.wav
    python -m tools.golden --source-filter [FOLDER]    # source_filter.*, but for its configuration

FOLDER is tests/golden, and for ref.wav the root of the checkout. What the files hold: tests/golden/README.md.

WORK is a folder that tools.check.speech has worked in; its requirements are needed too. SOUNDS is the Debian package of
the prompts in ref.wav, unpacked; ffmpeg decodes them:

    apt-get download asterisk-core-sounds-en-g722      # 1.6.1-1
    dpkg -x asterisk-core-sounds-en-g722_*.deb SOUNDS
"""

import argparse
import logging
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
PLAIN_SUMS = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.golden", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="where to write")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--speech", type=Path, metavar="WORK", help="make builtin_speech.npz instead")
    instead.add_argument("--ref-wav", type=Path, metavar="SOUNDS", help="make ref.wav instead")
    instead.add_argument("--source-filter", action="store_true", help="make source_filter.* instead")
    args = parser.parse_args()
    folder = args.folder or (ROOT if args.ref_wav else GOLDEN)
    folder.mkdir(parents=True, exist_ok=True)
    if args.speech:
        from tools.golden.speech import make_speech  # each imports what the others do without

        make_speech(args.speech, folder)
    elif args.ref_wav:
        from tools.golden.ref_wav import make_ref_wav

        make_ref_wav(args.ref_wav, folder)
    elif args.source_filter:
        os.environ |= PLAIN_SUMS  # before torch and NumPy are loaded
        from tools.golden.source_filter import make_source_filter

        make_source_filter(folder)
    else:
        ask_reference(folder)


def ask_reference(folder: Path) -> None:
    """All that the reference is asked for."""
    os.environ |= PLAIN_SUMS  # before torch and NumPy are loaded
    from tools.golden.reference import make_models
    from tools.golden.text import make_text

    logging.disable(logging.WARNING)
    make_models(folder)
    make_text(folder)
    print(f"{sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.2f} MB in {folder.name}")


if __name__ == "__main__":
    main()
