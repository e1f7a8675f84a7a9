"""One, two and hundreds as they agree with a noun: veintiún libros, duas horas, une heure, un'ora, eine Stunde.

What gender a noun has is told by its ending and by lists of common nouns; where neither tells, it is masculine.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .language import names


@dataclass(frozen=True)
class Agreement:
    """The nouns of a language: an ending and lists that make them feminine, and words that are no nouns."""

    feminine: frozenset[str]
    feminine_ending: re.Pattern[str]
    masculine: frozenset[str]  # in spite of their ending
    no_nouns: frozenset[str]
    singular: re.Pattern[str]  # what may follow 1
    plural: re.Pattern[str]  # what may follow more
    agreed: Callable[[str, bool, str], str]  # words of a number, whether the noun is feminine, and the noun

    def is_noun(self, word: str, figures: str) -> bool:
        """Whether a word behind a number may be what it counts."""
        return (
            word not in self.no_nouns and (self.singular if figures == "1" else self.plural).fullmatch(word) is not None
        )

    def agrees(self, words: str, noun: str) -> str:
        """The words of a number as they stand before a noun."""
        word = noun.split()[0].lower()
        return self.agreed(words, self._is_feminine(word), word)

    def _is_feminine(self, word: str) -> bool:
        if {word, word.removesuffix("s")} & self.masculine:
            return False
        return bool({word, word.removesuffix("s")} & self.feminine) or self.feminine_ending.fullmatch(word) is not None


def _spanish(words: str, feminine: bool, noun: str) -> str:
    if feminine:
        return re.sub(r"(?<=ient)os\b", "as", re.sub(r"uno\Z", "una", words))
    return re.sub(r"\buno\Z", "un", re.sub(r"veintiuno\Z", "veintiún", words))


def _portuguese(words: str, feminine: bool, noun: str) -> str:
    if not feminine:
        return words
    words = re.sub(r"\bdois\Z", "duas", re.sub(r"\bum\Z", "uma", words))
    return re.sub(r"(?<=ent)os\b", "as", words)


def _french(words: str, feminine: bool, noun: str) -> str:
    return re.sub(r"\bun\Z", "une", words) if feminine else words


def _italian(words: str, feminine: bool, noun: str) -> str:
    if words != "uno":
        return words
    if feminine:
        return "una" if noun[0] not in "aeiouàèéìòù" else "un'"
    return "uno" if re.match(r"s[^aeiou]|z|gn|ps|pn|x|y", noun) else "un"


ROMANCE_AGREEMENT: Final = {
    "es": Agreement(
        feminine=frozenset(
            names("""
            vez veces mujer mujeres noche tarde clase calle parte flor flores mano serie base
        """)
        ),
        feminine_ending=re.compile(r"\w*(?:as?|ión|iones|dad|dades|tud)"),
        masculine=frozenset(
            names("""
                día mapa planeta cometa pirata problema programa sistema tema idioma clima poema kilograma gramo
                gramma miligramo drama
            """)
        ),
        no_nouns=frozenset(
            names("""
                para como contra cuando pero solo dentro hasta hacia nada ahora era cinco cuatro ocho menos
                después entonces antes los las más tras unos unas luego todo toda otra otro mucho poco tanto
                cada
            """)
        ),
        singular=re.compile(r"\w+(?:[oa]|ión|dad|tud)|mujer|vez|noche|tarde|clase|calle|parte|flor|día"),
        plural=re.compile(r"\w+s"),
        agreed=_spanish,
    ),
    "pt": Agreement(
        feminine=frozenset(
            names("""
                vez vezes mulher mulheres noite tarde mãe mão flor flores parte classe cor cores fonte chave
                ponte árvore série base frase
            """)
        ),
        feminine_ending=re.compile(r"\w*(?:as?|ção|ções|são|sões|dades?|gem|gens|tudes?)"),
        masculine=frozenset(
            names("""
                dia mapa planeta cometa problema programa sistema tema idioma clima poema quilograma grama
                miligrama drama cinema real reais
            """)
        ),
        no_nouns=frozenset(
            names("""
                para como contra quando mas dentro nada agora era cinco quatro oito menos mais depois então
                antes os as uns umas logo tudo toda outra outro muito pouco tanto cada das dos nas nos
            """)
        ),
        singular=re.compile(r"\w+(?:[oa]|ção|são|dade|gem|tude)|mulher|vez|noite|tarde|parte|classe|flor|mãe|mão|dia"),
        plural=re.compile(r"\w+s"),
        agreed=_portuguese,
    ),
    "fr": Agreement(
        feminine=frozenset(
            names("""
                heure minute seconde femme fille fois personne année semaine page ligne voiture maison chose
                place table ville chambre tasse cuillère tonne nuit main fleur idée erreur image vidéo photo
                équipe entreprise étoile goutte boîte bouteille pièce tranche couche étape partie réponse
                question livre tête porte rue carte lettre école classe mère sœur salle note vie couleur manche
                marche version valeur variable
            """)
        ),
        feminine_ending=re.compile(r"\w*(?:[ts]ions?|ités?|ettes?|ances?|ées?|tudes?|elles?)"),
        masculine=frozenset(names("musée lycée trophée bastion million squelette")),
        no_nouns=frozenset(names("elle elles celle celles belle quelle quelles telle telles")),
        singular=re.compile(r"\w+"),
        plural=re.compile(r"\w+"),
        agreed=_french,
    ),
    "it": Agreement(
        feminine=frozenset(
            names("""
                mano notte parte classe moglie madre fine chiave torre nave luce voce croce rete serie base
                frase foto moto auto radio
            """)
        ),
        feminine_ending=re.compile(r"\w*(?:a|ione|tà|tù|gine|udine)"),
        masculine=frozenset(
            names("""
                problema programma sistema tema clima poema chilogrammo grammo dramma cinema pianeta poeta papa
            """)
        ),
        no_nouns=frozenset(
            names("""
                che con per non fra tra del della dello alla allo sulla nella dalla era ora sono come come ma
                mentre quando prima dopo ogni solo contro anche fino verso punto virgola
            """)
        ),
        singular=re.compile(r"\w+(?:[aoe]|tà|tù)"),
        plural=re.compile(r"\Z."),  # ventuno donne
        agreed=_italian,
    ),
}

# ---- German --------------------------------------------------------------------------------------------------

_GERMAN_FEMININE = re.compile(
    r"\w*(?:ung|heit|keit|schaft|tion|sion|tät|[^aeiou]in|ur|enz|anz|ik|[a-zäöüß]e)"
    r"|Frau|Stadt|Nacht|Hand|Mutter|Tochter|Schwester|Person|Nummer|Wand|Kuh|Maus|Bank|Zahl|Wahl|Million|Milliarde|Uhr"
    r"|Antwort|Arbeit|Zeit|Form|Art|Mail|App|Kraft|Tür|Gabel|Schüssel|Insel|Regel|Tafel|Formel|Zwiebel|Kartoffel"
)
_GERMAN_OTHERS = frozenset(names("""
    Junge Name Käse Ende Auge Interesse Gebäude Gemüse Getränk Kunde Experte Kollege Buchstabe Gedanke Wille
    Franke Neffe Löwe Affe Hase Riese Erbe Knie Café Dutzende Termin Magazin Benzin Medizin Ruin Delfin Kamin
    Euro Cent
"""))  # fmt: skip
_DATIVE = re.compile(r"\b(?:in|vor|nach|seit|mit|aus|bei|von|zu|ab) \Z", re.IGNORECASE)


def german_one(before: str, noun: str) -> str:
    """One before a noun: ein Mann, eine Stunde, in einer Woche, vor einem Jahr; ein Uhr."""
    if noun == "Uhr":
        return "ein"
    feminine = noun not in _GERMAN_OTHERS and _GERMAN_FEMININE.fullmatch(noun) is not None
    if _DATIVE.search(before[-8:]):
        return "einer" if feminine else "einem"
    return "eine" if feminine else "ein"
