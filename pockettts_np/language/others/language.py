"""What the tables say of a language."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Language:
    """How numbers and what stands beside them are said; a pattern is text of a regular expression."""

    code: str  # as num2words calls it
    point: str
    dot: str  # of addresses and versions
    percent: str
    minus: str
    to: str  # between the ends of a range
    euros: tuple[str, str]  # one, many
    cents: tuple[str, str]
    with_cents: str  # between euros and cents
    currencies: dict[str, tuple[str, str]]
    units: dict[str, tuple[str, str]]
    months: tuple[str, ...]
    date: str  # of day, month, year
    first_day: str  # of a month; "" where days are counted like the others
    hours: str  # of the number
    one_hour: str
    and_minutes: str  # between hours and minutes
    hour_marks: str  # a pattern: what may stand behind the time, and is said in it
    abbreviations: dict[str, str]
    power: str
    squared: str
    cubed: str
    fractions: dict[str, str]
    signs: dict[str, str]
    ordinal: str  # a pattern: how a number is marked as an ordinal
    century: str  # a pattern with a Roman numeral
    numbered: str  # a pattern of words: behind them 2.3 has a dot, and 10 200 are two numbers
    score: str  # between goals
    century_reading: str = "ordinal"  # how num2words calls the reading of that
    year: str = "cardinal"  # how num2words calls the reading of 1999
    time_words: str = ""  # a pattern of words: behind them, 8.30 is a time
    time_span: str = ""  # a pattern of words: behind them, 8.30 to 9.15 are times
    day_words: str = ""  # a pattern of words: behind them 24/12 is a day
    one_of: str = ""  # one, before a noun, where it is not the number's name
    no_hours: str = ""  # midnight, where it is not said as the other hours are
    followed: dict[str, str] = field(default_factory=dict)  # what must stand behind a short abbreviation: patterns


def pairs(text: str) -> dict[str, tuple[str, str]]:
    """One a line: symbol, one, many; many may be left out."""
    rows = [[part.strip() for part in line.split(",")] for line in text.strip().splitlines()]
    return {row[0]: (row[1], row[-1]) for row in rows}


def readings(text: str) -> dict[str, str]:
    return {short: words for short, (words, _) in pairs(text).items()}


_FRACTIONS = ("½", "⅓", "⅔", "¼", "¾")
_SIGNS = ("+", "=", "&", "<", ">", "×", "÷", "±", "≈", "≤", "≥", "→", "§", "°", "@")


def words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def fractions(text: str) -> dict[str, str]:
    return dict(zip(_FRACTIONS, words(text), strict=True))


def signs(text: str) -> dict[str, str]:
    return dict(zip(_SIGNS, words(text), strict=True))


def second(noun: str, conjunction: str) -> str:
    """A pattern: behind a noun, a Roman numeral and a conjunction."""
    return "|".join(rf"(?<={noun} [IVXL]{{{n}}} {conjunction} )" for n in range(1, 7))


NUMERAL = "[IVXL]{1,6}"  # of a century
SPACE = "[ \u00a0\u202f]"
