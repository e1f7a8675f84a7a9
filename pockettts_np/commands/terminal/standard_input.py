"""Text from standard input, in UTF-8: whole, or in pieces as it comes."""

import codecs
import io
import sys
from collections.abc import Iterator
from typing import cast

_MAX_BYTES = 10_000_000
_PIECE_BYTES = 65_536


def read_text() -> str:
    """All of it."""
    data = _binary_input().read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"Standard input holds more than {_MAX_BYTES} bytes; give the text in parts, or use --follow.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(error, 0) from None


def read_pieces() -> Iterator[str]:
    """Whatever has come, as soon as something has; of any length in all."""
    return _decoded(_binary_input())


def _binary_input() -> io.BufferedReader:
    if not hasattr(sys.stdin, "buffer"):
        raise ValueError("Standard input is closed, or gives no bytes; give the text with --text.")
    return cast("io.BufferedReader", sys.stdin.buffer)


def _decoded(stdin: io.BufferedReader) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_bytes, data, mark = 0, b" ", "\ufeff"  # the mark counts at the beginning only
    while data:
        data = stdin.read1(_PIECE_BYTES)
        n_bytes += len(data)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise _not_utf8(error, n_bytes - len(error.object)) from None
        if text:
            yield text.removeprefix(mark)
            mark = ""


def _not_utf8(error: UnicodeDecodeError, offset: int) -> ValueError:
    return ValueError(
        f"Standard input is not UTF-8 text: byte {error.object[error.start]:#04x} at position {offset + error.start}; "
        "convert it first."
    )
