"""Roman numerals: of rulers, of centuries, and those that are marked as ordinals."""

import re
from collections.abc import Callable
from typing import Final

from ..english.numbers import roman
from ..rules import Rule
from .german import SENTENCE_ENDS
from .language import Language, names

_RULERS: Final = names(
    "Alexandre Alessandro Alexander Alfonso Alphonse Afonso Benedetto Benedict Benedikt Benedicto Bento Benoît Carl "
    "Carlo Carlos Charles Karl Karel Catherine Caterina Catalina Catarina Katharina Clemens Clément Clemente Edouard "
    "Édouard Eduard Eduardo Edward Elisabeth Élisabeth Elizabeth Elisabetta Isabel Ernst Felipe Filipe Filippo "
    "Philippe Philipp Filips Ferdinand Fernando Ferdinando Francisco Francesco François Franz Frans Friedrich Frederik "
    "Federico Georg George Georges Giorgio Jorge Giovanni Gregor Gregorio Gregório Grégoire Gustav Guillaume "
    "Guglielmo Guillermo Guilherme Wilhelm Willem Heinrich Hendrik Henri Enrico Enrique Henrique Innozenz Innocent "
    "Innocenzo Inocencio Ivan Iwan Jacques Jakob Jakobus Joseph José Jozef Juan Johann Johannes João Julius Jules "
    "Giulio Konrad Leo Leon León Leone Leão Léon Léopold Leopold Louis Lodewijk Ludwig Luigi Luis Luís Maria Margrethe "
    "Margarita Maximilian Napoléon Napoleon Napoleone Napoleón Nicolas Nikolaus Nicola Nicolás Otto Otton Paul Paulo "
    "Paolo Pablo Paulus Pedro Peter Pierre Pietro Pie Pius Pio Pío Ramses Ramsés Rudolf Sancho Sixtus Umberto Urbain "
    "Emanuele Emmanuel Manuel Victoria"
)
_PARTS: Final = {  # of books and plays, numbered by Roman numerals
    "de": "Kapitel|Band|Teil|Buch|Akt|Szene|Abschnitt|Phase|Stufe|Klasse|Artikel",
    "fr": "chapitres?|tomes?|volumes?|parties?|livres?|actes?|scènes?|phases?|types?|sections?",
    "it": "capitol[oi]|tom[oi]|volum[ei]|part[ei]|libr[oi]|att[oi]|scen[ae]|fas[ei]|sezion[ei]",
    "es": "capítulos?|tomos?|vol[uú]men(?:es)?|partes?|libros?|actos?|escenas?|fases?|títulos?",
    "pt": "capítulos?|tomos?|volumes?|partes?|livros?|atos?|cenas?|fases?|títulos?",
    "nl": "hoofdstuk(?:ken)?|deel|boek|akte|scène|fase|klasse|artikel",
}
_QUEENS: Final = names("Catherine Caterina Catalina Catarina Elizabeth Elisabetta Isabel Maria Margarita")
_RULER = re.compile(rf"\b(({'|'.join(_RULERS)})s? )([IVX]{{1,6}})\b(?![.’'-]\w)(?!(?<=\s[IVX])\. [A-ZÀ-Þ])")
_GERMAN_RULER = re.compile(rf"(\b\w+ )?\b({'|'.join(_RULERS)})(s?) ([IVX]{{1,6}})\b(?![’'-])(\.?)")
_LAST_ORDINAL = 10  # of Spanish and Portuguese rulers: Alfonso trece
_DATIVE = ("von ", "mit ", "unter ", "bei ", "nach ", "zu ", "aus ", "vor ", "seit ", "gegenüber ")

_MARKED = re.compile(
    r"\b(?:(I)(er|ère|re)|([IVXL]{2,6})(?:e|ème)|([VX])(?:e|ème)(?=(?: (?:et|au) [IVXL]+e)?"
    r" (?:siècle|arrondissement|République|dynastie|millénaire)))\b"
)


def numeral_rules(language: Language, say: Callable[..., str]) -> list[Rule]:
    """The rules of Roman numerals; `say` is num2words."""

    def ordinal(value: int) -> str:
        return say(value, lang=language.code, to="ordinal")

    def century(match: re.Match[str]) -> str:
        value = roman(match[1])
        if value is None:
            return match[0]
        words = say(value, lang=language.code, to=language.century_reading)
        return words + "n" * (language.code == "de")

    def marked(match: re.Match[str]) -> str:
        if match[1]:
            return "premier" if match[2] == "er" else "première"
        value = roman(match[3] or match[4])
        return match[0] if value is None else ordinal(value)

    def ruler(match: re.Match[str]) -> str:
        value = roman(match[3])
        if value is None:
            return match[0]
        if language.code == "nl":
            return f"{match[1]}de {ordinal(value).capitalize()}"
        if language.code == "fr":
            return match[1] + ("premier" if value == 1 else say(value, lang="fr"))
        if language.code in ("es", "pt") and value > _LAST_ORDINAL:
            return match[1] + say(value, lang=language.code)
        words = ordinal(value)
        return match[1] + (re.sub(r"o\b", "a", words) if match[2] in _QUEENS else words)

    def german_ruler(match: re.Match[str]) -> str:
        """Ludwig der Vierzehnte, von Ludwig dem Vierzehnten, Ludwigs des Vierzehnten."""
        value = roman(match[4])
        following = match.string[match.end() : match.end() + 20]
        ends = SENTENCE_ENDS.match(following)
        is_initial = len(match[4]) == 1 and match[5] and not ends and re.match(" [A-ZÄÖÜ]", following)
        if value is None or is_initial:
            return match[0]
        before = match[1] or ""
        article = "des" if match[3] else "dem" if before.lower() in _DATIVE else "der"
        words = ordinal(value).capitalize() + "n" * (article != "der")
        return f"{before}{match[2]}{match[3]} {article} {words}{match[5] if ends else ''}"

    def part(match: re.Match[str]) -> str:
        value = roman(match[2])
        return match[0] if value is None else match[1] + say(value, lang=language.code)

    chapters = re.compile(rf"\b((?i:{_PARTS[language.code]}) )([IVXLC]{{1,7}})\b(?!['’.]\w)")
    rules: list[Rule] = [(re.compile(language.century), century), (chapters, part)]
    if language.code == "fr":
        rules.append((_MARKED, marked))
    return [*rules, (_GERMAN_RULER, german_ruler) if language.code == "de" else (_RULER, ruler)]
