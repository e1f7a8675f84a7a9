"""Digits in groups in English words: telephone numbers, postal codes, versions; thousands as they stand elsewhere."""

import re

from ..rules import Rule, any_of
from .context import counts
from .numbers import digits, number_words
from .vocabulary import CURRENCIES, EMERGENCY_NUMBERS, UNITS

# ---- thousands and decimals as other countries write them ----------------------------------------------------

_START = r"(?<![\w.,/'’-])"
_END = r"(?![\w'’]|[.,]\d)"
_END_OR_POINT = r"(?![\w'’]|,\d)"
_SPACE = "[ \u00a0\u202f\u2009]"
_AMOUNT = any_of([*UNITS, *CURRENCIES])
_SPACED = re.compile(
    rf"{_START}(?:(?<!\d )|(?<=\b20\d\d )|(?<=\b19\d\d ))\d{{1,3}}(?:{_SPACE}\d{{3}})+(?:,\d\d?)?{_END}(?!{_SPACE}\d)"
)
_AMOUNT_FOLLOWS = re.compile(rf"{_SPACE}?(?:{_AMOUNT})(?!\w)")
_DOTTED = re.compile(rf"{_START}\d{{1,3}}(?:(?:\.\d{{3}}){{2,}}|(?:\.\d{{3}})+,\d\d?){_END}")
_APOSTROPHES = re.compile(rf"{_START}\d{{1,3}}(?:['’_]\d{{3}})+{_END_OR_POINT}")
_INDIAN = re.compile(rf"{_START}\d{{1,2}}(?:,\d\d)+,\d{{3}}{_END_OR_POINT}")
_COMMA_POINT = re.compile(rf"{_START}\d+,\d\d?(?={_SPACE}?(?:{_AMOUNT})(?!\w))")


def _english(figures: str) -> str:
    """10 000,50 and 1.234,56 → 10,000.50 and 1,234.56."""
    whole, _, decimals = figures.partition(",")
    return re.sub(r"\D", ",", whole) + (f".{decimals}" if decimals else "")


def _spaced(match: re.Match[str]) -> str:
    """10 000 and 1 234 567 people; but 12 100 and 10 120 255 may be lists, where plain spaces part them."""
    groups = match[0].split(" ")
    has_currency = match.string[max(0, match.start() - 1) : match.start()] in CURRENCIES
    is_counted = len(groups) > 2 and (counts(match) or _AMOUNT_FOLLOWS.match(match.string, match.end()))
    is_million = len(groups) > 2 and len(groups[0]) == 1  # nobody lists 1 234 567
    is_number = "," in match[0] or groups[-1] == "000" or has_currency or is_counted or is_million
    return _english(match[0]) if is_number or len(groups) == 1 else match[0]


def _dotted(match: re.Match[str]) -> str:
    """1.234.567, but not the network address 10.100.200.255."""
    parts = match[0].split(".")
    is_address = len(parts) == 4 and "," not in match[0] and all(int(part) < 256 for part in parts)
    return match[0] if is_address else _english(match[0])


ELSEWHERE: list[Rule] = [
    (_SPACED, _spaced),
    (_DOTTED, _dotted),
    (_APOSTROPHES, lambda m: re.sub("['’_]", ",", m[0])),
    (_INDIAN, lambda m: f"{int(m[0].replace(',', '')):,}"),
    (_COMMA_POINT, lambda m: m[0].replace(",", ".")),
]

# ---- digits one by one ---------------------------------------------------------------------------------------

