"""Keep the latents of many shards, with their texts and phoneme times, in one small file; or unpack such a file.

    python -m tools.voice.keep_latents W/latents.xz W/latents W/more_latents
    python -m tools.voice.keep_latents W/latents.xz W/latents --unpack

Latents are rounded to steps of 1/10 of their deviation, which is 0.0008 in mean square: a language model misses by
fifty times that. An hour of speech takes 1.2 MB.
"""

import argparse
import json
import lzma
from pathlib import Path

import numpy as np

from tools.voice.common import load_npz, save_npz, write_whole

STEPS = 10


def pack(file: Path, folders: list[Path]) -> None:
    """Shards of the first folder keep their names; those of later ones get a number in front."""
    arrays, metas = {}, {}
    for i, folder in enumerate(folders):
        for path in sorted(folder.glob("*.npz")):
            name = path.name if i == 0 else f"{i}_{path.name}"
            latents, metas[name] = load_npz(path, "latents")
            arrays[name] = np.clip(np.round(latents.astype(np.float32) * STEPS), -127, 127).astype(np.int8)
    lengths = {name: len(rows) for name, rows in arrays.items()}
    head = json.dumps({"lengths": lengths, "meta": metas}).encode()
    rows = np.concatenate(list(arrays.values())).T.tobytes()  # a dimension after the other compresses best
    write_whole(file, lambda part: part.write_bytes(lzma.compress(len(head).to_bytes(8, "little") + head + rows)))
    frames = sum(lengths.values())
    print(f"{len(lengths)} shards, {frames / 12.5 / 3600:.2f} hours, {file.stat().st_size / 1e6:.1f} MB")


def unpack(file: Path, folder: Path) -> None:
    """Shards that are there already stay as they are."""
    content = lzma.decompress(file.read_bytes())
    first = 8 + int.from_bytes(content[:8], "little")
    head = json.loads(content[8:first])
    ends = np.cumsum(list(head["lengths"].values()))
    rows = np.frombuffer(content[first:], np.int8).reshape(-1, ends[-1]).T
    folder.mkdir(parents=True, exist_ok=True)
    for (name, meta), latents in zip(head["meta"].items(), np.split(rows, ends[:-1]), strict=True):
        if not (folder / name).exists():
            save_npz(folder / name, meta, latents=(latents / np.float32(STEPS)).astype(np.float16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("folders", type=Path, nargs="+", help="of latents; with --unpack the one to fill")
    parser.add_argument("--unpack", action="store_true")
    args = parser.parse_args()
    if args.unpack:
        unpack(args.file, args.folders[0])
    else:
        pack(args.file, args.folders)


if __name__ == "__main__":
    main()
