"""The English front end: numbers, dates, money, measures, abbreviations, addresses and symbols in words.

Rules come in an order in which each leaves less to the next: what looks like a date is no fraction any more, and in
the end every digit that is left is part of a plain number.
"""

import re
import unicodedata
from fractions import Fraction

from ..markup import MARKUP
from ..pauses import outside_markup
from ..rules import Draft, Rule
from .codes import ELSEWHERE, GROUPS
from .context import CONTEXT_CHARS, counts
from .dates import DATES, FIGURE_DATES, TIMES, WEEKDAY_RULES
from .measures import MEASURES, MONEY
from .numbers import (
    NUMBER,
    SUPERSCRIPTS,
    VALUE,
    VULGAR,
    cardinal,
    number_words,
    ordinal,
    pair,
    plural,
    short_code,
    value_words,
    year,
)
from .symbols import GREEK, OPERATORS, SYMBOLS
from .vocabulary import AMOUNT_BEFORE, YEAR_BEFORE
from .words import ABBREVIATIONS, ADDRESSES, ROMAN_NUMERALS

# A space between new words may lay bare what stood against a number, as in "5vs.6"; two rounds are the rule.
_MOST_ROUNDS = 8


def normalize_english(text: str) -> str:
    """`text` with everything that is not written as it is spoken spelled out; no digit is left.

    22/11/2026 and 11/22/2026 are the same day; 3/4/2026 is the fourth of March, 3.4.2026 the third of April. Text
    without anything to spell out comes back as it is, and so does the markup of pauses. Works on any text.
    """
    return outside_markup(text, _spelled_out)


def _spelled_out(text: str) -> str:
    draft = Draft(text)
    spell_out(draft)
    return draft.text


def spell_out(draft: Draft) -> None:
    """`normalize_english` for a text without pauses."""
    for _ in range(_MOST_ROUNDS):
        before = draft.text
        if not before.isascii():
            _plain_figures(draft)
        draft.rewrite(_WORDS)
        if _ANY_FIGURE.search(draft.text):
            draft.rewrite(_FIGURES)
        draft.rewrite(SYMBOLS)
        if draft.text == before:
            break


# ---- characters ----------------------------------------------------------------------------------------------

_ANY_FIGURE = re.compile(rf"[0-9⁰¹²³⁴-⁹{VULGAR[1:-1]}]")


def _plain_figures(draft: Draft) -> None:
    """0 to 9 for digits of other scripts, 12 for ⑫, XII for Ⅻ; superscripts and ½ stay."""
    numeric = [c for c in set(draft.text) if c.isnumeric() and not _ANY_FIGURE.match(c)]
    figures = {ord(c): str(unicodedata.decimal(c)) for c in numeric if unicodedata.decimal(c, None) is not None}
    others = {c: _figure(c) for c in numeric if ord(c) not in figures}
    draft.translate(figures)
    if others:
        draft.rewrite([(re.compile(f"[{''.join(others)}]"), lambda m: others[m[0]])])


def _figure(character: str) -> str:
    """A number that is one character; letters that are numbers, such as 三, stay."""
    plain = unicodedata.normalize("NFKC", character)
    if unicodedata.category(character) != "No" or "₀" <= character <= "₉":
        return plain if plain.isascii() else character
    return str(Fraction(unicodedata.numeric(character)).limit_denominator(1000))


# ---- numbers in context --------------------------------------------------------------------------------------

_RANGE = re.compile(
    r"(?:(?<=[\d%°¼-¾⅐-⅞])|(?<=\d[ap]m)|(?<=\d [ap]m)|(?<= [AP] M))(?: ?[–—] ?|-| - )(?=[$€£¥]?\.?[\d¼-¾⅐-⅞])"
)
_POWER = re.compile(
    r"(?<=[\d)])([⁰¹²³⁴-⁹⁻]+)|(?:(?<=\b[A-Za-z])|(?<=\b[A-Za-z]{2})|(?<=\b(?:sin|cos|tan)))([⁰¹²³⁴-⁹⁻]+)"
)
_LOOSE_SUPERSCRIPT = re.compile("[⁰¹²³⁴-⁹]+")
_SCIENTIFIC = re.compile(rf"(?<![\w.,])({NUMBER})[eE]([+-]?)(\d{{1,3}})\b")
_ORDINAL = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_PLURAL = re.compile(r"(?<![\w.,])(['’‘]?)(\d{1,3}(?:,\d{3})+|\d+)(['’]?)s\b")
_SHORT_YEAR = re.compile(r"(?<!\w)['’‘](\d\d)(?![\w.,]\w|\w)")
_AFTER_CAPITAL = re.compile(r"(?<=[A-Z])-(?=\d)")
_MODEL = re.compile(r"(?<=[A-Z])-(\d+(?:\.\d+)?)(s?)\b")
_WITH_PART = re.compile(rf"(?<![\w.,])(?:\d{{1,9}} ?)?{VULGAR}")
_MIXED = re.compile(r"(?<!\w)(?<!\d\.)(?:\d+[^\W\d_]|[^\W\d_]+\d)[^\W_]*")
_BARE = re.compile(rf"(?<![\w.,])({VALUE})(?!\w)")
_LEFT = re.compile(rf"{NUMBER}|{VULGAR}")
_AFTER_ACRONYM = re.compile(r"(?<![\w.])[A-Z]{2,4} \Z")  # HTTP 404, RTX 4090, NY 10001


