"""Text to token ids and back, for the two formats that Pocket TTS models come with."""

from pathlib import Path

from ...files.memory import File
from .protocol import Tokenizer
from .sentencepiece_model import SentencePieceTokenizer


def load_tokenizer(path: str | File, n_bins: int, kind: str = "sentencepiece") -> Tokenizer:
    """The tokenizer in the file `path`, on this disk or in memory, which must have `n_bins` tokens.

    As in the reference, `kind` "tokenizers" or "json", or a name ending .json, means a Hugging Face tokenizer.json;
    anything else means a SentencePiece model.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file of another kind, of another size of vocabulary, or with an unsupported component.
    """
    file = Path(path) if isinstance(path, str) else path
    if isinstance(file, Path) and not file.is_file():
        raise FileNotFoundError(f"{path}: no such tokenizer file.")
    content = file.read_bytes()
    if not content:  # sentencepiece would take it, and write to standard error
        raise ValueError(f"{path}: the tokenizer file is empty. Fetch it again.")
    tokenizer: Tokenizer
    if kind in ("tokenizers", "json") or str(path).endswith(".json"):
        from .hugging_face import JsonTokenizer

        tokenizer = JsonTokenizer.load(content, str(path))
    else:
        tokenizer = SentencePieceTokenizer(content, str(path))
    if tokenizer.vocab_size != n_bins:
        raise ValueError(
            f"{path}: the tokenizer has {tokenizer.vocab_size} tokens, but the configuration says n_bins = {n_bins}. "
            "It belongs to another model."
        )
    return tokenizer
