"""The word lists of the English front end: what is short in writing, and what is said."""

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# ---- the calendar --------------------------------------------------------------------------------------------

MONTHS: Final = _words("January February March April May June July August September October November December")
SHORT_MONTHS: Final = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
WEEKDAYS: Final = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
# Not "Sat." and "Sun.", which end sentences.
SHORT_WEEKDAYS: Final = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday",
}  # fmt: skip

# ---- words that tell what stands beside them -----------------------------------------------------------------

# Capitalised words that begin a sentence far more often than they are part of a name.
STARTERS: Final = frozenset(
    _words("""
    A After All Also An And Another Are As At Because Before But By Can Could Did Do Does Each Even Every Everyone For
    From Had Has Have He Her Here His How However I If In Is It Its Just Many Maybe Most My No Nobody Not Nothing Now
    Of Often On Once One Only Or Our People Perhaps Please She Should Since So Some Soon Such That The Their Then There
    These They This Those Though Thus To Today Was We Well Were What When Where Which While Who Why Will With Would Yes
    Yesterday Yet You Your
    """)
)
# After "5 p.m." they go on with the sentence.
AFTER_TIMES: Final = frozenset((*MONTHS, *SHORT_MONTHS, *WEEKDAYS, *_words("Eastern Central Pacific GMT UTC EST PST")))
# Before four digits: a year follows, an amount follows. After them: things are counted, nothing is counted.
YEAR_BEFORE: Final = frozenset(
    (*map(str.lower, MONTHS), *_words("in since until till year circa early late mid from of by before after")),
)
AMOUNT_BEFORE: Final = frozenset(
    _words("than least most exactly nearly almost over under approximately number times plus minus equals")
)
COUNTED: Final = frozenset(_words("people men women children feet teeth mice sheep fish percent more of"))
NOT_COUNTED: Final = frozenset(
    _words("was is has as this its his us does always perhaps thus besides across towards unless whereas")
)
# "Plan B." ends a sentence, "George W." does not.
LETTERED: Final = frozenset(
    _words("""
    Appendix Building Category Class Exhibit Gate Grade Group Hepatitis Model Option Part Plan Point Room Section Side
    Team Terminal Type Version Vitamin
    """)
)

# "by J. Smith": small words before initials.
BEFORE_INITIALS: Final = frozenset(_words("a and as by for from of or named said than to with"))

# ---- abbreviations -------------------------------------------------------------------------------------------

TITLES: Final = {"mr": "Mister", "mrs": "Missus", "ms": "Miz", "dr": "Doctor", "messrs": "Messieurs"}
TITLES_BEFORE_NAMES: Final = {
    "Prof": "Professor", "Rev": "Reverend", "Hon": "Honorable", "Gen": "General", "Col": "Colonel", "Capt": "Captain",
    "Lt": "Lieutenant", "Sgt": "Sergeant", "Maj": "Major", "Cmdr": "Commander", "Gov": "Governor", "Sen": "Senator",
    "Rep": "Representative", "Pres": "President", "Mt": "Mount", "Ft": "Fort",
}  # fmt: skip
IN_NAMES: Final = {
    "Jr": "Junior", "Sr": "Senior", "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company",
    "Bros": "Brothers", "Univ": "University", "Esq": "Esquire", **SHORT_WEEKDAYS,
    **{short: month for short, month in SHORT_MONTHS.items() if month != "May"},
}  # fmt: skip
ANYWHERE: Final = {
    "etc": "et cetera", "vs": "versus", "approx": "approximately", "est": "established", "incl": "including",
    "excl": "excluding", "dept": "department", "govt": "government", "hrs": "hours", "lbs": "pounds", "ave": "avenue",
    "blvd": "boulevard", "rd": "road", "hwy": "highway", "apt": "apartment", "feat": "featuring",
    "misc": "miscellaneous", "resp": "respectively", "viz": "namely", "cf": "compare", "ca": "circa",
}  # fmt: skip
BEFORE_NUMBERS: Final = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "vol": "volume", "fig": "figure", "figs": "figures",
    "ch": "chapter", "sec": "section", "art": "article", "eq": "equation", "ver": "version", "tel": "telephone",
    "ext": "extension", "c": "circa", "ca": "circa", "approx": "approximately", "est": "established", "pt": "part",
}  # fmt: skip
# They end no sentence, whatever follows.
NEVER_LAST: Final = frozenset(_words("vs approx est incl excl feat viz cf ca"))
DOTTED: Final = {"eg": "for example", "ie": "that is", "aka": "also known as"}
SAINTS: Final = frozenset(
    _words("""
    Albans Andrew Andrews Anne Anthony Augustine Bernard Catherine Catharines Charles Clair Cloud Francis George Germain
    Helena Helens Ives James Joan John Johns Joseph Kitts Lawrence Louis Lucia Lucie Luke Mark Martin Mary Matthew
    Michael Moritz Nicholas Olaf Patrick Paul Peter Petersburg Petersburgh Pancras Stephen Thomas Tropez Vincent
    """)
)

