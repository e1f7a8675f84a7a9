"""Numbers in words in the languages of the released models but English, with the library num2words, an extra."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from ..english.numbers import SUPERSCRIPTS
from ..english.symbols import PICTURE
from ..markup import MARKUP
from ..rules import Draft, Rule, any_of
from .agreement import ROMANCE_AGREEMENT, german_one
from .amounts import amount_rules
from .german import German
from .germanic import GERMANIC
from .groups import group_rules
from .hours import Hours
from .language import SPACE, Language, names
from .numerals import numeral_rules
from .romance import ROMANCE

LANGUAGES = ROMANCE | GERMANIC

_MOST_DIGITS = 15  # longer numbers are read digit by digit
_FEWEST_PHONE_DIGITS = 9

_START = r"(?<![\w.,^])"
_THOUSANDS = re.compile("[.\u00a0\u202f](?=\\d{3}(?!\\d))")
_NUMBER = r"(?:\d{1,3}(?:[.\u00a0\u202f]\d{3}){1,9}(?![\d.]\d)(?:,\d+)?|\d+(?:[.,]\d+)?)"
_BEFORE_WORD = re.compile(rf"{_START}({_NUMBER})(?= ([a-zß-ÿœ]{{3,30}})\b)")
_SUPERSCRIPT = "[⁰¹²³⁴-⁹]"

_DATE = re.compile(
    rf"{_START}(?:(\d\d?)([./-])(\d\d?)\2(\d{{4}})|(\d\d?)(/)(\d\d?)/(\d\d)|(\d{{4}})-(\d\d)-(\d\d))(?![\w/-]|\.\d)"
)
_FIRST_YEAR = 70  # of two figures that is of the last century
_SCORE = re.compile(r"(?<![\d:.,-])(?:(\d\d?):(\d)|(\d)-(\d))(?![\d:]|[.,-]\d)")
_DOTTED = re.compile(rf"{_START}\d+(?:\.\d+){{2,}}(?!\w)")
_PHONE = re.compile(r"(?<![\w.,])(?:\+\d{1,3}|\(?0\d{1,4}\)?)(?:[ /-]{1,3}\d{2,8}|[ ]\d(?= )){1,6}(?![\w.,-]\d|\w)")
_CALLED = re.compile(
    r"\b((?:tel|telefoon|telefono|telefone|teléfono|téléphone|telefon|fax|whatsapp|llame al|chiama il|chiamare il|"
    r"appelez le|ligue para|bel|móvil|celular|cellulare|handy|mobile)[.:]{0,2} )"
    r"(\(?\d{1,4}\)?(?:[ /-]\d{2,8}){1,6})(?![\w.,-]\d|\w)",
    re.IGNORECASE,
)
_BRAZILIAN_PHONE = re.compile(r"(?<![\w.,])\(\d\d\) ?\d{4,5}-\d{4}(?![\w-])")
_ALWAYS = re.compile(r"(?<![\w.,/])24/(7|24)(?![\w/])")
_POWER = re.compile(rf"(?<=[\w)])(?:\^(-?\d+)|(⁻?{_SUPERSCRIPT}+))")
_RANGE = re.compile(r"(?<=\d)(?: ?–|-| - ) ?(?=\d)")
_FRACTION = re.compile(r"(?<![\w.,/])([123])/([234])(?![\w/])")
HOURS: Final[list[Rule]] = [
    (re.compile(r"(?<=\b[Ll]a )1(?!\w|[.,:]\d)"), lambda m: "una"),
    (re.compile(r"(?<=\b[Ll]as )21(?!\w|[.,:]\d)"), lambda m: "veintiuna"),
]
_OPEN_LISTS = ("usw.", "etc.", "ecc.", "enz.")
# "Bruno M." is no Monsieur, but "Bonjour M. Martin" is.
_NAME_BEFORE = re.compile(r"(?:\b[A-ZÀ-Þ]\.[ -]?|\b([A-ZÀ-Þ][\w’'-]+) )\Z")
_NO_NAMES: Final = names(
    "bonjour bonsoir merci cher avec et mais selon pour à chez car quand si que comme puis voici voilà le ce notre "
    "votre pardon félicitations adieu salut alors donc or dont où par sur sans sous d’après enfin ensuite hier"
)


def spell_out_in(language: str) -> Callable[[Draft], None]:
    """What writes the numbers of a text in words. ModuleNotFoundError: num2words is not installed."""
    rules = _Speller(LANGUAGES[language], _num2words()).rules()

    def spell_out(draft: Draft) -> None:
        _plain_digits(draft)
        draft.rewrite(rules)

    return spell_out


def _num2words() -> Callable[..., str]:
    try:
        from num2words import num2words
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Numbers in languages other than English need num2words; install it with: "
            "pip install 'pockettts-np[normalize]'"
        ) from None
    say: Callable[..., Any] = num2words
    return say


def _plain_digits(draft: Draft) -> None:
    """The digits of every script as 0 to 9; superscripts stay."""
    figures = {c for c in set(draft.text) if c.isdigit() and not re.match(_SUPERSCRIPT, c)}
    draft.translate({ord(c): str(unicodedata.digit(c)) for c in figures})


def _follows_a_name(match: re.Match[str]) -> bool:
    found = _NAME_BEFORE.search(match.string, max(0, match.start() - 30), match.start())
    return found is not None and (found[1] or "").lower() not in _NO_NAMES


class _Speller:
    """The rules of one language; `say` is num2words."""

    def __init__(self, language: Language, say: Callable[..., str]) -> None:
        self._language = language
        self._say = say
        self._german = German(language.months, say)
        self._agreement = ROMANCE_AGREEMENT.get(language.code)

    def rules(self) -> list[Rule]:
        language = self._language
        vulgar = f"[{''.join(language.fractions)}]"
        currency, unit, short = any_of(language.currencies), any_of(language.units), any_of(language.abbreviations)
        compared = r"(?<=[\w)])( ?)([+=<>×÷])\1(?=[\w(])"
        is_german = language.code == "de"
        ordinals = self._german_ordinals() if is_german else self._ordinals()
        return [
            *MARKUP,
            (re.compile(rf"(?<![\w.])({short})(?!\w)"), self._abbreviation),
            *numeral_rules(language, self._say),
            *group_rules(language),
            *amount_rules(language),
            (_DATE, self._date),
            *(self._german.dates() if is_german else []),
            (_BRAZILIAN_PHONE, self._phone),
            (_CALLED, lambda m: m[1] + self._phone_groups(m[2])),
            (_PHONE, self._phone),
            (_ALWAYS, lambda m: f"24 {m[1]}"),
            *self._first_days(),
            (re.compile(rf"\b({language.numbered})( \d+)\.(\d+)(?!\.?\d)", re.IGNORECASE), self._numbered),
            *Hours(language, self._integer).rules(),
            (_SCORE, self._score),
            (_DOTTED, self._dotted),
            (_FRACTION, self._fraction),
            *self._days(),
            (re.compile(rf"(?<=\d) ?({vulgar})"), lambda m: f" {language.fractions[m[1]]}"),
            (re.compile(vulgar), lambda m: language.fractions[m[0]]),
            (_RANGE, lambda m: f" {language.to} "),
            (re.compile(rf"{_START}[-−] ?(?=[$€£]?\d)"), lambda m: f"{language.minus} "),
            (re.compile(rf"€ ?({_NUMBER})|{_START}({_NUMBER}){SPACE}?(?:€|EUR\b)"), self._euros),
            (re.compile(rf"({currency}) ?({_NUMBER})|{_START}({_NUMBER}){SPACE}?({currency})(?!\w)"), self._money),
            (re.compile(rf"{_START}({_NUMBER}){SPACE}?%"), lambda m: f"{self._number(m[1])} {language.percent}"),
            (re.compile(rf"{_START}({_NUMBER}){SPACE}?({unit})(?![\w²³/])"), self._measure),
            (_POWER, self._power),
            (re.compile(f"{_SUPERSCRIPT}+"), lambda m: self._integer(m[0].translate(SUPERSCRIPTS))),
            *ordinals,
            (re.compile(r"(?<=\d):(?=\d\d)"), lambda m: " "),
            *(HOURS if language.code == "es" else []),
            *([(_BEFORE_WORD, self._agreed)] if self._agreement else []),
            (re.compile(rf"{_START}{_NUMBER}"), lambda m: self._number(m[0])),
            (re.compile(r"\d+"), lambda m: self._integer(m[0])),
            (re.compile(compared), lambda m: f" {language.signs[m[2]]} "),
            (re.compile("[&±≈≤≥→§°]"), lambda m: language.signs[m[0]]),
            PICTURE,
        ]

    def _ordinals(self) -> list[Rule]:
        return [(re.compile(rf"{_START}(\d{{1,6}})({self._language.ordinal})(?!\w)"), self._ordinal)]

    def _german_ordinals(self) -> list[Rule]:
        return [
            *self._german.ordinals(),
            (re.compile(rf"{_START}(\d{{1,4}})er\b"), lambda m: f"{self._number(m[1])}er"),  # 90er
            (re.compile(rf"{_START}1(?= ([A-ZÄÖÜ][a-zäöüß]+))"), lambda m: german_one(m.string[: m.start()], m[1])),
        ]

    def _first_days(self) -> list[Rule]:
        """Il 1 maggio, il 1° maggio."""
        language = self._language
        if not language.first_day:
            return []
        month = "|".join(language.months)
        return [(re.compile(rf"{_START}1[°ºo]?(?= (?:de )?(?:{month})\b)"), lambda m: language.first_day)]

    def _days(self) -> list[Rule]:
        """Le 24/12 et 25/12, op 24-12; but le 5/6 des gens."""
        language = self._language
        if not language.day_words:
            return []
        separator = "[/-]" if language.code == "nl" else "/"
        day = rf"(\d\d?){separator}(\d\d?)(?![\w/-]|[.,]\d| d[aeiou]| d[’']| van\b)"
        pattern = rf"\b({language.day_words}) {day}(?: ({language.signs['&']}|{language.to}) {day})?"
        return [(re.compile(pattern, re.IGNORECASE), self._day_or_two)]

    def _day_or_two(self, match: re.Match[str]) -> str:
        first = self._day(match[2], match[3])
        second = self._day(match[5], match[6]) if match[4] else ""
        if not first or (match[4] and not second):
            return match[0]
        return f"{match[1]} {first}" + (f" {match[4]} {second}" if second else "")

    def _day(self, day: str, month: str) -> str:
        """A day and its month in words; "" where there is none."""
        if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
            return ""
        words = (int(day) == 1 and self._language.first_day) or self._integer(str(int(day)))
        date = self._language.date.partition("{month}")[0] + "{month}"
        return date.format(day=words, month=self._language.months[int(month) - 1])

    def _abbreviation(self, match: re.Match[str]) -> str:
        """With the point that ends the text, or a sentence where a list is left open."""
        following = self._language.followed.get(match[1], "")
        if not re.match(following, match.string[match.end() : match.end() + 5]):
            return match[0]
        if match[1] == "M." and _follows_a_name(match):
            return match[0]
        rest = match.string[match.end() : match.end() + 2].lstrip(" ")
        is_last = match[0].endswith(".") and (not rest.strip() or (match[0] in _OPEN_LISTS and rest.isupper()))
        return self._language.abbreviations[match[1]] + "." * is_last

    # ---- numbers -------------------------------------------------------------------------------------------------

    def _number(self, figures: str) -> str:
        if re.fullmatch(r"[12]\d{3}", figures):
            return self._say(int(figures), lang=self._language.code, to=self._language.year)
        whole, _, decimals = _THOUSANDS.sub("", figures).replace(".", ",").partition(",")
        return self._integer(whole) + (f" {self._language.point} {self._digits(decimals)}" if decimals else "")

    def _integer(self, figures: str) -> str:
        if len(figures) > _MOST_DIGITS or (len(figures) > 1 and figures[0] == "0"):
            return self._digits(figures)
        words = self._say(int(figures), lang=self._language.code)
        return re.sub(r"(milion[ei]|miliard[oi]) e ", r"\1 ", words) if self._language.code == "it" else words

    def _digits(self, figures: str) -> str:
        return " ".join(self._say(int(figure), lang=self._language.code) for figure in figures)

    def _counted(self, figures: str, names: tuple[str, str]) -> str:
        noun = names[0] if figures == "1" else names[1]
        if figures == "1" and self._language.code == "de":
            return f"{german_one('', noun)} {noun}"
        words = self._number(figures)
        agreed = self._agreement.agrees(words, noun) if self._agreement else words
        return agreed + noun if agreed.endswith("'") else f"{agreed} {noun}"

    def _agreed(self, match: re.Match[str]) -> str:
        words = self._number(match[1])
        if self._agreement is None or not self._agreement.is_noun(match[2], match[1]):
            return words
        return self._agreement.agrees(words, match[2])

    def _ordinal(self, match: re.Match[str]) -> str:
        if match[2].startswith("nd"):
            return {"2nd": "second", "2nde": "seconde"}.get(match[0].rstrip("s"), match[0])
        words = self._say(int(match[1]), lang=self._language.code, to="ordinal")
        if self._language.code == "es" and match[2].endswith("er"):
            return re.sub(r"o\Z", "", words)
        if match[2].rstrip("s") in ("ª", ".ª", "re"):
            return re.sub(r"o\b", "a", words).replace("premier", "première")
        return words

    def _fraction(self, match: re.Match[str]) -> str:
        sign = unicodedata.lookup("FRACTION SLASH")
        names = {unicodedata.normalize("NFKC", c): words for c, words in self._language.fractions.items()}
        return names.get(f"{match[1]}{sign}{match[2]}", match[0])

    def _power(self, match: re.Match[str]) -> str:
        figures = (match[1] or match[2]).translate(SUPERSCRIPTS)
        if figures in ("2", "3"):
            return f" {self._language.squared if figures == '2' else self._language.cubed}"
        sign = f"{self._language.minus} " * figures.startswith("-")
        return f" {self._language.power} {sign}{self._integer(figures.lstrip('-'))}"

    # ---- what numbers are of -------------------------------------------------------------------------------------

    def _euros(self, match: re.Match[str]) -> str:
        figures = match[1] or match[2]
        if cents := re.fullmatch(r"0,(\d\d)", figures):
            return self._counted(str(int(cents[1])), self._language.cents)
        return self._amount(figures, self._language.euros)

    def _money(self, match: re.Match[str]) -> str:
        return self._amount(match[2] or match[3], self._language.currencies[match[1] or match[4]])

    def _amount(self, figures: str, names: tuple[str, str]) -> str:
        """3,50 € → drei Euro fünfzig."""
        parted = re.fullmatch(r"(.+)[.,](\d\d)", figures)
        if parted is None:
            return self._counted(figures, names)
        whole, cents = parted[1], str(int(parted[2]))
        words = [self._counted(whole, names)]
        words += [self._language.with_cents, self._integer(cents)] if cents != "0" else []
        return " ".join(filter(None, words))

    def _measure(self, match: re.Match[str]) -> str:
        return self._counted(match[1], self._language.units[match[2]])

    def _date(self, match: re.Match[str]) -> str:
        day, month, year = next(
            (match[a], match[b], match[c]) for a, b, c in ((1, 3, 4), (5, 7, 8), (11, 10, 9)) if match[a]
        )
        if len(year) == 2:
            year = ("20" if int(year) < _FIRST_YEAR else "19") + year
        if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
            return match[0]
        words = self._integer(str(int(day)))
        if self._language.code == "de":
            words = self._german.day(match, int(day))
        elif int(day) == 1 and self._language.first_day:
            words = self._language.first_day
        month_name = self._language.months[int(month) - 1]
        return self._language.date.format(day=words, month=month_name, year=self._year(year))

    def _year(self, figures: str) -> str:
        """A date says 2026 as a number: zweitausendsechsundzwanzig."""
        return self._number(figures) if figures[0] == "1" else self._integer(figures.lstrip("0") or "0")

    def _score(self, match: re.Match[str]) -> str:
        """2:1, and 2-1 where it cannot be a range."""
        first, second = (match[1], match[2]) if match[1] else (match[3], match[4])
        if match[3] and int(first) < int(second):
            return match[0]
        return " ".join(filter(None, (self._integer(first), self._language.score, self._integer(second))))

    def _numbered(self, match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]} {self._language.dot} {match[3]}"

    def _dotted(self, match: re.Match[str]) -> str:
        """Network addresses, versions; 1.234.567 is a number."""
        if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", match[0]) and match[0].count(".") != 3:
            return match[0]
        return f" {self._language.dot} ".join(map(self._integer, match[0].split(".")))

    def _phone(self, match: re.Match[str]) -> str:
        if sum(map(str.isdecimal, match[0])) < _FEWEST_PHONE_DIGITS:
            return match[0]
        return f"{self._language.signs['+']} " * match[0].startswith("+") + self._phone_groups(match[0])

    def _phone_groups(self, figures: str) -> str:
        return ", ".join(" ".join(map(self._phone_group, re.findall(r"\d+", part))) for part in figures.split("/"))

    def _phone_group(self, figures: str) -> str:
        return self._integer(figures) if len(figures) < 3 else self._digits(figures)