_AMERICAN_PHONE = re.compile(
    r"(?<![\w+.,-])(?:\+?\d{1,3}[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-]|[.,]\d)"
)
_PHONE = re.compile(
    r"(?<![\w+.,-])(?:"
    r"\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,8}"  # international
    r"|\(?0\d{1,4}\)?(?: ?/ ?|[ -]?)\d{2,8}(?:[ -]\d{2,6}){0,4}\)?"  # with the 0 before an area
    r")(?![\w-]|[.,]\d)"
)
_FEWEST_PHONE_DIGITS = 8
_SHORT_PHONE = re.compile(r"(?<![\w.,$€£¥-])(\d{3})-(\d{4})(?![\w%-]|[.,]\d)")
_WORD_PHONE = re.compile(r"(?<![\w.,-])1-(8\d\d|900)-(?=[A-Z])([A-Z\d-]{4,10})(?![\w-])")
_EMERGENCY = "|".join(EMERGENCY_NUMBERS)
_CALLED = re.compile(
    rf"\b((?:call|dial|text|phone|ring)(?:s|ed|ing)? )({_EMERGENCY})(?: or ({_EMERGENCY}))?(?![\w%-]|[.,:]\d)",
    re.IGNORECASE,
)
_CALLED_SHORT = re.compile(
    r"\b((?:call|dial|text|phone|ring)(?:s|ed|ing)? (?:\w+ (?:at|on) )?)(\d{3}) (\d{4})(?![\w%-]|[.,:]\d)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![\w.,-])(?:\d+(?:-\d+){2,}|\d{4}(?: \d{4}){2,}|\d{5}-\d{4})(?![\w-])")
_BANK_ACCOUNT = re.compile(r"\b[A-Z]{2}\d\d(?: [\dA-Z]{4}){3,7}(?: [\dA-Z]{1,3})?\b")
_MODEL = re.compile(r"(?<![\w.,-])(\d{3})-(\d{3})(?![\w-])")  # Boeing 747-400; 400-747 is a range
_VERSION = re.compile(r"(?<![\w.,])(?:v(?=\d))?\d+(?:\.\d+){2,}(?!\w)")


def _american_phone(match: re.Match[str]) -> str:
    groups = ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))
    return f"plus {groups}" if match[0].startswith("+") else groups


def _phone(match: re.Match[str]) -> str:
    """020 7946 0958, (01223) 245151, 0171/1234567, +33 1 23 45 67 89, +44 (0)20 7946 0958."""
    if sum(map(str.isdecimal, match[0])) < _FEWEST_PHONE_DIGITS or match[0].isdecimal():
        return match[0]
    around = match[0][:1] == "(" and match[0][-1:] == ")" and match[0].count("(") == 1 == match[0].count(")")
    words = _american_phone(match)
    return f"({words})" if around else words


def _short_phone(match: re.Match[str]) -> str:
    is_range = match[1].endswith("0") and match[2].endswith("0")
    return match[0] if is_range else _american_phone(match)


def _word_phone(match: re.Match[str]) -> str:
    """1-800-FLOWERS."""
    words = [digits(part) if part.isdecimal() else part for part in match[2].split("-")]
    return ", ".join(["one", digits(match[1]), " ".join(words)])


def _called_short(match: re.Match[str]) -> str:
    """Call 555 1234."""
    return match[0] if counts(match) else f"{match[1]}{digits(match[2])}, {digits(match[3])}"


def _called(match: re.Match[str]) -> str:
    """Call 911 or 112."""
    numbers = [digits(number) for number in match.groups()[1:] if number]
    return match[0] if counts(match) else match[1] + " or ".join(numbers)


def _code(match: re.Match[str]) -> str:
    """Serial and card numbers, and American postal codes."""
    groups = re.split("[- ]", match[0])
    return ", ".join(number_words(group) if len(group) < 3 else digits(group) for group in groups)


def _bank_account(match: re.Match[str]) -> str:
    """DE89 3704 0044 0532 0130 00."""
    groups = [[digits(c) if c.isdecimal() else c for c in group] for group in match[0].split(" ")]
    return ", ".join(map(" ".join, groups))


def _version(match: re.Match[str]) -> str:
    prefix = "version " if match[0].startswith("v") else ""
    parts = [number_words(part) for part in match[0].lstrip("v").split(".")]
    return prefix + (" dot " if len(parts) == 4 else " point ").join(parts)  # four parts: a network address


GROUPS: list[Rule] = [
    (_BANK_ACCOUNT, _bank_account),
    (_AMERICAN_PHONE, _american_phone),
    (_PHONE, _phone),
    (_VERSION, _version),
    (_SHORT_PHONE, _short_phone),
    (_WORD_PHONE, _word_phone),
    (_CALLED_SHORT, _called_short),
    (_CALLED, _called),
    (_CODE, _code),
    (_MODEL, lambda m: f"{m[1]} {m[2]}" if m[1] > m[2] and m[2].endswith("00") else m[0]),
]
