"""Text to token ids and back, for the two formats that Pocket TTS models come with."""

from pathlib import Path
from typing import Any, Protocol


class Tokenizer(Protocol):
    """What the rest of the package needs of a tokenizer."""

    @property
    def vocab_size(self) -> int: ...

    def encode(self, text: str) -> list[int]:
        """The ids of `text`. ValueError for a lone surrogate, which no UTF-8 text can hold."""

    def decode(self, ids: list[int]) -> str:
        """The text of `ids`; special tokens have none."""

    def is_byte(self, token: int) -> bool:
        """Whether a token stands for one byte of a character that the vocabulary lacks."""


def load_tokenizer(path: str | Path, n_bins: int, kind: str = "sentencepiece") -> Tokenizer:
    """The tokenizer in the local file `path`, which must have `n_bins` tokens.

    As in the reference, `kind` "tokenizers" or "json", or a name ending .json, means a Hugging Face tokenizer.json;
    anything else means a SentencePiece model.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file of another kind, of another size of vocabulary, or with an unsupported component.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such tokenizer file.")
    if path.stat().st_size == 0:  # sentencepiece would take it, and write to standard error
        raise ValueError(f"{path}: the tokenizer file is empty. Fetch it again.")
    tokenizer: Tokenizer
    if kind in ("tokenizers", "json") or path.suffix == ".json":
        from .tokenizer_json import JsonTokenizer

        tokenizer = JsonTokenizer.load(path)
    else:
        tokenizer = SentencePieceTokenizer(path)
    if tokenizer.vocab_size != n_bins:
        raise ValueError(
            f"{path}: the tokenizer has {tokenizer.vocab_size} tokens, but the configuration says n_bins = {n_bins}. "
            "It belongs to another model."
        )
    return tokenizer


def require_valid(text: str) -> None:
    """ValueError if `text` holds a lone surrogate (half of a UTF-16 pair), which UTF-8 cannot express."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = f"U+{ord(text[error.start]):04X}"
        raise ValueError(
            f"The text holds the lone surrogate {code} at character {error.start + 1}; remove or replace it."
        ) from error


class SentencePieceTokenizer:
    """A SentencePiece `.model`, run by the sentencepiece library."""

    def __init__(self, path: Path) -> None:
        import sentencepiece

        try:
            self._model: Any = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
        except RuntimeError as error:
            raise ValueError(f"{path}: not a SentencePiece model.") from error

    @property
    def vocab_size(self) -> int:
        return int(self._model.vocab_size())

    def encode(self, text: str) -> list[int]:
        require_valid(text)
        return list(self._model.encode(text, out_type=int))

    def decode(self, ids: list[int]) -> str:
        return str(self._model.decode(ids))

    def is_byte(self, token: int) -> bool:
        return bool(self._model.is_byte(token))
