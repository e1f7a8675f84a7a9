"""Money and measures in English words."""

import re

from ..rules import Rule, any_of
from .numbers import NUMBER, VALUE, VULGAR, cardinal, number_words, value_words
from .vocabulary import COUNTED_IN_MILLIONS, CURRENCIES, IRREGULAR_UNITS, SCALES, SHARES, UNITS

_SPACE = "[ \u00a0\u202f]"
_START = r"(?<![\w.,/⁄])"  # where a number may begin

# ---- money ---------------------------------------------------------------------------------------------------

_CURRENCY = any_of(CURRENCIES)
_SCALE = r"(?:[ -]?(hundred|thousand|million|billion|trillion)\b|((?i:mn|bn|tn|[kmbt]))(?!\w))?"
_AMOUNT = rf"(\d+,\d\d(?![\d,])|{NUMBER})"  # 12,50 € as well
_PREFIXED = re.compile(
    rf"(?<!\w)({_CURRENCY}) ?{_AMOUNT}(?: ?(?:[-–—]|to) ?(?:{_CURRENCY}) ?{_AMOUNT}| ?[-–—] ?{_AMOUNT})?{_SCALE}"
)
_SUFFIXED = re.compile(rf"{_START}{_AMOUNT}{_SCALE}{_SPACE}?({_CURRENCY})(?!\w)")
_CENTS = re.compile(rf"{_START}(\d+) ?(¢|c|p)(?!\w|\.\w)")


def _money(figures: str, scale: str, currency: str) -> str:
    figures = re.sub(r",(?=\d\d\Z)", ".", figures)
    one, many, one_cent, many_cents = CURRENCIES[currency]
    whole, _, decimals = figures.replace(",", "").partition(".")
    if scale:
        return f"{number_words(figures)} {scale} {many}"
    if len(decimals) != 2 or not (one_cent or decimals == "00"):
        return f"{number_words(figures)} {one if figures == '1' else many}"
    n_whole, n_cents = whole.strip("0"), int(decimals)
    words = [f"{number_words(whole)} {one if whole == '1' else many}"] if n_whole or not n_cents else []
    words += [f"{cardinal(n_cents)} {one_cent if n_cents == 1 else many_cents}"] if n_cents else []
    return " and ".join(words)


def _prefixed_money(match: re.Match[str]) -> str:
    currency, first, last, bare_last, word, letter = match.groups()
    scale = word or SCALES.get((letter or "").lower(), "")
    last = last or bare_last
    return (f"{number_words(first)} to " if last else "") + _money(last or first, scale, currency)


def _suffixed_money(match: re.Match[str]) -> str:
    figures, word, letter, currency = match.groups()
    return _money(figures, word or SCALES.get((letter or "").lower(), ""), currency)


def _cents(match: re.Match[str]) -> str:
    if match[2] != "¢" and len(match[1]) > 2:
        return match[0]
    one, many = ("penny", "pence") if match[2] == "p" else ("cent", "cents")
    return f"{number_words(match[1])} {one if match[1] == '1' else many}"


# ---- measures ------------------------------------------------------------------------------------------------

_PER = {symbol: name for symbol, name in UNITS.items() if symbol.isalnum()} | SHARES
_BARE_UNIT = any_of(filter(str.isalpha, UNITS))
_UNIT = any_of(UNITS)
_PER_UNIT = any_of(_PER)
_MEASURE = re.compile(rf"{_START}({VALUE})({_SPACE}|-)?({_UNIT})(?:/({_PER_UNIT}))?(?![\w²³]|/(?!\d))")
_PER_AMOUNT = re.compile(rf"(?<=\d)([kKmM]|bn)?/({'|'.join(SHARES)})\b")
_AFTER_POWER = re.compile(rf"((?<!\d)\d+[⁰¹²³⁴-⁹⁻]+) ({_BARE_UNIT})(?:/({_PER_UNIT}))?(?![\w²³/])")  # 10⁻³¹ kg
_OVEN = re.compile(rf"{_START}(\d{{3}})F(?!\w)")
_RATE = re.compile(rf"(?<![\w/.])((?=[a-zA-Z]{{2}}|m)(?:{_BARE_UNIT}))/({_PER_UNIT})(?![\w²³/])")  # in km/h
_AREA = re.compile(r"(?<![\w/.])((?:[kc]m|mm|ft|mi)[²³])(?![\w/])")
_ALTERNATIVE = re.compile(rf"(?<=\d)({_SPACE}?(?:{_UNIT}))/(?=\d)")  # 350°F/180°C
_COUNT = re.compile(
    rf"{_START}(\d+(?:\.\d+)?)(?:(bn|[kKmMbB])(?= (?:{'|'.join(COUNTED_IN_MILLIONS)})\b)|(?<=\.\d)([KMB])(?!\w)"
    r"|(k)(?= [a-z]+s\b)|(?<=\d{3})(k)(?!\w))"
)
_SCORE = re.compile(r"(?<![\w.,/])(\d+\.\d+)/(\d+)(?![\w/])|(?<![\w.,/])(\d+)/(\d+)(?= (?:stars?|points?)\b)")
_BELOW_ONE = re.compile(rf"{VULGAR}|\d+[/⁄]\d+")  # three quarters mile
_DIMENSIONS = "(?:tall|long|wide|high|deep|thick|across|square|by|x|×|screen|TV|monitor|display|pipe|fence|wall)"
_FEET = re.compile(rf"{_START}(\d{{1,3}})(?:′|['’](?= {_DIMENSIONS}\b))")
_ANGLE = re.compile(r"(?<![\w.])(\d{1,3})° ?(\d{1,2})['′’](?: ?(\d{1,2}(?:\.\d+)?)[\"″”])? ?([NSEW]\b)?")
_POINTS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_FEET_INCHES = re.compile(r"(?<![\w.,])(\d{1,3})(?:['′]|(?: ?ft\.? ?))(\d\d?)(?:[\"″”]| ?in\b\.?)")
_INCHES = re.compile(
    rf"{_START}({VALUE})(?:″|-?in\b\.?| in\.(?= [a-z])|[\"”](?= {_DIMENSIONS}\b)|(?<=by \d)\"|(?<=by \d\d)\")"
    rf"|{_START}(\d*\.\d+) in\b|"
    r"(?<![\w.,])((?:\d{1,3}[ -])?\d/\d\d?)\""
)


