"""Times of the day: 14:30, 14h30, 14.30 Uhr, um 8.30."""

import re
from collections.abc import Callable

from ..english.dates import OFFSET
from ..rules import Rule, any_of
from .language import SPACE, Language

_START = r"(?<![\d:.,])"
_DOTTED = r"(\d\d?)\.([0-5]\d)"
_HOURS = {
    "de": "Stunde Stunden",
    "fr": "heure heures",
    "it": "ora ore",
    "es": "hora horas",
    "pt": "hora horas",
    "nl": "uur uur",
}
_SPANISH_PARTS = {15: "cuarto", 30: "media"}  # of an hour of the clock's twelve
_TO_HOUR = re.compile(rf"{_START}(\d\d? ?h(?: ?[0-5]\d)?) ?[-–] ?(?=\d\d? ?h)")


class Hours:
    """The rules of times; `integer` says a number."""

    def __init__(self, language: Language, integer: Callable[[str], str]) -> None:
        self._language = language
        self._integer = integer

    def rules(self) -> list[Rule]:
        language = self._language
        marks = language.hour_marks
        rules: list[Rule] = [
            (OFFSET, self._offset),
            (re.compile(rf"{_START}(\d\d?):([0-5]\d)(?!:?\d)(?:{marks})?"), self._time),
        ]
        if marks:
            rules.append((re.compile(rf"{_START}{_DOTTED}(?:{marks})"), self._time))
        if "h" in marks.replace("Uhr", ""):
            rules.append((_TO_HOUR, lambda m: f"{m[1]} {language.to} "))
            rules.append((re.compile(rf"{_START}(\d\d?) ?h(?: ?([0-5]\d))?\b"), self._time))
        if language.time_span:
            rules.append((self._after(rf"({language.time_span}) {_DOTTED} {language.to} {_DOTTED}"), self._span))
        if language.time_words:
            rules.append((self._after(rf"({language.time_words}) {_DOTTED}"), self._bare_time))
        return rules

    def _offset(self, match: re.Match[str]) -> str:
        """UTC-0800 → UTC minus 8 Stunden."""
        language, hour, minute = self._language, int(match["hour"]), int(match["minute"])
        one, many = _HOURS[language.code].split()
        sign = language.signs["+"] if match["sign"] == "+" else language.minus
        return f"{sign} {hour} {one if hour == 1 else many}" + (f" {minute}" if minute else "")

    def _after(self, pattern: str) -> re.Pattern[str]:
        """Um 8.30, but not um 8.30 Euro."""
        language = self._language
        amounts = any_of([*language.units, *language.currencies, "%", "€", language.percent, "euro", "euros"])
        amount = rf"{SPACE}?(?:(?:{amounts})(?!\w)|mill?i|milh|mil\b|miljoen|procent|percent)"
        return re.compile(rf"\b{pattern}(?![\d:]|[.,]\d|{amount})", re.IGNORECASE)

    def _time(self, match: re.Match[str]) -> str:
        return self._said(match[1], match[2]) or match[0]

    def _bare_time(self, match: re.Match[str]) -> str:
        said = self._said(match[2], match[3])
        return f"{match[1]} {said}" if said else match[0]

    def _span(self, match: re.Match[str]) -> str:
        start, end = self._said(match[2], match[3]), self._said(match[4], match[5])
        return f"{match[1]} {start} {self._language.to} {end}" if start and end else match[0]

    def _said(self, hours: str, minutes: str | None) -> str:
        """A time in words; "" where there is no such hour."""
        hour, minute = int(hours), int(minutes or 0)
        if hour > 24:
            return ""
        said = {0: self._language.no_hours, 1: self._language.one_hour}.get(hour)
        words = said or self._language.hours.format(self._hour(hour))
        if self._language.code == "es" and 1 <= hour <= 12 and minute in _SPANISH_PARTS:
            return f"{words} y {_SPANISH_PARTS[minute]}"
        return words + (f"{self._language.and_minutes}{self._integer(str(minute))}" if minute else "")

    def _hour(self, hour: int) -> str:
        """Las veintiuna, às duas: hours are feminine."""
        words = self._integer(str(hour))
        if self._language.code == "pt":
            return re.sub(r"dois\Z", "duas", re.sub(r"um\Z", "uma", words))
        return re.sub(r"uno\Z", "una", words) if self._language.code == "es" else words
