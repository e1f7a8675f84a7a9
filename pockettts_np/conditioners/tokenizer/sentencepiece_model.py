"""SentencePiece `.model` files."""

from pathlib import Path
from typing import Any

from .protocol import require_valid


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