def _measure(match: re.Match[str]) -> str:
    value, joint, symbol, per = match.groups()
    if symbol in ("x", "×") and joint:
        return match[0]
    name = UNITS[symbol]
    if value != "1" and joint != "-" and not _BELOW_ONE.fullmatch(value):
        name = _plural_unit(name)
    return f"{value_words(value)} {name}" + (f" per {_PER[per]}" if per else "")


def _after_power(match: re.Match[str]) -> str:
    return f"{match[1]} {_plural_unit(UNITS[match[2]])}" + (f" per {_PER[match[3]]}" if match[3] else "")


def _plural_unit(name: str) -> str:
    if name in IRREGULAR_UNITS:
        return IRREGULAR_UNITS[name]
    counted, per, share = name.partition(" per ")
    return f"{counted}s{per}{share}"


def _feet_inches(match: re.Match[str]) -> str:
    feet, inches = int(match[1]), int(match[2])
    return (
        f"{cardinal(feet)} {'foot' if feet == 1 else 'feet'} {cardinal(inches)} {'inch' if inches == 1 else 'inches'}"
    )


def _inches(match: re.Match[str]) -> str:
    if match[0][-1] in '"”' and match.string[max(0, match.start() - 1) : match.start()] in ('"', "“"):
        return match[0]  # "24" TV
    value = match[1] or match[2] or match[3]
    is_one = value == "1" or match[3] or "-" in match[0][len(value) :] or _BELOW_ONE.fullmatch(value)
    return f"{value_words(value)} {'inch' if is_one else 'inches'}"


def _angle(match: re.Match[str]) -> str:
    """40°26′46″N."""
    degrees, minutes, seconds, point = match.groups()
    parts = [_plural(degrees, "degree"), _plural(minutes, "minute")] + ([_plural(seconds, "second")] if seconds else [])
    return " ".join(parts) + (f" {_POINTS[point]}" if point else "")


def _plural(figures: str, unit: str) -> str:
    return f"{number_words(figures)} {unit}" + "s" * (figures != "1")


def _count(match: re.Match[str]) -> str:
    """2m views, 1.2M, 3k likes."""
    scale = next(filter(None, match.groups()[1:]))
    return f"{number_words(match[1])} {SCALES[scale.lower()]}"


def _score(match: re.Match[str]) -> str:
    """4.5/5, 5/5 stars."""
    return f"{number_words(match[1] or match[3])} out of {number_words(match[2] or match[4])}"


MONEY: list[Rule] = [
    (_PER_AMOUNT, lambda m: f"{m[1] or ''} per {SHARES[m[2]]}"),
    (_PREFIXED, _prefixed_money),
]
MEASURES: list[Rule] = [
    (_SUFFIXED, _suffixed_money),
    (_CENTS, _cents),
    (_COUNT, _count),
    (_SCORE, _score),
    (_ANGLE, _angle),
    (_ALTERNATIVE, lambda m: f"{m[1]} or "),
    (_AFTER_POWER, _after_power),
    (_OVEN, lambda m: f"{number_words(m[1])} degrees Fahrenheit"),
    (_RATE, lambda m: f"{_plural_unit(UNITS[m[1]])} per {_PER[m[2]]}"),
    (_AREA, lambda m: _plural_unit(UNITS.get(m[1], m[1]))),
    (_FEET, lambda m: f"{cardinal(int(m[1]))} {'foot' if m[1] == '1' else 'feet'}"),
    (_FEET_INCHES, _feet_inches),
    (_INCHES, _inches),
    (_MEASURE, _measure),
]
