"""Numbers in words in the languages of the released models but English, with the library num2words, an extra."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .rules import Rule

_MOST_DIGITS = 15  # longer numbers are read digit by digit


@dataclass(frozen=True)
class _Language:
    code: str  # as num2words calls it
    point: str
    percent: str
    minus: str
    euro: str
    euros: str
    ordinal: str  # a pattern: how a number is marked as an ordinal
    year: str = "cardinal"  # how num2words calls the reading of 1999


_BEFORE_MONTH = r"\.(?= (?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b)"


LANGUAGES = {
    "french": _Language("fr", "virgule", "pour cent", "moins", "euro", "euros", "ers?|res?|es?|[eè]mes?"),
    "german": _Language("de", "Komma", "Prozent", "minus", "Euro", "Euro", _BEFORE_MONTH, year="year"),
    "italian": _Language("it", "virgola", "per cento", "meno", "euro", "euro", "[ºª]"),
    "portuguese": _Language("pt", "vírgula", "por cento", "menos", "euro", "euros", r"\.?[ºª]"),
    "spanish": _Language("es", "coma", "por ciento", "menos", "euro", "euros", r"\.?[ºª]"),
    "dutch": _Language("nl", "komma", "procent", "min", "euro", "euro", "e|de|ste", year="year"),
}


_START = r"(?<![\w.,])"


_SPACE = "[ \u00a0\u202f]"


_THOUSANDS = re.compile("[. \u00a0\u202f](?=\\d{3}(?!\\d))")


_NUMBER = r"(?:\d{1,3}(?:[. \u00a0\u202f]\d{3}){1,9}(?![\d.]\d)(?:,\d+)?|\d+(?:[.,]\d+)?)"


def rules_of(language: str) -> list[Rule]:
    """The rules of a language. ModuleNotFoundError: num2words is not installed."""
    return _Speller(LANGUAGES[language], _num2words()).rules()


def _num2words() -> Callable[..., str]:
    try:
        from num2words import num2words
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Numbers in languages other than English need num2words; install it with: "
            "pip install 'pockettts-np[normalize]'"
        ) from None
    say: Callable[..., Any] = num2words
    return say


def plain_digits(text: str) -> str:
    """The digits of every script as 0 to 9."""
    return text.translate({ord(c): str(unicodedata.digit(c)) for c in set(text) if c.isdigit()})


class _Speller:
    """The rules of one language; `say` is num2words."""

    def __init__(self, language: _Language, say: Callable[..., str]) -> None:
        self._language = language
        self._say = say

    def rules(self) -> list[Rule]:
        language = self._language
        return [
            (re.compile(rf"{_START}[-−](?=\d)"), lambda m: f"{language.minus} "),
            (re.compile(rf"€ ?({_NUMBER})|{_START}({_NUMBER}){_SPACE}?€"), self._euros),
            (re.compile(rf"{_START}({_NUMBER}){_SPACE}?%"), lambda m: f"{self._number(m[1])} {language.percent}"),
            (re.compile(rf"{_START}(\d{{1,6}})({language.ordinal})(?!\w)"), self._ordinal),
            (re.compile(r"(?<=\d):(?=\d\d)"), lambda m: " "),
            (re.compile(rf"{_START}{_NUMBER}"), lambda m: self._number(m[0])),
            (re.compile(r"\d+"), lambda m: self._integer(m[0])),
        ]

    def _number(self, figures: str) -> str:
        if re.fullmatch(r"[12]\d{3}", figures):
            return self._say(int(figures), lang=self._language.code, to=self._language.year)
        whole, _, decimals = _THOUSANDS.sub("", figures).replace(".", ",").partition(",")
        return self._integer(whole) + (f" {self._language.point} {self._digits(decimals)}" if decimals else "")

    def _integer(self, figures: str) -> str:
        if len(figures) > _MOST_DIGITS or (len(figures) > 1 and figures[0] == "0"):
            return self._digits(figures)
        return self._say(int(figures), lang=self._language.code)

    def _digits(self, figures: str) -> str:
        return " ".join(self._say(int(figure), lang=self._language.code) for figure in figures)

    def _ordinal(self, match: re.Match[str]) -> str:
        words = self._say(int(match[1]), lang=self._language.code, to="ordinal")
        if match[2].rstrip("s") in ("ª", ".ª", "re"):
            return re.sub(r"o\b", "a", words).replace("premier", "première")
        return words + "n" if self._language.code == "de" else words  # am dritten Mai

    def _euros(self, match: re.Match[str]) -> str:
        figures = match[1] or match[2]
        return f"{self._number(figures)} {self._language.euro if figures == '1' else self._language.euros}"