def _power(match: re.Match[str]) -> str:
    figures = (match[1] or match[2]).translate(SUPERSCRIPTS)
    if figures in ("2", "3"):
        return " squared" if figures == "2" else " cubed"
    sign, figures = "minus " * figures.startswith("-"), figures.replace("-", "")
    return f" to the power of {sign}{number_words(figures)}" if figures else " minus"


def _scientific(match: re.Match[str]) -> str:
    sign = "minus " if match[2] == "-" else ""
    return f"{number_words(match[1])} times ten to the power of {sign}{cardinal(int(match[3]))}"


def _ordinal(match: re.Match[str]) -> str:
    figures = match[1].replace(",", "")
    return ordinal(int(figures)) if len(figures) <= 12 else number_words(figures) + "th"


def _plural(match: re.Match[str]) -> str:
    """1990s, the '90s, 747s; 1999's; but 5s is a measure."""
    before, figures, after = match.groups()
    words = year(int(figures)) if len(figures) == 4 and figures[0] != "0" else number_words(figures)
    if figures.endswith("0"):
        return plural(words.removeprefix("one ") if len(figures) > 2 else words)
    if len(figures) < 3:
        return match[0]
    return f"{before}{words}'s" if after else before + plural(words)


def _mixed(match: re.Match[str]) -> str:
    """Letters and digits in one word: H2O, mp3, 4K, 1080p, MP3s."""
    parts = re.findall(r"\d+|[^\W\d]+", match[0])
    words = [short_code(part) if part.isdecimal() else _letters(part) for part in parts]
    if len(parts) > 2 and parts[-1] == "s":
        words[-2:] = [plural(words[-2])]
    return " ".join(words)


def _letters(part: str) -> str:
    has_vowel = any(letter in "aeiouy" for letter in part.lower())
    if part.isascii() and part.isupper() and len(part) == 2 and has_vowel:
        return " ".join(part)  # CO2, MI6; nobody would read MP3 as a word
    return part if len(part) > 3 or (len(part) > 1 and has_vowel) else part.upper()


def _model(match: re.Match[str]) -> str:
    """F-16s, I-405, GPT-4.5."""
    words = short_code(match[1]) if match[1].isdecimal() else number_words(match[1])
    return " " + (plural(words) if match[2] else words)


def _bare(match: re.Match[str]) -> str:
    value = match[1]
    if value.isdecimal():
        if 3 <= len(value) <= 5 and _AFTER_ACRONYM.search(match.string, max(0, match.start() - 6), match.start()):
            return short_code(value)
        if len(value) == 4 and _is_year(match):
            return year(int(value))
    return value_words(value)


def _is_year(match: re.Match[str]) -> bool:
    """Whether four digits are read in two pairs: years, but also house numbers and the like."""
    n = int(match[1])
    text_before = match.string[max(0, match.start() - CONTEXT_CHARS) : match.start()]
    before = re.split(r"[\s(]+", text_before.rstrip(" ("))[-1].lower()
    if before in AMOUNT_BEFORE or (before not in YEAR_BEFORE and counts(match)):
        return False
    return 1100 <= n < 2100 or (1000 <= n < 3000 and before in YEAR_BEFORE)


_NUMBERS: list[Rule] = [
    (_POWER, _power),
    (_LOOSE_SUPERSCRIPT, lambda m: number_words(m[0].translate(SUPERSCRIPTS))),
    (_SHORT_YEAR, lambda m: pair(int(m[1]))),
    (_WITH_PART, lambda m: value_words(m[0])),
    (_MIXED, _mixed),
    (_BARE, _bare),
    (_LEFT, lambda m: value_words(m[0])),
]

_WORDS: list[Rule] = [*MARKUP, *ADDRESSES, *GREEK, *WEEKDAY_RULES, *ABBREVIATIONS, *ROMAN_NUMERALS]
_FIGURES: list[Rule] = [
    *FIGURE_DATES,
    *ELSEWHERE,
    *GROUPS,
    (_SCIENTIFIC, _scientific),
    (_MODEL, _model),
    (_AFTER_CAPITAL, lambda m: " "),
    *OPERATORS,
    *MONEY,
    *DATES,
    (_RANGE, lambda m: " to "),
    *TIMES,
    (_ORDINAL, _ordinal),
    (_PLURAL, _plural),
    *MEASURES,
    *_NUMBERS,
]
