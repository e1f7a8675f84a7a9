"""SentencePiece `.model` files."""

from typing import Any

from .protocol import require_valid


class SentencePieceTokenizer:
    """A SentencePiece `.model`, run by the sentencepiece library."""

    def __init__(self, content: bytes, name: str) -> None:
        """`content` of the file of that name. ValueError: it is no such model."""
        import sentencepiece

        try:
            self._model: Any = sentencepiece.SentencePieceProcessor(model_proto=content)
        except RuntimeError as error:
            raise ValueError(f"{name}: not a SentencePiece model.") from error

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
