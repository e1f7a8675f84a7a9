"""Learn the SentencePiece tokenizer from the training text. A language model is bound to its tokenizer: keep it."""

import argparse
import io
from pathlib import Path

import sentencepiece

from tools.voice.common import normalise, write_whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("model", type=Path, help="tok.model to write")
    parser.add_argument("--pieces", type=int, default=512)
    args = parser.parse_args()
    lines = [normalise(line) for line in args.text.read_text().splitlines() if line.strip()]
    model = io.BytesIO()
    options = {"model_type": "unigram", "character_coverage": 1.0, "normalization_rule_name": "identity"}
    options |= {"max_sentencepiece_length": 8, "bos_id": -1, "eos_id": -1, "pad_id": -1, "num_threads": 1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=args.pieces, **options
    )
    write_whole(args.model, lambda part: part.write_bytes(model.getvalue()))


if __name__ == "__main__":
    main()
