"""How Spanish says one before a noun: un libro, una casa, veintiún libros, treinta y una casas."""

import re
from typing import Final

from ..rules import Rule
from .language import names

_NO_NOUNS: Final = names(
    "para como contra cuando pero solo dentro hasta hacia nada ahora era cinco cuatro ocho menos después entonces "
    "antes los las más tras unos unas luego todo toda otra otro mucho poco tanto cada"
)
_MASCULINE: Final = names("día mapa planeta cometa pirata")
_FEMININE: Final = names("vez vece mujere noche tarde clase calle parte flore mano")
_FEMININE_ENDING = re.compile(r"\w*(?:a|ión|ione|dad|dade)")
_SINGULAR = re.compile(r"\w+(?:[oa]|ión|dad)")

HOURS: Final[list[Rule]] = [
    (re.compile(r"(?<=\b[Ll]a )1(?!\w|[.,:]\d)"), lambda m: "una"),
    (re.compile(r"(?<=\b[Ll]as )21(?!\w|[.,:]\d)"), lambda m: "veintiuna"),
]


def agrees(words: str, noun: str) -> str:
    """The words of a number that ends in one, as they stand before a noun."""
    stem = noun.split()[0].removesuffix("s")
    is_masculine = stem in _MASCULINE or stem.endswith("ma")
    if stem in _FEMININE or (not is_masculine and _FEMININE_ENDING.fullmatch(stem)):
        return re.sub(r"uno\Z", "una", words)
    return re.sub(r"\buno\Z", "un", re.sub(r"veintiuno\Z", "veintiún", words))


def is_noun(word: str, figures: str) -> bool:
    """Whether a word behind a number may be what it counts."""
    return word not in _NO_NOUNS and (_SINGULAR.fullmatch(word) is not None if figures == "1" else word.endswith("s"))
