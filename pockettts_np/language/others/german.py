"""German ordinals, which a full stop marks, and dates of day and month."""

import re
from collections.abc import Callable
from typing import Final

from ..rules import Rule
from .language import names

_START = r"(?<![\w.,^])"
_FEMININE = "Etage|Klasse|Auflage|Runde|Woche|Halbzeit|Liga|Bundesliga|Frau|Staffel|Folge|Ausgabe|Reihe|Stelle|Position"
_NOUNS = (
    "Jahrhundert|Jahrtausend|Platz|Stock|Etage|Klasse|Kapitel|Auflage|Runde|Mal|Tag|Woche|Monat|Weltkrieg|"
    "Geburtstag|Lebensjahr|Advent|Halbzeit|Liga|Bundesliga"
)
_PREPOSITIONS: Final = names(
    "in an auf mit von bei nach aus zu seit vor unter über während trotz wegen neben hinter ab"
)
_ENDINGS: Final = {
    **dict.fromkeys(("der", "die", "das", "eine", "jeder", "jede", "diese", "dieser"), "e"),
    **dict.fromkeys(("dem", "den", "des", "im", "am", "zum", "zur", "vom", "beim", "bis", "ab", "seit"), "en"),
    **dict.fromkeys(("jeden", "jedem", "einem", "einen", "einer", "eines"), "en"),
    **dict.fromkeys(("ein", "jedes"), "es"),
}
_POSSESSIVE = re.compile(r"(?:mein|dein|sein|ihr|unser|euer|kein)(e?)(n|m|r|s)?")
_OF_DAYS: Final = ("der", "dem", "den", "am", "vom", "zum", "beim")
_OPENERS = (
    r" (?:Er|Sie|Es|Wir|Ich|Ihr|Und|Aber|Oder|Dann|Danach|Da|Das|Der|Die|Den|Dem|Ein|Eine|In|Im|Am|An|Auf|Bei|Mit|Von|"
    r"Nach|Zu|Jetzt|Heute|Morgen|Gestern|So|Was|Wer|Wie|Wo|Warum|Wenn|Weil|Als|Doch|Denn|Dort|Hier|Nun|Man|Alle|Kein)\b"
)
SENTENCE_ENDS = re.compile(rf"\s*\Z|\n|[!?)”“\"»]|{_OPENERS}")
_GOES_ON = re.compile(r"[,;:]| [A-Za-zÄÖÜäöü]| [–-] ")
_ORDINAL = re.compile(rf"{_START}(\d{{1,3}})\.(?![\w.])")
_DAY_AND_MONTH = re.compile(rf"{_START}(\d\d?)\.(\d\d?)\.(?!\d)")  # am 24.12.
_RANGE = re.compile(r"(?<=\d\.) ?[–-] ?(?=\d{1,3}\.)")
_PAIR_BEFORE = re.compile(r"\d\.\d\d?\.,? (?:und|oder|bis) \Z")
_PAIR_AFTER = re.compile(r",? (?:und|oder|bis) \d\d?\.\d\d?\.(?!\d)")
_BEFORE = re.compile(r"(?:(\w+) )?(\w+) (?:\d{1,3}\.(?:\d\d?\.)?(?:,? (?:und|oder|bis) |, ))*\Z")
_WINDOW = 60


class German:
    """The rules of ordinals; `say` is num2words."""

    def __init__(self, months: tuple[str, ...], say: Callable[..., str]) -> None:
        self._months = months
        self._say = say
        pair = r"(?: (?:und|oder|bis) \d{1,3}\.)?"
        self._month_follows = re.compile(rf"{pair} (?:{'|'.join(months)}|FC|FSV|SC)\b")
        self._noun_follows = re.compile(rf"{pair} (?:{_NOUNS})")

    def dates(self) -> list[Rule]:
        return [(_RANGE, lambda m: " bis "), (_DAY_AND_MONTH, self._date)]

    def ordinals(self) -> list[Rule]:
        return [(_ORDINAL, self._ordinal)]

    def day(self, match: re.Match[str], value: int, otherwise: str = "er") -> str:
        """The ordinal with the ending that the words before ask for, else `otherwise`."""
        return self._say(value, lang="de", to="ordinal").removesuffix("e") + (_ending(match) or otherwise)

    def _ordinal(self, match: re.Match[str]) -> str:
        """Am dritten Mai, der dritte Mann, im einundzwanzigsten Jahrhundert; but: es waren 5. Dann."""
        following = match.string[match.end() : match.end() + 30]
        month_follows = self._month_follows.match(following)
        words = self.day(match, int(match[1]), otherwise="er" if month_follows else "en")
        if month_follows or self._noun_follows.match(following):
            return words
        is_day = _words_before(match)[1] in _OF_DAYS
        if SENTENCE_ENDS.match(following):
            return f"{words}." if is_day else match[0]
        return words if _ending(match) and _GOES_ON.match(following) else match[0]

    def _date(self, match: re.Match[str]) -> str:
        day, month = int(match[1]), int(match[2])
        text = match.string
        before = text[max(0, match.start() - _WINDOW) : match.start()]
        in_pair = _PAIR_BEFORE.search(before) or _PAIR_AFTER.match(text[match.end() : match.end() + 20])
        if not (_ending(match) or in_pair) or not (1 <= day <= 31 and 1 <= month <= 12):
            return match[0]
        ends = SENTENCE_ENDS.match(text[match.end() : match.end() + 20])
        return f"{self.day(match, day)} {self._months[month - 1]}{'.' if ends else ''}"


def _words_before(match: re.Match[str]) -> tuple[str, str]:
    """The last two words before a number, or before the first of several numbers, in small letters."""
    found = _BEFORE.search(match.string, max(0, match.start() - _WINDOW), match.start())
    return ((found[1] or "").lower(), found[2].lower()) if found else ("", "")


def _ending(match: re.Match[str]) -> str:
    """What the ordinal ends in after a determiner; "" after other words."""
    earlier, word = _words_before(match)
    if word in ("der", "jeder", "dieser") and (
        earlier in _PREPOSITIONS or re.match(rf" (?:{_FEMININE})\b", match.string[match.end() : match.end() + 20])
    ):
        return "en"
    if possessive := _POSSESSIVE.fullmatch(word):
        return "en" if possessive[2] else possessive[1] or "er"
    return _ENDINGS.get(word, "")
