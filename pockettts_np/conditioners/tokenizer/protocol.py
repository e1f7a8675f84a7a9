"""What the rest of the package needs of a tokenizer, whatever its file is like."""

from typing import Protocol


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


def require_valid(text: str) -> None:
    """ValueError if `text` holds a lone surrogate (half of a UTF-16 pair), which UTF-8 cannot express."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = f"U+{ord(text[error.start]):04X}"
        raise ValueError(
            f"The text holds the lone surrogate {code} at character {error.start + 1}; remove or replace it."
        ) from error
