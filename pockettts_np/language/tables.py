"""The words of the languages that `other_languages` reads."""

from dataclasses import dataclass
from typing import Final


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
    century_reading: str = "ordinal"  # how num2words calls the reading of that
    year: str = "cardinal"  # how num2words calls the reading of 1999
    one_of: str = ""  # one, before a noun, where it is not the number's name


def _pairs(text: str) -> dict[str, tuple[str, str]]:
    """One a line: symbol, one, many; many may be left out."""
    rows = [[part.strip() for part in line.split(",")] for line in text.strip().splitlines()]
    return {row[0]: (row[1], row[-1]) for row in rows}


def _readings(text: str) -> dict[str, str]:
    return {short: words for short, (words, _) in _pairs(text).items()}


_FRACTIONS = ("½", "⅓", "⅔", "¼", "¾")
_SIGNS = ("+", "=", "&", "<", ">", "×", "÷", "±", "≈", "≤", "≥", "→", "§", "°", "@")


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _fractions(text: str) -> dict[str, str]:
    return dict(zip(_FRACTIONS, _words(text), strict=True))


def _signs(text: str) -> dict[str, str]:
    return dict(zip(_SIGNS, _words(text), strict=True))


_NUMERAL: Final = "[IVXL]{1,6}"

LANGUAGES: Final = {
    "french": Language(
        "fr",
        point="virgule",
        dot="point",
        percent="pour cent",
        minus="moins",
        to="à",
        euros=("euro", "euros"),
        cents=("centime", "centimes"),
        with_cents="",
        currencies=_pairs("$, dollar, dollars\n£, livre, livres\nCHF, franc suisse, francs suisses\n¥, yen, yens"),
        units=_pairs("""
            km, kilomètre, kilomètres
            m, mètre, mètres
            cm, centimètre, centimètres
            mm, millimètre, millimètres
            kg, kilogramme, kilogrammes
            g, gramme, grammes
            mg, milligramme, milligrammes
            l, litre, litres
            ml, millilitre, millilitres
            km/h, kilomètre heure, kilomètres heure
            m², mètre carré, mètres carrés
            km², kilomètre carré, kilomètres carrés
            m³, mètre cube, mètres cubes
            °C, degré Celsius, degrés Celsius
            °F, degré Fahrenheit, degrés Fahrenheit
            °, degré, degrés
            kWh, kilowattheure, kilowattheures
            GHz, gigahertz
            Go, gigaoctet, gigaoctets
            Mo, mégaoctet, mégaoctets
            min, minute, minutes
            s, seconde, secondes
        """),
        months=_words(
            "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre"
        ),
        date="{day} {month} {year}",
        first_day="premier",
        hours="{} heures",
        one_hour="une heure",
        and_minutes=" ",
        hour_marks=r"[ \u00a0\u202f]?(?:heures?|h)\b",
        abbreviations=_readings("""
            n°, numéro
            N°, Numéro
            Mme, Madame
            Mmes, Mesdames
            Mlle, Mademoiselle
            M., Monsieur
            MM., Messieurs
            Dr, docteur
            St, Saint
            Ste, Sainte
            p. ex., par exemple
            av. J.-C., avant Jésus-Christ
            apr. J.-C., après Jésus-Christ
            env., environ
            c.-à-d., c’est-à-dire
            et al., et autres
        """),
        power="puissance",
        squared="au carré",
        cubed="au cube",
        fractions=_fractions("un demi, un tiers, deux tiers, un quart, trois quarts"),
        signs=_signs(
            "plus, égale, et, inférieur à, supérieur à, fois, divisé par, plus ou moins, environ, inférieur ou égal à, "
            "supérieur ou égal à, vers, paragraphe, degrés, arobase"
        ),
        ordinal="ers?|res?|es?|[eè]mes?",
        century=rf"({_NUMERAL})(?:er|e|ème)(?= siècle)",
    ),
    "german": Language(
        "de",
        point="Komma",
        dot="Punkt",
        percent="Prozent",
        minus="minus",
        to="bis",
        euros=("Euro", "Euro"),
        cents=("Cent", "Cent"),
        with_cents="",
        currencies=_pairs("$, Dollar\n£, Pfund\nCHF, Franken\n¥, Yen"),
        units=_pairs("""
            km, Kilometer
            m, Meter
            cm, Zentimeter
            mm, Millimeter
            kg, Kilogramm
            g, Gramm
            mg, Milligramm
            l, Liter
            ml, Milliliter
            km/h, Kilometer pro Stunde
            m², Quadratmeter
            km², Quadratkilometer
            m³, Kubikmeter
            °C, Grad Celsius
            °F, Grad Fahrenheit
            °, Grad
            kWh, Kilowattstunde, Kilowattstunden
            GHz, Gigahertz
            GB, Gigabyte
            MB, Megabyte
            min, Minute, Minuten
            s, Sekunde, Sekunden
        """),
        months=_words(
            "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember"
        ),
        date="{day} {month} {year}",
        first_day="",
        hours="{} Uhr",
        one_hour="ein Uhr",
        and_minutes=" ",
        hour_marks=r"[ \u00a0\u202f]?Uhr\b",
        abbreviations=_readings("""
            z. B., zum Beispiel
            z.B., zum Beispiel
            d. h., das heißt
            d.h., das heißt
            u. a., unter anderem
            u.a., unter anderem
            o. Ä., oder Ähnliches
            bzw., beziehungsweise
            ca., circa
            Nr., Nummer
            Dr., Doktor
            Prof., Professor
            St., Sankt
            Abs., Absatz
            Bd., Band
            Kap., Kapitel
            Str., Straße
            Tel., Telefon
            evtl., eventuell
            ggf., gegebenenfalls
            inkl., inklusive
            usw., und so weiter
            Mio., Millionen
            Mrd., Milliarden
            vgl., vergleiche
            v. Chr., vor Christus
            n. Chr., nach Christus
        """),
        power="hoch",
        squared="hoch zwei",
        cubed="hoch drei",
        fractions=_fractions("ein halb, ein Drittel, zwei Drittel, ein Viertel, drei Viertel"),
        signs=_signs(
            "plus, gleich, und, kleiner als, größer als, mal, geteilt durch, plus minus, ungefähr, kleiner gleich, "
            "größer gleich, nach, Paragraf, Grad, at"
        ),
        ordinal="",
        century=rf"({_NUMERAL})\.(?= Jahrhundert)",
        year="year",
        one_of="ein",
    ),
    "italian": Language(
        "it",
        point="virgola",
        dot="punto",
        percent="per cento",
        minus="meno",
        to="a",
        euros=("euro", "euro"),
        cents=("centesimo", "centesimi"),
        with_cents="e",
        currencies=_pairs(
            "$, dollaro, dollari\n£, sterlina, sterline\nCHF, franco svizzero, franchi svizzeri\n¥, yen"
        ),
        units=_pairs("""
            km, chilometro, chilometri
            m, metro, metri
            cm, centimetro, centimetri
            mm, millimetro, millimetri
            kg, chilogrammo, chilogrammi
            g, grammo, grammi
            mg, milligrammo, milligrammi
            l, litro, litri
            ml, millilitro, millilitri
            km/h, chilometro orario, chilometri orari
            m², metro quadrato, metri quadrati
            km², chilometro quadrato, chilometri quadrati
            m³, metro cubo, metri cubi
            °C, grado Celsius, gradi Celsius
            °F, grado Fahrenheit, gradi Fahrenheit
            °, grado, gradi
            kWh, chilowattora
            GHz, gigahertz
            GB, gigabyte
            MB, megabyte
            min, minuto, minuti
            s, secondo, secondi
        """),
        months=_words(
            "gennaio, febbraio, marzo, aprile, maggio, giugno, luglio, agosto, settembre, ottobre, novembre, dicembre"
        ),
        date="{day} {month} {year}",
        first_day="primo",
        hours="{}",
        one_hour="una",
        and_minutes=" e ",
        hour_marks="",
        abbreviations=_readings("""
            Sig., Signor
            Sig.ra, Signora
            Dott., Dottor
            Dott.ssa, Dottoressa
            Prof., Professor
            Ing., Ingegner
            n., numero
            pag., pagina
            ad es., ad esempio
            a.C., avanti Cristo
            d.C., dopo Cristo
            ecc., eccetera
        """),
        power="elevato a",
        squared="al quadrato",
        cubed="al cubo",
        fractions=_fractions("mezzo, un terzo, due terzi, un quarto, tre quarti"),
        signs=_signs(
            "più, uguale, e, minore di, maggiore di, per, diviso, più o meno, circa, minore o uguale a, "
            "maggiore o uguale a, verso, paragrafo, gradi, chiocciola"
        ),
        ordinal="[ºª]",
        century=rf"({_NUMERAL})(?= secolo)",
        one_of="un",
    ),
    "portuguese": Language(
        "pt",
        point="vírgula",
        dot="ponto",
        percent="por cento",
        minus="menos",
        to="a",
        euros=("euro", "euros"),
        cents=("cêntimo", "cêntimos"),
        with_cents="e",
        currencies=_pairs("R$, real, reais\n$, dólar, dólares\n£, libra, libras\n¥, iene, ienes"),
        units=_pairs("""
            km, quilómetro, quilómetros
            m, metro, metros
            cm, centímetro, centímetros
            mm, milímetro, milímetros
            kg, quilograma, quilogramas
            g, grama, gramas
            mg, miligrama, miligramas
            l, litro, litros
            ml, mililitro, mililitros
            km/h, quilómetro por hora, quilómetros por hora
            m², metro quadrado, metros quadrados
            km², quilómetro quadrado, quilómetros quadrados
            m³, metro cúbico, metros cúbicos
            °C, grau Celsius, graus Celsius
            °F, grau Fahrenheit, graus Fahrenheit
            °, grau, graus
            kWh, quilowatt-hora, quilowatts-hora
            GHz, gigahertz
            GB, gigabyte, gigabytes
            MB, megabyte, megabytes
            min, minuto, minutos
            s, segundo, segundos
        """),
        months=_words(
            "janeiro, fevereiro, março, abril, maio, junho, julho, agosto, setembro, outubro, novembro, dezembro"
        ),
        date="{day} de {month} de {year}",
        first_day="primeiro",
        hours="{}",
        one_hour="uma",
        and_minutes=" e ",
        hour_marks=r"[ \u00a0\u202f]?(?:horas?|h)\b",
        abbreviations=_readings("""
            Sr., Senhor
            Sra., Senhora
            Dr., Doutor
            Dra., Doutora
            Prof., Professor
            n.º, número
            nº, número
            p. ex., por exemplo
            pág., página
            a.C., antes de Cristo
            d.C., depois de Cristo
            etc., et cetera
        """),
        power="elevado a",
        squared="ao quadrado",
        cubed="ao cubo",
        fractions=_fractions("meio, um terço, dois terços, um quarto, três quartos"),
        signs=_signs(
            "mais, igual a, e, menor que, maior que, vezes, dividido por, mais ou menos, cerca de, menor ou igual a, "
            "maior ou igual a, para, parágrafo, graus, arroba"
        ),
        ordinal=r"\.?[ºª]",
        century=rf"(?<=século )({_NUMERAL})",
        century_reading="cardinal",
    ),
    "spanish": Language(
        "es",
        point="coma",
        dot="punto",
        percent="por ciento",
        minus="menos",
        to="a",
        euros=("euro", "euros"),
        cents=("céntimo", "céntimos"),
        with_cents="con",
        currencies=_pairs("$, dólar, dólares\n£, libra, libras\nCHF, franco suizo, francos suizos\n¥, yen, yenes"),
        units=_pairs("""
            km, kilómetro, kilómetros
            m, metro, metros
            cm, centímetro, centímetros
            mm, milímetro, milímetros
            kg, kilogramo, kilogramos
            g, gramo, gramos
            mg, miligramo, miligramos
            l, litro, litros
            ml, mililitro, mililitros
            km/h, kilómetro por hora, kilómetros por hora
            m², metro cuadrado, metros cuadrados
            km², kilómetro cuadrado, kilómetros cuadrados
            m³, metro cúbico, metros cúbicos
            °C, grado Celsius, grados Celsius
            °F, grado Fahrenheit, grados Fahrenheit
            °, grado, grados
            kWh, kilovatio hora, kilovatios hora
            GHz, gigahercio, gigahercios
            GB, gigabyte, gigabytes
            MB, megabyte, megabytes
            min, minuto, minutos
            s, segundo, segundos
        """),
        months=_words(
            "enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, noviembre, diciembre"
        ),
        date="{day} de {month} de {year}",
        first_day="primero",
        hours="{}",
        one_hour="una",
        and_minutes=" y ",
        hour_marks=r"[ \u00a0\u202f]?(?:horas?|h)\b",
        abbreviations=_readings("""
            Sr., Señor
            Sra., Señora
            Srta., Señorita
            Dr., Doctor
            Dra., Doctora
            Ud., usted
            Uds., ustedes
            EE. UU., Estados Unidos
            EE.UU., Estados Unidos
            p. ej., por ejemplo
            núm., número
            n.º, número
            pág., página
            a. C., antes de Cristo
            d. C., después de Cristo
            etc., etcétera
        """),
        power="elevado a",
        squared="al cuadrado",
        cubed="al cubo",
        fractions=_fractions("medio, un tercio, dos tercios, un cuarto, tres cuartos"),
        signs=_signs(
            "más, igual a, y, menor que, mayor que, por, dividido por, más o menos, aproximadamente, "
            "menor o igual que, mayor o igual que, a, párrafo, grados, arroba"
        ),
        ordinal=r"\.?[ºª]",
        century=rf"(?<=siglo )({_NUMERAL})",
        century_reading="cardinal",
        one_of="un",
    ),
    "dutch": Language(
        "nl",
        point="komma",
        dot="punt",
        percent="procent",
        minus="min",
        to="tot",
        euros=("euro", "euro"),
        cents=("cent", "cent"),
        with_cents="",
        currencies=_pairs("$, dollar\n£, pond\nCHF, Zwitserse frank\n¥, yen"),
        units=_pairs("""
            km, kilometer
            m, meter
            cm, centimeter
            mm, millimeter
            kg, kilogram
            g, gram
            mg, milligram
            l, liter
            ml, milliliter
            km/u, kilometer per uur
            km/h, kilometer per uur
            m², vierkante meter
            km², vierkante kilometer
            m³, kubieke meter
            °C, graad Celsius, graden Celsius
            °F, graad Fahrenheit, graden Fahrenheit
            °, graad, graden
            kWh, kilowattuur
            GHz, gigahertz
            GB, gigabyte
            MB, megabyte
            min, minuut, minuten
            s, seconde, seconden
        """),
        months=_words(
            "januari, februari, maart, april, mei, juni, juli, augustus, september, oktober, november, december"
        ),
        date="{day} {month} {year}",
        first_day="",
        hours="{} uur",
        one_hour="één uur",
        and_minutes=" ",
        hour_marks=r"[ \u00a0\u202f]?uur\b",
        abbreviations=_readings("""
            dhr., de heer
            mevr., mevrouw
            Dr., dokter
            Prof., professor
            nr., nummer
            bijv., bijvoorbeeld
            d.w.z., dat wil zeggen
            ca., circa
            enz., enzovoort
            blz., bladzijde
            m.b.t., met betrekking tot
            t/m, tot en met
        """),
        power="tot de macht",
        squared="kwadraat",
        cubed="tot de derde macht",
        fractions=_fractions("een half, een derde, twee derde, een kwart, driekwart"),
        signs=_signs(
            "plus, is gelijk aan, en, kleiner dan, groter dan, keer, gedeeld door, plus of min, ongeveer, "
            "kleiner dan of gelijk aan, groter dan of gelijk aan, naar, paragraaf, graden, apenstaartje"
        ),
        ordinal="e|de|ste",
        century=rf"({_NUMERAL})(?:e)(?= eeuw)",
        year="year",
    ),
}  # fmt: skip
