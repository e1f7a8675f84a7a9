"""Amounts as newspapers write them: 1,5 Mio. €, 3 millions $, 2 M€, 500 k€."""

import re
from dataclasses import dataclass
from typing import Final

from ..rules import Rule, any_of
from .language import SPACE, Language, names


@dataclass(frozen=True)
class Scales:
    """How a language says millions of a currency."""

    words: tuple[str, ...]  # after which a sign of money may stand
    of: str  # between the word and the currency
    thousand: str
    million: tuple[str, str]  # one, many
    billion: tuple[str, str]


_SCALES: Final = {
    "de": Scales(names("Million Millionen Milliarde Milliarden Tausend tausend"), " ", "tausend",
                 ("Million", "Millionen"), ("Milliarde", "Milliarden")),
    "fr": Scales(names("million millions milliard milliards"), " d’", "mille",
                 ("million", "millions"), ("milliard", "milliards")),
    "it": Scales(names("milione milioni miliardo miliardi"), " di ", "mila",
                 ("milione", "milioni"), ("miliardo", "miliardi")),
    "es": Scales(names("millón millones"), " de ", "mil", ("millón", "millones"), ("mil millones", "mil millones")),
    "pt": Scales(names("milhão milhões bilhão bilhões bilião biliões"), " de ", "mil",
                 ("milhão", "milhões"), ("bilhão", "bilhões")),
    "nl": Scales(names("miljoen miljard duizend"), " ", "duizend", ("miljoen", "miljoen"), ("miljard", "miljard")),
}  # fmt: skip
_VOWELS = "aeiouy"


def amount_rules(language: Language) -> list[Rule]:
    """The rules of money in thousands and millions; the figures are left for others."""
    scales = _SCALES[language.code]
    many = {"€": language.euros[1], "EUR": language.euros[1]}
    many |= {sign: words for sign, (_, words) in language.currencies.items()}
    sign = any_of(many)
    figures = r"\d+(?:[.,]\d+)?"

    def of(currency: str) -> str:
        words = many[currency]
        return f" de {words}" if scales.of.endswith("’") and words[0] not in _VOWELS else scales.of + words

    def behind(match: re.Match[str]) -> str:
        return match[1] + of(match[2])

    def before(match: re.Match[str]) -> str:
        return f"{match[2]}{match[3]}{match[4]}{of(match[1])}"

    def short(match: re.Match[str]) -> str:
        one, several = {"M": scales.million, "Md": scales.billion, "k": (scales.thousand, scales.thousand)}[match[2]]
        is_one = re.fullmatch(r"1(?:,\d+)?" if language.code == "fr" else "1", match[1])
        if match[2] == "k":
            return f"{match[1]} {scales.thousand} {many[match[3]]}"
        return f"{match[1]} {one if is_one else several}{of(match[3])}"

    words = "|".join(scales.words)
    return [
        (re.compile(rf"(?<=\d )({words}){SPACE}?({sign})(?!\w)"), behind),
        (re.compile(rf"({sign}){SPACE}?({figures})({SPACE})({words})(?!\w)"), before),
        (re.compile(rf"(?<![\w.,])({figures}){SPACE}?(Md|M|k)({sign})(?!\w)"), short),
    ]
