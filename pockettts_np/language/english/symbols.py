"""Signs that are spoken: of arithmetic and comparison, Greek letters, arrows; and pictures, which are not."""

import re
import unicodedata

from ..rules import Rule, any_of
from .numbers import cardinal
from .vocabulary import GREEK_LETTERS, SYMBOL_WORDS

_TO_SUPERSCRIPTS = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")
_COMPARED = {
    "!=": "is not equal to", "==": "equals", "===": "equals", "<=": "is less than or equal to",
    ">=": "is greater than or equal to", "->": "to", "-->": "to", "=>": "to", "<-": "from", "<--": "from",
}  # fmt: skip
_SHARES = {"yr": "year", "mo": "month", "hr": "hour", "wk": "week", "min": "minute", "sec": "second"}  # 5 days/yr
_SPACED = {"<": "less than", ">": "greater than", "||": "or"}
_GREEK_SCRIPT = "\u0370-\u03ff\u1f00-\u1fff"
# A letter of a formula or a name, but none of a Greek word; micrometers and ohms are measures.
_GREEK = re.compile(
    rf"(?<![{_GREEK_SCRIPT}])(?:(?<![\dkMm])(?<!\d )[\u03bc\u03a9]"
    r"|[\u0391-\u03a1\u03a3-\u03a8\u03b1-\u03bb\u03bd-\u03c9\u03d1\u03d5\u03f5])"
    rf"(?![{_GREEK_SCRIPT}\u0300-\u036f])"
)
_PICTURES = (
    "\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\u200d\u20e3\U0001f000-\U0001faff"
    "\U000e0020-\U000e007f"
)
_PICTURE = re.compile(rf"\A[{_PICTURES}]+ ?| ?[{_PICTURES}]+")
PICTURE: Rule = (_PICTURE, lambda match: _without_picture(match))
_STARS = re.compile("([★⭐]+)(☆*)")


def _greek(match: re.Match[str]) -> str:
    """β → beta, Δ → Delta, ϕ → phi."""
    letter = unicodedata.normalize("NFKC", match[0])
    name = GREEK_LETTERS[letter.lower()]
    return name if letter.islower() else name.title()


def _stars(match: re.Match[str]) -> str:
    """★★★☆☆ → three out of five stars."""
    n, n_all = len(match[1]), len(match[0])
    if n < n_all:
        return f"{cardinal(n)} out of {cardinal(n_all)} stars"
    return f"{cardinal(n)} star" + "s" * (n > 1)


def _without_picture(match: re.Match[str]) -> str:
    before, after = match.string[: match.start()][-1:], match.string[match.end() : match.end() + 1]
    return " " * (before.isalnum() and after.isalnum())


def _gap(match: re.Match[str]) -> str:
    return " " * (match.start() > 0)


GREEK: list[Rule] = [(_GREEK, _greek)]

# f**k and s**t are words with letters hidden.
_NOT_MASKED = "".join(
    f"(?<!(?i:{word[0]})(?=\\*\\*(?i:{word[1]})))" for word in ("fk", "st", "ct", "dk", "dn", "as", "hl", "tt")
)
_POWER: Rule = (
    re.compile(rf"(?:(?<=\b[A-Za-z])|(?<=[\d)])){_NOT_MASKED}( ?)\*\*\1(?=[\d(]|[A-Za-z]\b)"),
    lambda m: " to the power of ",
)

