"""The words of French, Italian, Portuguese and Spanish."""

from typing import Final

from .language import NUMERAL, Language, fractions, pairs, readings, second, signs, words

ROMANCE: Final = {
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
        currencies=pairs("$, dollar, dollars\n£, livre, livres\nCHF, franc suisse, francs suisses\n¥, yen, yens"),
        units=pairs("""
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
            m/s, mètre par seconde, mètres par seconde
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
        months=words(
            "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre"
        ),
        date="{day} {month} {year}",
        first_day="premier",
        hours="{} heures",
        one_hour="une heure",
        and_minutes=" ",
        hour_marks=r"[ \u00a0\u202f]?(?:heures?|h)\b",
        abbreviations=readings("""
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
        fractions=fractions("un demi, un tiers, deux tiers, un quart, trois quarts"),
        signs=signs(
            "plus, égale, et, inférieur à, supérieur à, fois, divisé par, plus ou moins, environ, inférieur ou égal à, "
            "supérieur ou égal à, vers, paragraphe, degrés, arobase"
        ),
        ordinal="ers?|res?|es?|[eè]mes?|nde?s?",
        century=rf"({NUMERAL})(?:er|e|ème)(?= siècle)",
        numbered="chapitres?|version|windows|python|article|tableau|figure|section|pages?|chambres?|salles?|lignes?|numéros?|bus",
        score="à",
        day_words="le|du|au",
        no_hours="zéro heure",
        followed=dict.fromkeys(("M.", "MM."), r" (?:[A-ZÀ-Þ]|(?:de|du|des|le|la|les|et) |[dl][’'])"),
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
        currencies=pairs(
            "$, dollaro, dollari\n£, sterlina, sterline\nCHF, franco svizzero, franchi svizzeri\n¥, yen"
        ),
        units=pairs("""
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
            m/s, metro al secondo, metri al secondo
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
        months=words(
            "gennaio, febbraio, marzo, aprile, maggio, giugno, luglio, agosto, settembre, ottobre, novembre, dicembre"
        ),
        date="{day} {month} {year}",
        first_day="primo",
        hours="{}",
        one_hour="una",
        and_minutes=" e ",
        hour_marks="",
        abbreviations=readings("""
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
        fractions=fractions("mezzo, un terzo, due terzi, un quarto, tre quarti"),
        signs=signs(
            "più, uguale, e, minore di, maggiore di, per, diviso, più o meno, circa, minore o uguale a, "
            "maggiore o uguale a, verso, paragrafo, gradi, chiocciola"
        ),
        ordinal="[ºª]",
        century=rf"({NUMERAL})(?= (?:e [IVXL]+ )?secolo)",
        numbered="capitol[oi]|versione|windows|python|articol[oi]|tabella|figura|pagine|camer[ae]|stanz[ae]|line[ae]|numer[oi]",
        score="a",
        day_words="il|dal|al|del",
        time_words="alle|dalle|ore",
        one_of="un",
        followed={"n.": r" ?\d"},
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
        currencies=pairs("R$, real, reais\nUS$, dólar, dólares\n$, dólar, dólares\n£, libra, libras\n¥, iene, ienes"),
        units=pairs("""
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
            m/s, metro por segundo, metros por segundo
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
        months=words(
            "janeiro, fevereiro, março, abril, maio, junho, julho, agosto, setembro, outubro, novembro, dezembro"
        ),
        date="{day} de {month} de {year}",
        first_day="primeiro",
        hours="{}",
        one_hour="uma",
        and_minutes=" e ",
        hour_marks=r"[ \u00a0\u202f]?(?:horas?|h)\b",
        abbreviations=readings("""
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
        fractions=fractions("meio, um terço, dois terços, um quarto, três quartos"),
        signs=signs(
            "mais, igual a, e, menor que, maior que, vezes, dividido por, mais ou menos, cerca de, menor ou igual a, "
            "maior ou igual a, para, parágrafo, graus, arroba"
        ),
        ordinal=r"\.?[ºª]",
        century=rf"(?:(?<=século )|(?<=séculos )|{second('séculos', 'e')})({NUMERAL})\b",
        century_reading="cardinal",
        numbered="capítulos?|versão|windows|python|artigos?|tabela|figura|páginas?|quartos?|salas?|linhas?|números?",
        score="a",
        day_words="em|dia|no dia",
        time_words="às|das",
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
        currencies=pairs("""
            US$, dólar, dólares
            $, dólar, dólares
            £, libra, libras
            CHF, franco suizo, francos suizos
            ¥, yen, yenes
        """),
        units=pairs("""
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
            m/s, metro por segundo, metros por segundo
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
        months=words(
            "enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, noviembre, diciembre"
        ),
        date="{day} de {month} de {year}",
        first_day="primero",
        hours="{}",
        one_hour="una",
        and_minutes=" y ",
        hour_marks=r"[ \u00a0\u202f]?(?:horas?|h)\b",
        abbreviations=readings("""
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
        fractions=fractions("medio, un tercio, dos tercios, un cuarto, tres cuartos"),
        signs=signs(
            "más, igual a, y, menor que, mayor que, por, dividido por, más o menos, aproximadamente, "
            "menor o igual que, mayor o igual que, a, párrafo, grados, arroba"
        ),
        ordinal=r"\.?[ºª]|\.?er",
        century=rf"(?:(?<=siglo )|(?<=siglos )|{second('siglos', 'y')})({NUMERAL})\b",
        century_reading="cardinal",
        numbered="capítulos?|versión|windows|python|artículos?|tabla|figura|páginas?|habitaci(?:ón|ones)|salas?|líneas?|números?",
        score="a",
        day_words="el|del|al|día",
        time_words="las",
        one_of="un",
    ),
}  # fmt: skip
