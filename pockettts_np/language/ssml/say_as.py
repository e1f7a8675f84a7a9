"""`<say-as interpret-as="…">`: text in the words that its kind asks for.

English has words of its own here. In other languages, what a kind asks for is written so that the rules of
`language.reading` know it, and said by them where they are installed.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from ..english.numbers import cardinal, digits, ordinal, year
from ..english.vocabulary import MONTHS
from ..reading import Reading
from ..rules import Draft

_SIGNS = {
    ".": "dot", ",": "comma", "-": "dash", "_": "underscore", "/": "slash", "@": "at", "#": "hash", "+": "plus",
    "*": "star", "&": "and", "=": "equals", "%": "percent", ":": "colon", "$": "dollar", "'": "apostrophe",
}  # fmt: skip
_ORDERS = ("ymd", "mdy", "dmy", "ydm", "ym", "my", "md", "dm", "y", "m", "d")
_MOST_DIGITS = 33  # that have a name together


def say_as(kind: str, text: str, form: str, reading: Reading) -> str | None:
    """What is said for `text`; None where the kind is not known, or the text is none of it."""
    text = " ".join(text.split())
    if kind not in _KINDS:
        return None
    if _is_english(reading):
        return _KINDS[kind](text, form)
    if kind in ("date", "time"):
        return _by_rules(_numeric_date(text, form) if kind == "date" else text, reading)
    if kind in ("cardinal", "number", "ordinal"):
        return _by_num2words(text, "ordinal" if kind == "ordinal" else "cardinal", reading)
    parts = re.findall(r"\w+", text) if kind == "telephone" else [text]
    return ", ".join(" ".join(part) for part in parts)


def _is_english(reading: Reading) -> bool:
    return (reading.language or "english").startswith(("english", "builtin"))


def _by_rules(text: str | None, reading: Reading) -> str | None:
    if text is None:
        return None
    draft = Draft(text)
    try:
        replace(reading, normalize=True, lexicons=()).write(draft)
    except (ModuleNotFoundError, ValueError):
        return text
    return draft.text


def _by_num2words(text: str, kind: str, reading: Reading) -> str | None:
    value = _whole(text)
    if value is None:
        return None
    from ..others.speller import LANGUAGES

    try:
        from num2words import num2words
    except ModuleNotFoundError:
        return str(value) if kind == "cardinal" else None
    return str(num2words(value, lang=LANGUAGES[reading.language or ""].code, to=kind))


# ---- English -------------------------------------------------------------------------------------------------


def _characters(text: str, form: str) -> str | None:
    named = (digits(c) if c.isascii() and c.isdecimal() else _SIGNS.get(c, c.upper()) for c in text if not c.isspace())
    return " ".join(named) or None


def _digits(text: str, form: str) -> str | None:
    return digits(figures) if (figures := "".join(re.findall("[0-9]", text))) else None


def _whole(text: str) -> int | None:
    match = re.fullmatch(r"([+\-−]?)\s?(\d{1,3}(?:[,  ]\d{3})+|\d+)(?:st|nd|rd|th)?", text, re.ASCII | re.IGNORECASE)
    if match is None or len(figures := re.sub(r"\D", "", match[2])) > _MOST_DIGITS:
        return None
    return -int(figures) if match[1] in ("-", "−") else int(figures)


def _cardinal(text: str, form: str) -> str | None:
    value = _whole(text)
    return None if value is None else cardinal(value)


def _ordinal(text: str, form: str) -> str | None:
    value = _whole(text)
    return None if value is None else ordinal(value)


def _telephone(text: str, form: str) -> str | None:
    """Digit by digit, with a breath between groups; letters, as in 1-800-FLOWERS, stay."""
    groups = re.findall(r"\d+|[^\W\d_]+", text)
    said = ", ".join(digits(group) if group.isascii() and group.isdecimal() else group for group in groups)
    return ("plus " if text.startswith("+") else "") + said if said else None


def _date(text: str, form: str) -> str | None:
    fields = _date_fields(text, form)
    if fields is None:
        return None
    day, month, full_year = (fields.get(name) for name in "dmy")
    named = " ".join([*([MONTHS[month - 1]] if month else []), *([ordinal(day)] if day else [])])
    return ", ".join([*([named] if named else []), *([year(full_year)] if full_year else [])])


def _date_fields(text: str, form: str) -> dict[str, int] | None:
    """Day, month and year as far as they are given; None for what is no date of that form."""
    numbers = re.findall(r"\d+", text)
    first_is_year = bool(numbers) and len(numbers[0]) == 4
    order = form.lower() or ("ymd" if first_is_year else "mdy")[: len(numbers)]
    if order not in _ORDERS or len(numbers) != len(order) or max(map(len, numbers), default=9) > 4:
        return None
    fields = dict(zip(order, map(int, numbers), strict=True))
    if "y" in fields and len(numbers[order.index("y")]) <= 2:
        fields["y"] += 2000 if fields["y"] < 70 else 1900
    is_day = 1 <= fields.get("d", 1) <= 31 and 1 <= fields.get("m", 1) <= 12 and fields.get("y", 1) > 0
    return fields if is_day else None


def _numeric_date(text: str, form: str) -> str | None:
    fields = _date_fields(text, form or ("" if re.match(r"\d{4}", text) else "dmy"[: len(re.findall(r"\d+", text))]))
    return None if fields is None else ".".join(str(fields[name]) for name in "dmy" if name in fields)


def _time(text: str, form: str) -> str | None:
    """A time of day: behind "at", the rules take it for no length of time."""
    from ..english.front_end import normalize_english

    if not re.search(r"\d", text):
        return None
    return normalize_english(f"at {text}").removeprefix("at ")


_KINDS: dict[str, Callable[[str, str], str | None]] = {
    **dict.fromkeys(("characters", "spell-out", "verbatim"), _characters),
    **dict.fromkeys(("cardinal", "number"), _cardinal),
    "digits": _digits,
    "ordinal": _ordinal,
    "telephone": _telephone,
    "date": _date,
    "time": _time,
}
