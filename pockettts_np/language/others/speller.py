"""Numbers in words in the languages of the released models but English, with the library num2words, an extra."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from ..english.numbers import roman
from ..markup import MARKUP
from ..rules import Rule
from .germanic import GERMANIC
from .language import Language
from .romance import ROMANCE

LANGUAGES = ROMANCE | GERMANIC

_MOST_DIGITS = 15  # longer numbers are read digit by digit
_FEWEST_PHONE_DIGITS = 9

_START = r"(?<![\w.,^])"
_SPACE = "[ \u00a0\u202f]"
_THOUSANDS = re.compile("[. \u00a0\u202f](?=\\d{3}(?!\\d))")
_NUMBER = r"(?:\d{1,3}(?:[. \u00a0\u202f]\d{3}){1,9}(?![\d.]\d)(?:,\d+)?|\d+(?:[.,]\d+)?)"
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = "[⁰¹²³⁴-⁹]"

_DATE = re.compile(rf"{_START}(?:(\d\d?)([./-])(\d\d?)\2(\d{{4}})|(\d{{4}})-(\d\d)-(\d\d))(?![\w/-]|\.\d)")
_TIME = r"(?<![\d:.,])(\d\d?):([0-5]\d)(?!:?\d)"
_DOTTED = re.compile(rf"{_START}\d+(?:\.\d+){{2,}}(?!\w)")
_PHONE = re.compile(r"(?<![\w.,])(?:\+\d{1,3}|\(?0\d{1,4}\)?)(?:[ /-]{1,3}\d{2,8}|[ ]\d(?= )){1,6}(?![\w.,-]\d|\w)")
_POWER = re.compile(rf"(?<=[\w)])(?:\^(-?\d+)|(⁻?{_SUPERSCRIPT}+))")
_RANGE = re.compile(r"(?<=\d)(?: ?–|-| - ) ?(?=\d)")
_FRACTION = re.compile(r"(?<![\w.,/])([123])/([234])(?![\w/])")
# In German, a full stop marks ordinals. It does after a determiner, and before these.
_ORDINAL_NOUNS = re.compile(
    " (?:Jahrhundert|Jahrtausend|Platz|Stock|Etage|Klasse|Kapitel|Auflage|Runde|Mal|Tag|Woche|Monat|Weltkrieg|"
    "Geburtstag|Lebensjahr|Advent|Halbzeit|Liga)"
)
_MONTHS = re.compile(rf" (?:{'|'.join(LANGUAGES['german'].months)})\b")
_DETERMINERS = {
    **dict.fromkeys(("der", "die", "das"), "e"),
    **dict.fromkeys(("dem", "den", "des", "im", "am", "zum", "zur", "vom", "beim", "bis", "ab", "seit"), "en"),
    **dict.fromkeys(("jeden", "jedem", "jeder", "einem", "einen", "einer", "eines"), "en"),
    **dict.fromkeys(("ein", "jedes"), "es"),
}
_GERMAN_ORDINAL = re.compile(rf"{_START}(\d{{1,3}})\.(?= [A-ZÄÖÜ][a-zäöüß])")
_OPEN_LISTS = ("usw.", "etc.", "ecc.", "enz.")
_GERMAN_DATE = re.compile(rf"{_START}(\d\d?)\.(\d\d?)\.(?!\d)")  # am 24.12.
_WORD_BEFORE = re.compile(r"(\w+) \Z")


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
    """The digits of every script as 0 to 9; superscripts stay."""
    figures = {c for c in set(text) if c.isdigit() and not re.match(_SUPERSCRIPT, c)}
    return text.translate({ord(c): str(unicodedata.digit(c)) for c in figures})


def _any_of(words: Any) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


class _Speller:
    """The rules of one language; `say` is num2words."""

    def __init__(self, language: Language, say: Callable[..., str]) -> None:
        self._language = language
        self._say = say

    def rules(self) -> list[Rule]:
        language = self._language
        vulgar = f"[{''.join(language.fractions)}]"
        currency, unit, short = map(_any_of, (language.currencies, language.units, language.abbreviations))
        compared = r"(?<=[\w)])( ?)([+=<>×÷])\1(?=[\w(])"
        is_german = language.code == "de"
        ordinals = self._german_ordinals() if is_german else self._ordinals()
        return [
            *MARKUP,
            (re.compile(rf"(?<![\w.])({short})(?!\w)"), self._abbreviation),
            (re.compile(language.century), self._century),
            (_DATE, self._date),
            *([(_GERMAN_DATE, self._german_date)] if is_german else []),
            (_PHONE, self._phone),
            *self._times(),
            (_DOTTED, self._dotted),
            (_FRACTION, self._fraction),
            (re.compile(rf"(?<=\d) ?({vulgar})"), lambda m: f" {language.fractions[m[1]]}"),
            (re.compile(vulgar), lambda m: language.fractions[m[0]]),
            (_RANGE, lambda m: f" {language.to} "),
            (re.compile(rf"{_START}[-−] ?(?=[$€£]?\d)"), lambda m: f"{language.minus} "),
            (re.compile(rf"€ ?({_NUMBER})|{_START}({_NUMBER}){_SPACE}?(?:€|EUR\b)"), self._euros),
            (re.compile(rf"({currency}) ?({_NUMBER})|{_START}({_NUMBER}){_SPACE}?({currency})(?!\w)"), self._money),
            (re.compile(rf"{_START}({_NUMBER}){_SPACE}?%"), lambda m: f"{self._number(m[1])} {language.percent}"),
            (re.compile(rf"{_START}({_NUMBER}){_SPACE}?({unit})(?![\w²³/])"), self._measure),
            (_POWER, self._power),
            (re.compile(f"{_SUPERSCRIPT}+"), lambda m: self._integer(m[0].translate(_SUPERSCRIPTS))),
            *ordinals,
            (re.compile(r"(?<=\d):(?=\d\d)"), lambda m: " "),
            (re.compile(rf"{_START}{_NUMBER}"), lambda m: self._number(m[0])),
            (re.compile(r"\d+"), lambda m: self._integer(m[0])),
            (re.compile(compared), lambda m: f" {language.signs[m[2]]} "),
            (re.compile("[&±≈≤≥→§°]"), lambda m: language.signs[m[0]]),
        ]

    def _ordinals(self) -> list[Rule]:
        return [(re.compile(rf"{_START}(\d{{1,6}})({self._language.ordinal})(?!\w)"), self._ordinal)]

    def _german_ordinals(self) -> list[Rule]:
        return [
            (_GERMAN_ORDINAL, self._german_ordinal),
            (re.compile(rf"{_START}(\d{{1,4}})er\b"), lambda m: f"{self._number(m[1])}er"),  # 90er
            (re.compile(rf"{_START}1(?= [A-ZÄÖÜ][a-zäöüß])"), lambda m: "ein"),
        ]

    def _times(self) -> list[Rule]:
        marks = self._language.hour_marks
        rules: list[Rule] = [(re.compile(rf"{_TIME}(?:{marks})?"), self._time)]
        if marks:
            rules.append((re.compile(rf"(?<![\d:.,])(\d\d?)\.([0-5]\d)(?:{marks})"), self._time))
        if "h" in marks.replace("Uhr", ""):
            rules.append((re.compile(r"(?<![\d:.,])(\d\d?) ?h(?: ?([0-5]\d))?\b"), self._time))
        return rules

    def _abbreviation(self, match: re.Match[str]) -> str:
        """With the point that ends the text, or a sentence where a list is left open."""
        rest = match.string[match.end() : match.end() + 2].lstrip(" ")
        is_last = match[0].endswith(".") and (not rest.strip() or (match[0] in _OPEN_LISTS and rest.isupper()))
        return self._language.abbreviations[match[1]] + "." * is_last

    # ---- numbers -------------------------------------------------------------------------------------------------

    def _number(self, figures: str) -> str:
        if re.fullmatch(r"[12]\d{3}", figures):
            return self._say(int(figures), lang=self._language.code, to=self._language.year)
        whole, _, decimals = _THOUSANDS.sub("", figures).replace(".", ",").partition(",")
        return self._integer(whole) + (f" {self._language.point} {self._digits(decimals)}" if decimals else "")

    def _integer(self, figures: str) -> str:
        if len(figures) > _MOST_DIGITS or (len(figures) > 1 and figures[0] == "0"):
            return self._digits(figures)
        words = self._say(int(figures), lang=self._language.code)
        return re.sub(r"(milion[ei]|miliard[oi]) e ", r"\1 ", words) if self._language.code == "it" else words

    def _digits(self, figures: str) -> str:
        return " ".join(self._say(int(figure), lang=self._language.code) for figure in figures)

    def _counted(self, figures: str, names: tuple[str, str]) -> str:
        one, many = names
        if figures == "1":
            return f"{self._language.one_of or self._integer('1')} {one}"
        return f"{self._number(figures)} {many}"

    def _ordinal(self, match: re.Match[str]) -> str:
        words = self._say(int(match[1]), lang=self._language.code, to="ordinal")
        if match[2].rstrip("s") in ("ª", ".ª", "re"):
            return re.sub(r"o\b", "a", words).replace("premier", "première")
        return words

    def _german_ordinal(self, match: re.Match[str]) -> str:
        """Am dritten Mai, der dritte Mann, im einundzwanzigsten Jahrhundert; but: es waren 5. Dann."""
        following = match.string[match.end() : match.end() + 20]
        before = _WORD_BEFORE.search(match.string, max(0, match.start() - 20), match.start())
        is_ordinal = _ORDINAL_NOUNS.match(following) or _MONTHS.match(following)
        if not is_ordinal and (before is None or before[1].lower() not in _DETERMINERS):
            return match[0]
        return self._german_day(match, int(match[1]), otherwise="er" if _MONTHS.match(following) else "en")

    def _german_date(self, match: re.Match[str]) -> str:
        before = _WORD_BEFORE.search(match.string, max(0, match.start() - 20), match.start())
        day, month = int(match[1]), int(match[2])
        if before is None or before[1].lower() not in _DETERMINERS or not (1 <= day <= 31 and 1 <= month <= 12):
            return match[0]
        is_last = "." * (match.end() == len(match.string.rstrip()))
        return f"{self._german_day(match, day, otherwise='er')} {self._language.months[month - 1]}{is_last}"

    def _german_day(self, match: re.Match[str], value: int, otherwise: str) -> str:
        """An ordinal with the ending that the word before asks for."""
        before = _WORD_BEFORE.search(match.string, max(0, match.start() - 20), match.start())
        ending = _DETERMINERS.get(before[1].lower(), otherwise) if before else otherwise
        return self._say(value, lang="de", to="ordinal").removesuffix("e") + ending

    def _century(self, match: re.Match[str]) -> str:
        value = roman(match[1])
        if value is None:
            return match[0]
        words = self._say(value, lang=self._language.code, to=self._language.century_reading)
        return words + "n" * (self._language.code == "de")

    def _fraction(self, match: re.Match[str]) -> str:
        sign = unicodedata.lookup("FRACTION SLASH")
        names = {unicodedata.normalize("NFKC", c): words for c, words in self._language.fractions.items()}
        return names.get(f"{match[1]}{sign}{match[2]}", match[0])

    def _power(self, match: re.Match[str]) -> str:
        figures = (match[1] or match[2]).translate(_SUPERSCRIPTS)
        if figures in ("2", "3"):
            return f" {self._language.squared if figures == '2' else self._language.cubed}"
        sign = f"{self._language.minus} " * figures.startswith("-")
        return f" {self._language.power} {sign}{self._integer(figures.lstrip('-'))}"

    # ---- what numbers are of -------------------------------------------------------------------------------------

    def _euros(self, match: re.Match[str]) -> str:
        figures = match[1] or match[2]
        if cents := re.fullmatch(r"0,(\d\d)", figures):
            return self._counted(str(int(cents[1])), self._language.cents)
        return self._amount(figures, self._language.euros)

    def _money(self, match: re.Match[str]) -> str:
        return self._amount(match[2] or match[3], self._language.currencies[match[1] or match[4]])

    def _amount(self, figures: str, names: tuple[str, str]) -> str:
        """3,50 € → drei Euro fünfzig."""
        parted = re.fullmatch(r"(.+),(\d\d)", figures)
        if parted is None:
            return self._counted(figures, names)
        whole, cents = parted[1], str(int(parted[2]))
        words = [self._counted(whole, names)]
        words += [self._language.with_cents, self._integer(cents)] if cents != "0" else []
        return " ".join(filter(None, words))

    def _measure(self, match: re.Match[str]) -> str:
        return self._counted(match[1], self._language.units[match[2]])

    def _date(self, match: re.Match[str]) -> str:
        day, month, year = (match[1], match[3], match[4]) if match[1] else (match[7], match[6], match[5])
        if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
            return match[0]
        words = self._integer(str(int(day)))
        if self._language.code == "de":
            words = self._german_day(match, int(day), otherwise="er")
        elif int(day) == 1 and self._language.first_day:
            words = self._language.first_day
        month_name = self._language.months[int(month) - 1]
        return self._language.date.format(day=words, month=month_name, year=self._year(year))

    def _year(self, figures: str) -> str:
        """A date says 2026 as a number: zweitausendsechsundzwanzig."""
        return self._number(figures) if figures[0] == "1" else self._integer(figures.lstrip("0") or "0")

    def _time(self, match: re.Match[str]) -> str:
        hour, minute = int(match[1]), int(match[2] or 0)
        if hour > 24:
            return match[0]
        words = self._language.one_hour if hour == 1 else self._language.hours.format(self._integer(str(hour)))
        return words + (f"{self._language.and_minutes}{self._integer(str(minute))}" if minute else "")

    def _dotted(self, match: re.Match[str]) -> str:
        """Network addresses, versions; 1.234.567 is a number."""
        if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", match[0]) and match[0].count(".") != 3:
            return match[0]
        return f" {self._language.dot} ".join(map(self._integer, match[0].split(".")))

    def _phone(self, match: re.Match[str]) -> str:
        if sum(map(str.isdecimal, match[0])) < _FEWEST_PHONE_DIGITS:
            return match[0]
        groups = re.findall(r"\d+", match[0])
        words = [self._integer(group) if len(group) < 3 else self._digits(group) for group in groups]
        return f"{self._language.signs['+']} " * match[0].startswith("+") + " ".join(words)
