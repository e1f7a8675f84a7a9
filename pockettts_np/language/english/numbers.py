"""Numbers in English words: cardinals, ordinals, years, fractions, digits one by one.

American words with the "and" of "one hundred and one", no commas, so that a number is one breath.
"""

import re
import unicodedata
from collections.abc import Iterable

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = (
    "thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion", "septillion",
    "octillion", "nonillion", "decillion",
)  # fmt: skip
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST_CARDINAL = 3 * (len(_SCALES) + 1)  # digits
_LONGEST_UNGROUPED = 9  # digits; more of them without commas are a code, unless they end in zeros
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN_FORM = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")

# As text of patterns: 1,234.5 or 1234.5 or .5; ½; any value that `value_words` reads, such as 2 1/2.
NUMBER = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
VULGAR = "[¼-¾⅐-⅞↉]"
VALUE = rf"(?:(?:\d{{1,9}}[ -])?\d{{1,9}}[/⁄]\d{{1,9}}(?![\d/⁄])|(?:\d{{1,9}} ?)?{VULGAR}|{NUMBER})"

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")  # to plain figures

_VALUE_PARTS = re.compile(r"(?:(\d+)[ -])?(\d+)⁄(\d+)")
# What looks like a fraction and is read number by number.
_SIDE_BY_SIDE = {(24, 7), (9, 11)}


def cardinal(n: int) -> str:
    """42 → forty-two. ValueError from 10^36 on."""
    if n < 0:
        return "minus " + cardinal(-n)
    if n < 100:
        return _below_hundred(n)
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        return f"{_SMALL[hundreds]} hundred" + (f" and {cardinal(rest)}" if rest else "")
    scale = (len(str(n)) - 1) // 3
    if scale > len(_SCALES):
        raise ValueError(f"The number has {len(str(n))} digits; there are words for {_LONGEST_CARDINAL} at most.")
    high, rest = divmod(n, 1000**scale)
    joint = " and " if 0 < rest < 100 else " "
    return f"{cardinal(high)} {_SCALES[scale - 1]}" + (joint + cardinal(rest) if rest else "")


def _below_hundred(n: int) -> str:
    if n < 20:
        return _SMALL[n]
    return _TENS[n // 10 - 2] + (f"-{_SMALL[n % 10]}" if n % 10 else "")


def ordinal(n: int) -> str:
    """22 → twenty-second. ValueError from 10^36 on."""
    start, last = re.fullmatch(r"(.*?)([a-z]+)", cardinal(n)).groups()  # type: ignore[union-attr]
    if last in _ORDINALS:
        return start + _ORDINALS[last]
    return start + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def digits(figures: Iterable[str]) -> str:
    """1805 → one eight zero five."""
    return " ".join(_SMALL[int(figure)] for figure in figures)


def year(n: int) -> str:
    """1999 → nineteen ninety-nine, 1805 → eighteen oh five, 2007 → two thousand and seven."""
    century, rest = divmod(n, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(n)
    return f"{cardinal(century)} " + (pair(rest) if rest else "hundred")


def pair(n: int) -> str:
    """Two digits that follow others: 5 → oh five, 45 → forty-five."""
    return f"oh {_SMALL[n]}" if n < 10 else _below_hundred(n)


def short_code(figures: str) -> str:
    """Digits of a name, as in A380, MP3 or H2O: three eighty, three, two."""
    if figures[0] == "0" or len(figures) > 4:
        return digits(figures)
    if len(figures) == 4:
        return year(int(figures))
    if len(figures) == 3 and figures[1:] != "00":
        return f"{_SMALL[int(figures[0])]} {pair(int(figures[1:]))}"
    return cardinal(int(figures))


def plural(words: str) -> str:
    """nineteen ninety → nineteen nineties, six → sixes, five → fives."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def number_words(figures: str) -> str:
    """1,234.50 → one thousand two hundred and thirty-four point five zero. Codes and 007 are read by digits."""
    whole, _, decimals = figures.replace(",", "").partition(".")
    words = [_whole_words(whole, grouped="," in figures)] if whole else []
    return " ".join(words + (["point", digits(decimals)] if decimals else []))


def _whole_words(figures: str, grouped: bool) -> str:
    is_code = len(figures) > _LONGEST_UNGROUPED and not grouped and not figures.endswith("000")
    if is_code or len(figures) > _LONGEST_CARDINAL or (figures[0] == "0" and len(figures) > 1):
        return digits(figures)
    return cardinal(int(figures))


def value_words(value: str) -> str:
    """What `VALUE` matched, in words: 3.5, 1,000, ½, 3/4, 2 1/2."""
    parted = re.sub(rf" ?({VULGAR})", lambda m: " " + unicodedata.normalize("NFKC", m[1]), value).strip()
    parts = _VALUE_PARTS.fullmatch(parted.replace("/", "⁄"))
    if parts is None:
        return number_words(value)
    whole, above, below = parts.groups()
    words = _fraction(int(above), int(below))
    if whole is None:
        return words
    if words.startswith("one "):
        words = ("an " if words.startswith("one e") else "a ") + words.removeprefix("one ")
    return f"{cardinal(int(whole))} and {words}"


def _fraction(above: int, below: int) -> str:
    if (above, below) in _SIDE_BY_SIDE or above == below > 1:
        return f"{cardinal(above)} {cardinal(below)}"
    if not (0 < above < 100 and 2 <= below <= 100 and (above < below or below <= 10)):
        return f"{cardinal(above)} over {cardinal(below)}"
    if above > 1 and below in (50, 100):
        return f"{cardinal(above)} out of {cardinal(below)}"
    part = {2: "half", 4: "quarter"}.get(below) or ordinal(below)
    if above > 1:
        part = "halves" if below == 2 else part + "s"
    return f"{cardinal(above)} {part}"


def roman(numeral: str) -> int | None:
    """XIV → 14; None for what is no Roman numeral."""
    if not numeral or not _ROMAN_FORM.fullmatch(numeral):
        return None
    values = [_ROMAN[letter] for letter in numeral]
    return sum(-v if v < following else v for v, following in zip(values, [*values[1:], 0], strict=True))