# Between numbers, while these are figures.
OPERATORS: list[Rule] = [
    (re.compile(r"(?<=\d) ?- ?(?=[\d.,]{1,20} ?=)"), lambda m: " minus "),
    (re.compile(r"(?<![\w.,:-])(\d{1,3})[-–]\1(?![\w:-])"), lambda m: f"{m[1]} {m[1]}"),
    (re.compile(r"(?<=\d) / (?=\d)"), lambda m: " divided by "),
    _POWER,
    (re.compile(r"(?<=\d) ?\* ?(?=[\d.])"), lambda m: " times "),
    (re.compile(r"((?<!\w)\w+|\))\^[({]?([-−]?\d{1,3})(?!\d)[)}]?"), lambda m: m[1] + m[2].translate(_TO_SUPERSCRIPTS)),
    (re.compile(r"(?<=[\d\"″”'′]) ?[x×] ?(?=\d)"), lambda m: " by " if "x" in m[0] else " times "),
    (re.compile(r"(\b(?:[Ww]e|I|[Yy]ou|[Tt]hey)) <3(?= [A-Za-z])"), lambda m: f"{m[1]} love"),
    (re.compile(r"(?<![-=<]) ?<(?= ?[-−]?\.?\d)"), lambda m: f"{_gap(m)}less than"),
    (re.compile(r"(?<![-=>]) ?>(?= ?[-−]?\.?\d)"), lambda m: f"{_gap(m)}greater than"),
    (re.compile(r"([$€£¥])[-−](?=\.?\d)"), lambda m: f"minus {m[1]}"),
    (re.compile(r"(?<![\w~])~ ?(?=\d)"), lambda m: "about "),
    (re.compile(r"(?<![\w)\]}°%+-])[-−](?=[.$€£¥]?[\d¼-¾⅐-⅞])"), lambda m: "minus "),
    (re.compile(r"(?<![\w+)])\+(?=[.$€£¥]?\d)"), lambda m: "plus "),
    (re.compile(r"(?<![\w#&])(?:#|№ ?)(?=\d)"), lambda m: "number "),
]

SYMBOLS: list[Rule] = [
    (re.compile(r"\bC\+\+(?!\w)"), lambda m: "C plus plus"),
    (re.compile(r"\b([CF])#(?!\w)"), lambda m: f"{m[1]} sharp"),
    (re.compile(r"(?<![\w#&])#(?=[A-Za-z])"), lambda m: "hashtag "),
    (re.compile(r"#(?= of\b)"), lambda m: "number"),
    (re.compile(r"&+"), lambda m: "and"),
    (re.compile(r"(?<!\w)([A-Z][a-z]\w*) > (?=[A-Z][a-z])"), lambda m: f"{m[1]}, "),  # Settings > General
    (
        re.compile(rf"(?<=[\w)\]\"'])(?<!\(\))(?<!\(\) )(?: ?({any_of(_COMPARED)}) ?)(?=[\w(\[\"'])"),
        lambda m: f" {_COMPARED[m[1]]} ",
    ),
    (re.compile(r"(?<=[\w)\]]) (\|\||<|>) (?=[\w(\[\"'!-])"), lambda m: f" {_SPACED[m[1]]} "),
    (re.compile(r"(?<=\w)([<>])(?=\w)(?![^<>\n]{0,80}[<>])"), lambda m: f" {_SPACED[m[1]]} "),
    (re.compile(r"(?<=\w) ?\^ ?(?=\w)"), lambda m: " to the power of "),
    _POWER,
    (re.compile(r"(?<=\w)%(?=\w)"), lambda m: " percent "),
    (re.compile(r"(?:(?<=:)|(?<=\w)(?!\\[nrt]))\\(?=\w)(?<!\\[nrt]\\)"), lambda m: " backslash "),
    (re.compile(r"(?<=[\w)\]]) ?\+ ?(?=[\w(\[])"), lambda m: " plus "),
    (re.compile(r"(?<=\w)\+(?![\w+])"), lambda m: " plus"),
    (re.compile(r"(?<=[\w)\]]) ?(?<!=)=(?!=) ?(?=[\w(\[{\"'-])"), lambda m: " equals "),
    (re.compile(r"(?<=[a-z])/(yr|mo|hr|wk|min|sec)\b"), lambda m: f" per {_SHARES[m[1]]}"),
    (re.compile(r"(?<=\w) ?%(?![\w%])"), lambda m: " percent"),
    (re.compile(r"(?<![\w%])%(?=\s|\Z)"), lambda m: "percent"),
    (re.compile(r"(?<![@\w])@(?=\w)"), lambda m: "at "),
    (re.compile(r"(?<=\w)@(?=\w)|(?<=\s)@(?=\s)"), lambda m: "at"),
    (re.compile("§§ ?"), lambda m: "sections "),
    (re.compile(r"(\b[Cc]opyright|\bCOPYRIGHT) ?©|© ?((?i:copyright)\b)"), lambda m: m[1] or m[2]),
    (_STARS, _stars),
    (re.compile(rf"(?!\$[${{])(?!(?<=\$)\$)[{''.join(SYMBOL_WORDS)}]"), lambda m: SYMBOL_WORDS[m[0]]),
    PICTURE,
]
