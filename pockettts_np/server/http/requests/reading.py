"""How a caller wants its text read: the fields `normalize` and `lexicon`."""

import json
from contextlib import suppress
from typing import Any

from ....language.lexicon import Lexicon
from ....language.reading import Reading
from ...limits import Refusal
from ...service import Service
from .fields import Fields, shown

MOST_WORDS = 200
LONGEST_WORD = 200  # characters, also of its respelling
_WANTED = 'wanted an object such as {"nginx": "engine x"}, or lines such as nginx = engine x'


def reading_of(fields: Fields, service: Service) -> Reading | None:
    """How the text is to be read, or None: as the server reads. Refusal 400: a field is wrong or cannot be followed."""
    normalize, words = fields.switch("normalize"), _words(fields.get("lexicon"))
    if normalize is None and not words:
        return None
    try:
        return service.model.reading_as(normalize, words).reading
    except ModuleNotFoundError:
        sentence = "This server cannot spell out numbers in its language; leave normalize out."
        raise Refusal(400, sentence, "invalid_value", "normalize") from None
    except ValueError as error:
        raise Refusal(400, str(error), "invalid_value", "lexicon") from None


def _words(value: Any) -> dict[str, str] | None:
    """Words and their respellings. No regular expressions: one could keep the server busy for ever."""
    if isinstance(value, str) and value.lstrip().startswith("{"):  # of a form or a query
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if isinstance(value, str):
        value = _of_lines(value)
    if value is None or value == "":
        return None
    if not isinstance(value, dict) or not all(isinstance(said, str) for said in value.values()):
        raise Refusal(400, f"lexicon is {shown(value)}; {_WANTED}.", "invalid_type", "lexicon")
    if len(value) > MOST_WORDS:
        raise Refusal(400, f"lexicon has {len(value)} words; wanted {MOST_WORDS} at most.", "invalid_value", "lexicon")
    for text in (*value, *value.values()):
        if len(text) > LONGEST_WORD:
            sentence = f"lexicon has {shown(text)}; wanted {LONGEST_WORD} characters at most."
            raise Refusal(400, sentence, "invalid_value", "lexicon")
    return value


def _of_lines(text: str) -> dict[str, str]:
    try:
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("/")]
        entries = Lexicon.parsed(lines, "lexicon").entries
    except ValueError as error:
        raise Refusal(400, str(error), "invalid_value", "lexicon") from None
    if len(lines) < len(text.splitlines()):
        raise Refusal(
            400, "lexicon has a line that begins with /; callers may send words alone.", "invalid_value", "lexicon"
        )
    return {entry.written: entry.said for entry in entries}