# ---- Roman numerals ------------------------------------------------------------------------------------------

NUMBERED: Final = _words("""
    chapter part act scene book volume article section appendix phase title figure table war page canto sonnet stage
    type class level grade episode season round bowl unit step verse lesson option factor
""")
NUMBERED_BY_ONE_LETTER: Final = _words("""
    Chapter Part Act Scene Book Volume Article Section Phase War Canto Sonnet Stage Episode Round
""")
RULERS: Final = _words("""
    Albert Alexander Alfonso Benedict Carl Catherine Charles Christian Clement Darius Edward Elizabeth Felipe Ferdinand
    Francis Frederick George Gregory Gustav Haakon Henry Innocent Isabella Ivan James John Juan Leo Leopold Louis Mary
    Maximilian Napoleon Nicholas Otto Paul Peter Philip Pius Ptolemy Rameses Ramesses Ramses Richard Robert Sixtus
    Thutmose Umberto Urban Victoria Wilhelm William Xerxes
""")
RULER_TITLES: Final = _words("King Queen Pope Emperor Empress Tsar Czar Kaiser Prince Princess Duke Sultan Shah")

# ---- money ---------------------------------------------------------------------------------------------------

_DOLLARS: Final = {
    "US": "US$ USD", "Australian": "A$ AU$ AUD", "Canadian": "C$ CA$ CAD", "New Zealand": "NZ$ NZD",
    "Hong Kong": "HK$ HKD", "Singapore": "S$ SGD",
}  # fmt: skip
_EURO: Final = ("euro", "euros", "cent", "cents")
_POUND: Final = ("pound", "pounds", "penny", "pence")
_YEN: Final = ("yen", "yen", "", "")
_RUPEE: Final = ("rupee", "rupees", "paisa", "paise")
# Sign or code: one, many, and their hundredth part, one and many.
CURRENCIES: Final[dict[str, tuple[str, str, str, str]]] = {
    "$": ("dollar", "dollars", "cent", "cents"), "€": _EURO, "EUR": _EURO, "£": _POUND, "GBP": _POUND, "¥": _YEN,
    "JPY": _YEN, "₹": _RUPEE, "INR": _RUPEE, "₩": ("won", "won", "", ""), "₺": ("lira", "lira", "", ""),
    "₽": ("ruble", "rubles", "kopek", "kopeks"), "₪": ("shekel", "shekels", "", ""),
    "₿": ("bitcoin", "bitcoins", "", ""), "CHF": ("Swiss franc", "Swiss francs", "", ""),
    **{
        sign: (f"{country} dollar", f"{country} dollars", "cent", "cents")
        for country, signs in _DOLLARS.items() for sign in signs.split()
    },
}  # fmt: skip
SCALES: Final = {
    "k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion",
    "tn": "trillion",
}  # fmt: skip

# ---- measures ------------------------------------------------------------------------------------------------

