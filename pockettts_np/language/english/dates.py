"""Dates and times in English words."""

import re

from ..rules import Rule
from .context import CONTEXT_CHARS, after
from .numbers import cardinal, ordinal, pair, year
from .vocabulary import MONTHS, SHORT_MONTHS, WEEKDAYS, WEEKDAYS_BY_SHORT

# ---- dates ---------------------------------------------------------------------------------------------------

_MONTH_NAMES = sorted([*MONTHS, *SHORT_MONTHS], key=len, reverse=True)
_MONTH = "|".join([*_MONTH_NAMES, *map(str.upper, _MONTH_NAMES)])
_ISO_DATE = re.compile(r"(?<![\d/-])(\d{4})([-/])(\d\d?)\2(\d\d?)(?![\d/-])(?:T(?=\d))?")
_NUMERIC_DATE = re.compile(r"(?<![\d/.-])(\d\d?)(?:(/)(\d\d?)/(\d{4}|\d\d)|([.-])(\d\d?)\5(\d{4}))(?![\d/-]|\.\d)")
_SEASON = re.compile(r"(?<![\w.,/-])((?:1[89]|20)\d\d)/(\d\d)(?![\w/])")
_SHORT_DATE = re.compile(r"\b((?i:on|until|since|before|after|by)) (\d\d?)/(\d\d?)(?![\d/])")
_MONTH_DAY = re.compile(
    rf"\b({_MONTH}) (\d\d?)(?:st|nd|rd|th)?(?: ?[-–] ?(\d\d?))?(?![\w/%°]|[.,:]\d)(?:(,? )(\d{{4}})\b(?![.,:]\d))?"
)
_DAY_MONTH = re.compile(
    rf"(\b[Tt]he )?(?<![\w.,])(?:(\d\d?)(?:st|nd|rd|th)? ?[-–] ?)?(\d\d?)(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b"
    r"(?:(,? )(\d{4})\b(?![.,:]\d))?"
)
_SHORT_MONTH_YEAR = re.compile(rf"\b({'|'.join(SHORT_MONTHS)}) (?=\d{{4}}\b)")


def _month(name: str) -> str:
    return SHORT_MONTHS.get(name.title()) or name.title()


def _date(full_year: int, month: int, day: int) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{MONTHS[month - 1]} {ordinal(day)}, {year(full_year)}"


def _iso_date(match: re.Match[str]) -> str:
    words = _date(int(match[1]), int(match[3]), int(match[4]))
    return match[0] if words is None else words + " " * match[0].endswith("T")


def _numeric_date(match: re.Match[str]) -> str:
    """22/11/2026 and 11/22/2026 can be read in one way; 3/4/2026 is taken as in the US, 3.4.2026 as in Europe."""
    first, second, full_year = int(match[1]), int(match[3] or match[6]), match[4] or match[7]
    n_year = int(full_year) if len(full_year) == 4 else int(full_year) + (2000 if int(full_year) < 70 else 1900)
    day_first = match[5] == "." or first > 12
    month, day = (second, first) if day_first else (first, second)
    return _date(n_year, month, day) or match[0]


def _short_date(match: re.Match[str]) -> str:
    """On 12/24, but not: by 3/4."""
    month, day = int(match[2]), int(match[3])
    is_fraction = (match[1].lower() == "by" and day <= 16) or (month, day) == (9, 11)
    if is_fraction or not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{match[1]} {MONTHS[month - 1]} {ordinal(day)}"


def _season(match: re.Match[str]) -> str:
    """2024/25 → twenty twenty-four twenty-five."""
    follows = (int(match[1]) + 1) % 100 == int(match[2])
    return f"{year(int(match[1]))} {pair(int(match[2]))}" if follows else match[0]


def _month_day(match: re.Match[str]) -> str:
    month, day, last_day, joint, full_year = match.groups()
    if not 1 <= int(day) <= 31:
        return match[0]
    words = f"{_month(month)} {ordinal(int(day))}" + (f" to {ordinal(int(last_day))}" if last_day else "")
    return words + (joint + year(int(full_year)) if full_year else "")


def _day_month(match: re.Match[str]) -> str:
    the, first_day, day, month, joint, full_year = match.groups()
    if not 1 <= int(day) <= 31:
        return match[0]
    first = f"{ordinal(int(first_day))} to the " if first_day else ""
    words = f"{the or 'the '}{first}{ordinal(int(day))} of {_month(month)}"
    return words + (joint + year(int(full_year)) if full_year else "")


