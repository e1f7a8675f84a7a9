"""The words of German and Dutch."""

from typing import Final

from .language import NUMERAL, Language, fractions, pairs, readings, signs, words

GERMANIC: Final = {
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
        currencies=pairs("$, Dollar\n£, Pfund\nCHF, Franken\n¥, Yen"),
        units=pairs("""
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
            m/s, Meter pro Sekunde
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
        months=words(
            "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember"
        ),
        date="{day} {month} {year}",
        first_day="",
        hours="{} Uhr",
        one_hour="ein Uhr",
        and_minutes=" ",
        hour_marks=r"[ \u00a0\u202f]?Uhr\b",
        abbreviations=readings("""
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
            S., Seite
            Mio., Millionen
            Mrd., Milliarden
            vgl., vergleiche
            v. Chr., vor Christus
            n. Chr., nach Christus
        """),
        power="hoch",
        squared="hoch zwei",
        cubed="hoch drei",
        fractions=fractions("ein halb, ein Drittel, zwei Drittel, ein Viertel, drei Viertel"),
        signs=signs(
            "plus, gleich, und, kleiner als, größer als, mal, geteilt durch, plus minus, ungefähr, kleiner gleich, "
            "größer gleich, nach, Paragraf, Grad, at"
        ),
        ordinal="",
        century=rf"({NUMERAL})\.(?= Jahrhundert)",
        numbered=r"Kapitel|Kap\.|Abschnitt|Version|Windows|Python|Absatz|Ziffer|Abbildung|Abb\.|Tabelle|Ausgabe|Artikel|Zimmer|"
        r"Seiten?|Räume|Linien?|Nummern?|Zeilen?|Punkt",
        score="zu",
        year="year",
        time_words="um|gegen",
        time_span="von",
        one_of="ein",
        followed={"St.": " [A-ZÄÖÜ]", "S.": r" ?\d"},
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
        currencies=pairs("$, dollar\n£, pond\nCHF, Zwitserse frank\n¥, yen"),
        units=pairs("""
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
            m/s, meter per seconde
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
        months=words(
            "januari, februari, maart, april, mei, juni, juli, augustus, september, oktober, november, december"
        ),
        date="{day} {month} {year}",
        first_day="",
        hours="{} uur",
        one_hour="één uur",
        and_minutes=" ",
        hour_marks=r"[ \u00a0\u202f]?uur\b",
        abbreviations=readings("""
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
        fractions=fractions("een half, een derde, twee derde, een kwart, driekwart"),
        signs=signs(
            "plus, is gelijk aan, en, kleiner dan, groter dan, keer, gedeeld door, plus of min, ongeveer, "
            "kleiner dan of gelijk aan, groter dan of gelijk aan, naar, paragraaf, graden, apenstaartje"
        ),
        ordinal="e|de|ste",
        century=rf"({NUMERAL})(?:e)(?= eeuw)",
        numbered=r"hoofdstuk|paragraaf|versie|windows|python|artikel|tabel|figuur|kamers?|pagina’s|pagina's|lijn(?:en)?|nummers?",
        score="",
        year="year",
        time_words="om|rond",
        day_words="op|vanaf",
        time_span="van",
    ),
}  # fmt: skip