# The micro sign and the Greek letter look alike, and so do the ohm sign and its letter.
UNITS: Final = {
    "km": "kilometer", "m": "meter", "dm": "decimeter", "cm": "centimeter", "mm": "millimeter", "\u00b5m": "micrometer",
    "\u03bcm": "micrometer", "nm": "nanometer", "mi": "mile", "yd": "yard", "ft": "foot", "in²": "square inch",
    "ft²": "square foot", "sqft": "square foot", "sq ft": "square foot", "m²": "square meter", "m2": "square meter",
    "km²": "square kilometer", "km2": "square kilometer", "cm²": "square centimeter", "cm2": "square centimeter",
    "m³": "cubic meter", "m3": "cubic meter", "cm³": "cubic centimeter", "cm3": "cubic centimeter", "ha": "hectare",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "\u00b5g": "microgram", "\u03bcg": "microgram", "lb": "pound",
    "lbs": "pound", "oz": "ounce", "t": "ton", "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter",
    "cl": "centiliter", "dl": "deciliter", "dL": "deciliter", "gal": "gallon", "tsp": "teaspoon", "tbsp": "tablespoon",
    "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "sec": "second", "secs": "second",
    "s": "second", "ms": "millisecond", "\u00b5s": "microsecond", "\u03bcs": "microsecond", "ns": "nanosecond",
    "yr": "year", "yrs": "year", "wk": "week", "wks": "week", "mo": "month", "mos": "month",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "W": "watt", "mW": "milliwatt",
    "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "kWh": "kilowatt hour", "MWh": "megawatt hour", "V": "volt",
    "mV": "millivolt", "kV": "kilovolt", "mA": "milliamp", "mAh": "milliamp hour", "Ah": "amp hour", "\u03a9": "ohm",
    "\u2126": "ohm", "kΩ": "kilohm", "kJ": "kilojoule", "Pa": "pascal", "hPa": "hectopascal", "kPa": "kilopascal",
    "kcal": "kilocalorie", "cal": "calorie", "psi": "P S I", "dB": "decibel", "rpm": "R P M", "fps": "F P S",
    "dpi": "D P I", "ppm": "parts per million", "px": "pixel", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte",
    "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte", "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte",
    "kb": "kilobit", "Mb": "megabit", "Gb": "gigabit", "kbps": "kilobit per second",
    "Mbps": "megabit per second", "Gbps": "gigabit per second",
    "mph": "mile per hour", "kph": "kilometer per hour", "kmh": "kilometer per hour", "mpg": "mile per gallon",
    "°C": "degree Celsius", "° C": "degree Celsius", "℃": "degree Celsius", "°F": "degree Fahrenheit",
    "° F": "degree Fahrenheit", "℉": "degree Fahrenheit", "°": "degree", "%": "percent", "‰": "per mille",
    "x": "times", "×": "times",
}  # fmt: skip
IRREGULAR_UNITS: Final = {
    "foot": "feet", "square foot": "square feet", "square inch": "square inches", "degree Celsius": "degrees Celsius",
    "degree Fahrenheit": "degrees Fahrenheit", "P S I": "P S I", "R P M": "R P M", "F P S": "F P S",
    "D P I": "D P I", "parts per million": "parts per million", "per mille": "per mille", "percent": "percent",
    "times": "times", "hertz": "hertz", "kilohertz": "kilohertz", "megahertz": "megahertz", "gigahertz": "gigahertz",
}  # fmt: skip
# "$5/month" is five dollars per month.
SHARES: Final = {
    name: name for name in _words("second minute hour day night week month quarter year person mile gallon unit")
} | {"hr": "hour", "mo": "month", "yr": "year", "kg": "kilogram", "lb": "pound", "kWh": "kilowatt hour"}  # fmt: skip

# ---- addresses and symbols -----------------------------------------------------------------------------------

ADDRESS_SYMBOLS: Final = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "%": "percent", "#": "hash", "~": "tilde", "+": "plus",
}  # fmt: skip
# Of web addresses and file names; none that is a word, such as "is" or "me".
ADDRESS_ENDINGS: Final = _words("""
    com org net edu gov info dev app io ai tv uk de fr es nl pt eu ca au ch jp cn ru br
    py js txt pdf html htm json csv xml zip exe png jpg jpeg gif wav mp3 mp4 docx xlsx toml yaml md safetensors
""")
SPELLED_ENDINGS: Final = frozenset(_words("io ai uk eu au de es"))
SYMBOL_WORDS: Final = {
    "≤": "less than or equal to", "≥": "greater than or equal to", "≠": "not equal to", "≈": "about", "×": "times",
    "÷": "divided by", "√": "square root of", "∞": "infinity", "π": "pi", "§": "section", "№": "number",
    "±": "plus or minus", "°": "degrees", "¢": "cents", "‰": "per mille",
}  # fmt: skip