_WEEKDAY = "|".join(WEEKDAYS_BY_SHORT)
_WEEKDAYS = re.compile(rf"\b({_WEEKDAY})\.? ?[-–] ?({_WEEKDAY})\b(?:\.(?=[,;:]| [\da-z]))?")


# The distance of a time zone: UTC-0800, 08:00 +0530, 00:15:00-08:00, -0800.
OFFSET = re.compile(
    r"(?:(?<=UTC)|(?<=GMT)|(?<=UTC )|(?<=GMT )|(?<=:[0-5]\d )|(?<![\w.,:/+−-])(?=[-+−]0)"
    r"|(?<=:[0-5]\d:[0-5]\d)(?=.\d\d:))"
    r"(?P<sign>[-+−])(?P<hour>0\d|1[0-4]):?(?P<minute>00|15|30|45)(?![\w:%°]|[.,-]\d)"
)


def _offset(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    words = f"{'plus' if match['sign'] == '+' else 'minus'} {_counted(hour, 'hour')}"
    return words + (f" {cardinal(minute)}" if minute else "")


# ---- times ---------------------------------------------------------------------------------------------------

_TRAVELS = "(?:arriv|depart|leav|land|board)(?:e|es|ed|s|ing)"
_CLOCK_BEFORE = re.compile(
    rf"\b(?:at|by|from|until|till|before|after|since|between|left|due|{_TRAVELS}) \Z", re.IGNORECASE
)
_CLOCK_AFTER = re.compile(
    rf" (?:UTC|GMT|train|bus|coach|ferry|flight|service|connection|departure|arrival|{_TRAVELS})\b"
)
# A date is in words by now: January fifth, twenty twenty-four.
_NUMBER_WORD = (
    "(?:one|two|three|four|five|six|seven|eigh|nin|ten|eleven|twel|thir|fif|twen|for|hundred|thousand|oh|and|of|"
    "first|second)[a-z]*"
)
_DATE_BEFORE = re.compile(
    rf"\b(?:{'|'.join([*MONTHS, *WEEKDAYS, *WEEKDAYS_BY_SHORT])})(?:[ ,-]{{1,2}}{_NUMBER_WORD}){{0,8}},? (?:at )?\Z"
)
_TIME_BEFORE = re.compile(r"(?:(?<![\d:])\d\d?:[0-5]\d(?:, | ?[-–] ?|,? (?:and|to|or) ))+\Z")
_TIME_AFTER = re.compile(r"(?:(?:, | ?[-–] ?|,? (?:and|to|or) )\d\d?:[0-5]\d(?![\d:]))+")
_PAST_ZERO = re.compile(r"(?<![\d:])(?:0?[1-9]|1\d|2[0-3]):")
# "p.m." is "P M" by now.
_HALF_DAY = "(?:[ \u00a0\u202f]?(?P<half>[AaPp]) ?[Mm]\\b)"
_CLOCK = re.compile(
    rf"(?<![\d:.,])(?P<hour>\d\d?):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.\d+)?)?(?![\d:])"
    rf"(?:{_HALF_DAY}| o['’]clock\b)?"
)
_DOTTED_CLOCK = re.compile(rf"(?<![\d:.,])(?P<hour>\d\d?)\.(?P<minute>[0-5]\d){_HALF_DAY}")
_LENGTH = re.compile(rf"(?<![\d:.,])([1-9]):([0-5]\d):([0-5]\d)(?![\d:]|\.\d)(?!{_HALF_DAY})(?! (?:UTC|GMT))")
_VERSE = re.compile(
    r"\b((?:Genesis|Exodus|Psalms?|Proverbs|Isaiah|Matthew|Mark|Luke|John|Acts|Romans|Corinthians|Hebrews|Revelation)"
    r" \d{1,3}):(?=\d)"
)
_HOUR = re.compile(rf"(?<![\w.,])(?P<hour>\d\d?){_HALF_DAY}")


def _time(match: re.Match[str]) -> str:
    """17:45 → seventeen forty-five, 12:00 → twelve o'clock, 5 p.m. → five P M."""
    groups = match.groupdict()
    hour, minute, second, half = (
        int(groups["hour"]),
        int(groups.get("minute") or 0),
        groups.get("second"),
        groups["half"],
    )
    if hour > 24:
        return match[0]
    if hour == 0 and (minute or second) and not half:
        return _from_zero(match, minute, second)
    if minute:
        words = f"{cardinal(hour)} {pair(minute)}"
    elif half:
        words = cardinal(hour)
    elif hour in (0, 24):
        words = "midnight"
    else:
        words = cardinal(hour) + (" o'clock" if hour <= 12 else " hundred")
    if second and int(second):
        words += f" and {_counted(int(second), 'second')}"
    if half:
        words += f" {half.upper()} M"
    return words


def _from_zero(match: re.Match[str], minute: int, second: str | None) -> str:
    """0:45 and 00:05:30 are lengths of time; at 00:05 it is five past twelve."""
    if _has_date(match) or (second is None and _is_beside_clock(match)):
        seconds_after = f" and {_counted(int(second), 'second')}" if second and int(second) else ""
        return f"twelve {pair(minute) if minute else ''}".rstrip() + f" A M{seconds_after}"
    minutes, seconds = (0, minute) if second is None else (minute, int(second))
    parts = [_counted(minutes, "minute")] if minutes else []
    parts += [_counted(seconds, "second")] if seconds or not minutes else []
    return " and ".join(parts)


def _has_date(match: re.Match[str]) -> bool:
    start = max(0, match.start() - 2 * CONTEXT_CHARS)
    return after(match).startswith(" UTC") or _DATE_BEFORE.search(match.string, start, match.start()) is not None


def _is_beside_clock(match: re.Match[str]) -> bool:
    """Whether it stands with words of travel or among times of which one is past one o'clock."""
    start = max(0, match.start() - CONTEXT_CHARS)
    if _CLOCK_BEFORE.search(match.string, start, match.start()) or _CLOCK_AFTER.match(after(match)):
        return True
    times = [_TIME_BEFORE.search(match.string, start, match.start()), _TIME_AFTER.match(after(match))]
    return any(_PAST_ZERO.search(found[0]) for found in times if found)


def _counted(n: int, unit: str) -> str:
    return f"{cardinal(n)} {unit}" + "s" * (n != 1)


FIGURE_DATES: list[Rule] = [
    (OFFSET, _offset),
    (_ISO_DATE, _iso_date),
    (_NUMERIC_DATE, _numeric_date),
    (_SHORT_DATE, _short_date),
    (_SEASON, _season),
    (re.compile(r"(?<=:\d\d)Z\b"), lambda m: "UTC"),
]
DATES: list[Rule] = [
    (_MONTH_DAY, _month_day),
    (_DAY_MONTH, _day_month),
    (_SHORT_MONTH_YEAR, lambda m: SHORT_MONTHS[m[1]] + " "),
]


def _length(match: re.Match[str]) -> str:
    """1:02:03 is a length of time; at 1:02:03 it is a time of day."""
    before = match.string[max(0, match.start() - 2 * CONTEXT_CHARS) : match.start()]
    if _CLOCK_BEFORE.search(before) or _DATE_BEFORE.search(before):
        return match[0]
    units = zip(map(int, match.group(1, 2, 3)), ("hour", "minute", "second"), strict=True)
    parts = [_counted(n, unit) for n, unit in units if n]
    return " ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]


def _hours_minutes(match: re.Match[str]) -> str:
    return f"{_counted(int(match[1]), 'hour')} {_counted(int(match[2]), 'minute')}"


WEEKDAY_RULES: list[Rule] = [
    (_WEEKDAYS, lambda m: f"{WEEKDAYS_BY_SHORT[m[1]]} to {WEEKDAYS_BY_SHORT[m[2]]}"),
    (re.compile(rf"\b({_WEEKDAY})(?= \d)"), lambda m: WEEKDAYS_BY_SHORT[m[1]]),
]
TIMES: list[Rule] = [
    (_VERSE, lambda m: f"{m[1]} "),
    (_LENGTH, _length),
    (_CLOCK, _time),
    (_DOTTED_CLOCK, _time),
    (_HOUR, _time),
    (re.compile(r"(?<![\w.,])(\d{1,3})h ?(\d\d?)m(?:in)?\b"), _hours_minutes),
    (re.compile(r"(?<=\d):(?=\d)"), lambda m: " to "),  # odds and ratios
]
