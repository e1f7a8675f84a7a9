"""Numbers in words against num2words, and the languages that it reads."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from num2words import num2words

from pockettts_np.language.english import numbers
from pockettts_np.language.others.speller import spell_out_in
from pockettts_np.language.reading import normalize
from pockettts_np.language.rules import Draft

LANGUAGES = ["french", "german", "italian", "portuguese", "spanish", "dutch"]
NUMBERS = [*range(2200), *range(2200, 10**6, 991), *(10**k + d for k in range(4, 36) for d in (-1, 0, 1, 17, 100))]
FRAGMENTS = [
    "1",
    "23",
    "1999",
    "1.234",
    ",5",
    ".5",
    "007",
    "€",
    "%",
    "-",
    "er",
    "e",
    "ª",
    ".",
    " Mai",
    "²",
    "٣",
    " ",
    "1 2",
]


def plain(words):
    """Without the marks that num2words sets: "one thousand, two hundred", "oh-five"."""
    return words.replace(",", "").replace("oh-", "oh ")


def test_english_numbers_are_those_of_num2words():
    for n in NUMBERS:
        assert numbers.cardinal(n) == plain(num2words(n))
        assert numbers.cardinal(-n) == (plain(num2words(-n)) if n else "zero")
        assert numbers.ordinal(n) == plain(num2words(n, to="ordinal"))


def test_english_years_are_those_of_num2words():
    for n in range(1000, 3000):
        assert numbers.year(n) == plain(num2words(n, to="year"))


def test_english_decimals_are_those_of_num2words():
    for hundredths in range(1, 100_000, 37):
        figures = f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")
        assert numbers.number_words(figures) == plain(num2words(figures))


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("french", "Le 1er mai 1999", "Le premier mai mille neuf cent quatre-vingt-dix-neuf"),
        ("french", "la 1re et la 2e", "la première et la deuxième"),
        ("french_24l", "1 234,5 km à 20 %", "mille deux cent trente-quatre virgule cinq kilomètres à vingt pour cent"),
        (
            "german",
            "Am 3. Mai 1999 waren es 5. Gut.",
            "Am dritten Mai neunzehnhundertneunundneunzig waren es fünf. Gut.",
        ),
        ("german_24l", "1.234,50 €", "eintausendzweihundertvierunddreißig Euro fünfzig"),
        ("italian", "il 3º, 3,14 e -5", "il terzo, tre virgola uno quattro e meno cinque"),
        ("spanish", "la 2ª de 1.000.000", "la segunda de un millón"),
        ("portuguese", "a 21ª por 1 €", "a vigésima primeira por um euro"),
        ("dutch", "In 1999 de 3e, € 5", "In negentien honderd negenennegentig de derde, vijf euro"),
        ("german", "um 14:30, 007, [pause:500ms] ²", "um vierzehn Uhr dreißig, null null sieben, [pause:500ms] zwei"),
        (
            "german",
            "Der Preis: 1.234,50 € am 3.4.2026 um 14:05 Uhr",
            "Der Preis: eintausendzweihundertvierunddreißig Euro fünfzig am dritten April zweitausendsechsundzwanzig "
            "um vierzehn Uhr fünf",
        ),
        (
            "german",
            "Am 25.12.2025, am 24.12. und der 1.1.",
            "Am fünfundzwanzigsten Dezember zweitausendfünfundzwanzig, am vierundzwanzigsten Dezember und der "
            "erste Januar.",
        ),
        ("german", "3² 10⁶ 10^6, 5 m²", "drei hoch zwei zehn hoch sechs zehn hoch sechs, fünf Quadratmeter"),
        ("german", "192.168.0.1", "einhundertzweiundneunzig Punkt einhundertachtundsechzig Punkt null Punkt eins"),
        (
            "german",
            "Im 21. Jahrhundert, der 3. Mann, 1. Mai",
            "Im einundzwanzigsten Jahrhundert, der dritte Mann, erster Mai",
        ),
        ("german", "z. B. 1 km, die 90er usw.", "zum Beispiel ein Kilometer, die neunziger und so weiter."),
        ("german", "10-20 °C, ½, A → B & C", "zehn bis zwanzig Grad Celsius, ein halb, A nach B und C"),
        ("german", "030/901820 oder 14.05 Uhr", "null drei null, neun null eins acht zwei null oder vierzehn Uhr fünf"),
        ("german", "<b>5</b> [mal](x.de) **so**", "fünf mal so"),
        (
            "french",
            "Le 14/07/1989, 3,5 km, 06 12 34 56 78",
            "Le quatorze juillet mille neuf cent quatre-vingt-neuf, trois virgule cinq kilomètres, zéro six douze "
            "trente-quatre cinquante-six soixante-dix-huit",
        ),
        ("french", "au XXIe siècle à 14h30, n° 5", "au vingt et unième siècle à quatorze heures trente, numéro cinq"),
        ("french", "1/05/2020 à 1:00, 0,50 €", "premier mai deux mille vingt à une heure, cinquante centimes"),
        (
            "spanish",
            "A las 9:30 del 25/12/2025, 1.234.567 pesos",
            "A las nueve y media del veinticinco de diciembre de dos mil veinticinco, un millón doscientos treinta y "
            "cuatro mil quinientos sesenta y siete pesos",
        ),
        ("spanish", "siglo XXI, $5, 3² etc. Y", "siglo veintiuno, cinco dólares, tres al cuadrado etcétera. Y"),
        ("italian", "1.234.567 euro", "un milione duecentotrentaquattromilacinquecentosessantasette euro"),
        (
            "italian",
            "alle 14:30, 3,50 €, XXI secolo",
            "alle quattordici e trenta, tre euro e cinquanta, ventunesimo secolo",
        ),
        ("portuguese", "R$ 5,50, século XXI, 1 kg", "cinco reais e cinquenta, século vinte e um, um quilograma"),
        (
            "dutch",
            "25-12-2025 om 14:30 uur, 50 km/u",
            "vijfentwintig december tweeduizendvijfentwintig om veertien uur dertig, vijftig kilometer per uur",
        ),
        ("french", "1234567890123456", " ".join(num2words(int(n), lang="fr") for n in "1234567890123456")),
    ],
)
def test_other_languages(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("french", "J. M. Barrie", "J. M. Barrie"),
        ("french", "A. M. Ampère", "A. M. Ampère"),
        ("french", "Bruno M. est venu", "Bruno M. est venu"),
        ("french", "Jean M. Dupont", "Jean M. Dupont"),
        ("french", "Bonjour M. Martin, M. le maire", "Bonjour Monsieur Martin, Monsieur le maire"),
        ("german", "in St. Gallen, 5 St.", "in Sankt Gallen, fünf St."),
        ("italian", "il n. 5, Carlo n. disse", "il numero cinque, Carlo n. disse"),
    ],
)
def test_an_initial_is_no_title(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("german", "Zimmer 10 200 300", "Zimmer zehn zweihundert dreihundert"),
        (
            "german",
            "10 000 Menschen, 12 345 km",
            "zehntausend Menschen, zwölftausenddreihundertfünfundvierzig Kilometer",
        ),
        ("german", "10 500-20 500 m", "zehntausendfünfhundert bis zwanzigtausendfünfhundert Meter"),
        ("german", "€ 12 345", "zwölftausenddreihundertfünfundvierzig Euro"),
        ("german", "12\u202f345", "zwölftausenddreihundertfünfundvierzig"),
        ("french", "Pages 10 200 300", "Pages dix deux cents trois cents"),
        ("french", "Ils sont 12 345.", "Ils sont douze mille trois cent quarante-cinq."),
        ("spanish", "91 123 45 67", "noventa y uno ciento veintitrés cuarenta y cinco sesenta y siete"),
        ("spanish", "10 200 300 personas", "diez millones doscientas mil trescientas personas"),
        ("italian", "10 200 300 e 10 000", "dieci duecento trecento e diecimila"),
        ("portuguese", "912 345 678", "novecentos e doze trezentos e quarenta e cinco seiscentos e setenta e oito"),
        ("dutch", "10 200 300 of 10 000", "tien tweehonderd driehonderd of tienduizend"),
    ],
)
def test_spaced_groups_are_one_number_only_where_something_says_so(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("in der 3. Auflage", "in der dritten Auflage"),
        ("Heute ist der 3.", "Heute ist der dritte."),
        ("Das ist der 3. Er kam am 4. und ging.", "Das ist der dritte. Er kam am vierten und ging."),
        ("Der 1. FC Köln", "Der erste FC Köln"),
        ("Seite 3. Der Mann", "Seite drei. Der Mann"),
        ("am 1. und 2. Mai", "am ersten und zweiten Mai"),
        ("ihren 3. Sieg", "ihren dritten Sieg"),
        ("3.5. und 4.12.", "dritter Mai und vierter Dezember."),
        ("die 3. von links, Ende der 2. Woche", "die dritte von links, Ende der zweiten Woche"),
        ("am 24.12. Er kam", "am vierundzwanzigsten Dezember. Er kam"),
        ("eine 2. Chance, jeder 3. Deutsche", "eine zweite Chance, jeder dritte Deutsche"),
        ("am 3., 4. und 5. Mai", "am dritten, vierten und fünften Mai"),
        ("vom 3.–5. Mai, 3.5.–4.12.", "vom dritten bis fünften Mai, dritter Mai bis vierten Dezember."),
        ("1.1. und 2.3.", "erster Januar und zweiter März."),
        ("am 3.5. und 4.12. war", "am dritten Mai und vierten Dezember war"),
    ],
)
def test_german_full_stops_mark_ordinals(written, spoken):
    assert normalize(written, "german") == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("french", "le 2nd, la 2nde", "le second, la seconde"),
        ("french", "le XVe, au XIXe siècle, Le", "le quinzième, au dix-neuvième siècle, Le"),
        ("french", "Louis XIV, Napoléon Ier", "Louis quatorze, Napoléon premier"),
        ("german", "Ludwig XIV. war, von Wilhelm II.", "Ludwig der Vierzehnte war, von Wilhelm dem Zweiten."),
        ("spanish", "1er, el 3.er piso, 3.º", "primer, el tercer piso, tercero"),
        ("spanish", "Felipe VI, Isabel II, Alfonso XIII", "Felipe sexto, Isabel segunda, Alfonso trece"),
        ("german", "Ludwigs XIV. Hof", "Ludwigs des Vierzehnten Hof"),
        ("german", "Peter V. Müller, Karl V. Er", "Peter V. Müller, Karl der Fünfte. Er"),
        ("spanish", "Carlos V. López, Carlos V", "Carlos V. López, Carlos quinto"),
        ("spanish", "siglos IX y X, Juan I y II", "siglos nueve y diez, Juan primero y II"),
        ("italian", "Luigi XIV, Elisabetta II", "Luigi quattordicesimo, Elisabetta seconda"),
        ("portuguese", "D. João VI, Luís XIV", "D. João sexto, Luís catorze"),
        ("dutch", "Willem III", "Willem de Derde"),
    ],
)
def test_ordinals_and_rulers(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("german", "es steht 2:1", "es steht zwei zu eins"),
        ("german", "ein 3-1, 2-3 Tage", "ein drei zu eins, zwei bis drei Tage"),
        ("dutch", "het is 2-1, 2-3 dagen", "het is twee één, twee tot drie dagen"),
        ("italian", "vinto 2:1", "vinto due a uno"),
        ("portuguese", "2:1", "dois a um"),
        ("spanish", "3:2", "tres a dos"),
        ("german", "um 8.30, um 2.50 Euro", "um acht Uhr dreißig, um zwei Komma fünf null Euro"),
        ("german", "um 8.30 startet", "um acht Uhr dreißig startet"),
        ("german", "um 8.30 m", "um acht Komma drei null Meter"),
        ("german", "von 8.30 bis 9.15", "von acht Uhr dreißig bis neun Uhr fünfzehn"),
        ("dutch", "van 8.30 tot 9.15", "van acht uur dertig tot negen uur vijftien"),
        ("dutch", "om 8.30, om 8.30 uur", "om acht uur dertig, om acht uur dertig"),
        ("italian", "alle 8.30", "alle otto e trenta"),
        ("french", "10h-12h, à 0h", "dix heures à douze heures, à zéro heure"),
        ("spanish", "a las 21:00", "a las veintiuna"),
        ("portuguese", "às 2:00", "às duas"),
        ("german", "Kapitel 2.3, Version 2.1.", "Kapitel zwei Punkt drei, Version zwei Punkt eins."),
        ("dutch", "versie 2.1", "versie twee punt één"),
        ("german", "0171/1234567", "null eins sieben eins, eins zwei drei vier fünf sechs sieben"),
    ],
)
def test_scores_hours_and_versions(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        (
            "french",
            "le 24/12 et 25/12, du 1/5 au 8/5",
            "le vingt-quatre décembre et vingt-cinq décembre, du premier mai au huit mai",
        ),
        ("french", "le 5/6 des gens, 7/8", "le cinq/six des gens, sept/huit"),
        ("dutch", "3-5 en 4-12 dagen", "drie tot vijf en vier tot twaalf dagen"),
        ("italian", "il 24/12", "il ventiquattro dicembre"),
        ("portuguese", "em 24/12", "em vinte e quatro de dezembro"),
        ("spanish", "del 3/5 al 4/12", "del tres de mayo al cuatro de diciembre"),
        ("dutch", "op 3-5 en 4-12, 3-5 dagen", "op drie mei en vier december, drie tot vijf dagen"),
    ],
)
def test_days_without_a_year(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("21 libros", "veintiún libros"),
        ("31 días y 31 casas", "treinta y un días y treinta y una casas"),
        ("a la 1, son las 21, 1 £", "a la una, son las veintiuna, una libra"),
        ("21 km", "veintiún kilómetros"),
        ("1 casa, 1 libro, 1 para mí", "una casa, un libro, uno para mí"),
        ("21 de mayo, 21.", "veintiuno de mayo, veintiuno."),
    ],
)
def test_spanish_one_agrees_with_its_noun(written, spoken):
    assert normalize(written, "spanish") == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("german", "1 Frau, 1 Mann, 1 Zeitung, 1 Name, 1 Uhr", "eine Frau, ein Mann, eine Zeitung, ein Name, ein Uhr"),
        ("german", "in 1 Woche, vor 1 Jahr, 1 min", "in einer Woche, vor einem Jahr, eine Minute"),
        ("french", "1 femme, 21 fois, 1 livre, 1 an", "une femme, vingt et une fois, une livre, un an"),
        ("spanish", "201 casas, 1 mujer, 500 km", "doscientas una casas, una mujer, quinientos kilómetros"),
        ("portuguese", "2 horas, 1 hora, 200 casas, 2 dias", "duas horas, uma hora, duzentas casas, dois dias"),
        ("italian", "1 donna, 1 anno, 1 zaino, 1 libro", "una donna, un anno, uno zaino, un libro"),
        ("italian", "21 donne, 1 £", "ventuno donne, una sterlina"),
    ],
)
def test_one_and_two_agree_with_their_noun(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("german", "1,5 Mio. €, € 3 Milliarden", "eins Komma fünf Millionen Euro, drei Milliarden Euro"),
        ("french", "3 millions €, 2 M€, 5 k€", "trois millions d’euros, deux millions d’euros, cinq mille euros"),
        ("french", "3 millions $", "trois millions de dollars"),
        ("italian", "3 milioni €", "tre milioni di euro"),
        ("spanish", "3 millones €, US$ 5,50, $5.50", "tres millones de euros, cinco dólares con cincuenta, "
         "cinco dólares con cincuenta"),
        ("portuguese", "R$ 3 milhões", "três milhões de reais"),
        ("dutch", "€ 3 miljoen", "drie miljoen euro"),
    ],
)  # fmt: skip
def test_millions_of_money(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("german", "Kapitel IV, Teil I, S. 12", "Kapitel vier, Teil eins, Seite zwölf"),
        ("french", "chapitre IV", "chapitre quatre"),
        ("italian", "Capitolo IX, atto I", "Capitolo nove, atto uno"),
        ("spanish", "tomo II", "tomo dos"),
        ("portuguese", "volume III", "volume três"),
        ("dutch", "hoofdstuk VI", "hoofdstuk zes"),
        *((language, "IV, VI, I", "IV, VI, I") for language in LANGUAGES),
    ],
)
def test_roman_numerals_of_chapters(language, written, spoken):
    assert normalize(written, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("portuguese", "(11) 91234-5678", "onze nove um dois três quatro cinco seis sete oito"),
        ("italian", "Tel. 320 123 4567", "Tel. tre due zero uno due tre quattro cinque sei sette"),
        ("spanish", "Tel.: 91 123 45 67", "Tel.: noventa y uno uno dos tres cuarenta y cinco sesenta y siete"),
        ("french", "le 03/04/26, 5 m/s", "le trois avril deux mille vingt-six, cinq mètres par seconde"),
        ("italian", "il 1 maggio, il 1° maggio", "il primo maggio, il primo maggio"),
        ("spanish", "a las 9:15, 9:30, 14:30", "a las nueve y cuarto, nueve y media, catorce y treinta"),
        ("german", "1 234 567, 24/7", "eine Million zweihundertvierunddreißigtausendfünfhundertsiebenundsechzig, "
         "vierundzwanzig sieben"),
        ("german", "08:00 -0800", "acht Uhr minus acht Stunden"),
        ("portuguese", "UTC-0200", "UTC menos duas horas"),
        ("german", "Gut 🎉 gemacht 👍🏽", "Gut gemacht"),
    ],
)  # fmt: skip
def test_telephones_days_and_times(language, written, spoken):
    assert normalize(written, language) == spoken


@given(st.sampled_from(LANGUAGES), st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map("".join)))
@example("french", ": ")
def test_no_digit_is_left_and_a_second_time_changes_nothing(language, text):
    spoken = normalize(text, language)
    assert not re.search(r"\d", spoken)
    assert normalize(spoken, language) == spoken


@given(
    st.sampled_from(LANGUAGES), st.text("abcäéñ ,.'€%-!?\n").filter(lambda text: not re.search(r"(^|\n) *-[ -]", text))
)
def test_text_without_numbers_stays_as_it_is(language, text):
    draft = Draft(text)
    spell_out_in(language)(draft)
    assert draft.text == text
