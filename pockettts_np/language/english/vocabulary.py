"""The word lists of the English front end: what is short in writing, and what is said."""

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# ---- the calendar --------------------------------------------------------------------------------------------

MONTHS: Final = _words("January February March April May June July August September October November December")
SHORT_MONTHS: Final = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
WEEKDAYS: Final = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
# Not "Sat." and "Sun.", which end sentences; these are days beside other days, hours and the like.
SHORT_WEEKDAYS: Final = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday",
}  # fmt: skip
SHORT_WEEKEND: Final = {"Sat": "Saturday", "Sun": "Sunday"}
WEEKDAYS_BY_SHORT: Final = SHORT_WEEKDAYS | SHORT_WEEKEND

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
AFTER_TIMES: Final = frozenset(
    (
        *MONTHS,
        *SHORT_MONTHS,
        *WEEKDAYS,
        *_words("Eastern Central Pacific GMT UTC EST PST EDT PDT CST ET PT CT MT BST CET"),
    )
)
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

# "the U.K. Tom left" is the end of a sentence, "the U.K. Parliament" is not.
FIRST_NAMES: Final = frozenset(
    _words("""
    Adam Alex Alice Amy Andrew Ann Anna Anne Ben Bill Bob Charles Chris Dan Daniel David Emily Emma Eric Frank Fred
    George Grace Harry Helen Henry Jack James Jane Jason Jennifer Jim Joe John Julia Kate Laura Linda Lisa Lucy Mark
    Martin Mary Matt Max Michael Mike Nancy Nick Oliver Paul Peter Rachel Richard Robert Ryan Sam Sara Sarah Simon
    Sophie Steve Susan Thomas Tim Tom Tony William
    """)
)

DOTTED_PLACES: Final = frozenset(_words("us uk un eu usa uae ussr dc la ny"))

# "Ludwig v. Beethoven": given names before "von".
GERMAN_NAMES: Final = frozenset(
    _words("""
    Achim Albrecht Alexander Alfred Anna Annette Bernhard Bettina Carl Christian Christoph Dietrich Eberhard Eduard
    Elisabeth Erich Ernst Ferdinand Florian Franz Friedrich Georg Gottfried Günther Hans Heinrich Heinz Helmut Herbert
    Hermann Hugo Jakob Johann Johannes Josef Julius Jürgen Karl Katharina Klaus Konrad Kurt Leopold Ludwig Manfred
    Maria Martin Mathias Max Maximilian Moritz Niklas Otto Philipp Rainer Rudolf Sebastian Siegfried Sigismund Stefan
    Theodor Ulrich Walther Werner Wilhelm Wolfgang
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
    "excl": "excluding", "dept": "department", "govt": "government", "hrs": "hours", "lb": "pound", "lbs": "pounds",
    "oz": "ounces", "tsp": "teaspoon", "tbsp": "tablespoon", "ave": "avenue", "blvd": "boulevard", "rd": "road",
    "hwy": "highway", "pkwy": "parkway", "apt": "apartment", "feat": "featuring", "misc": "miscellaneous",
    "resp": "respectively", "viz": "namely", "cf": "compare", "ca": "circa", "tel": "telephone",
}  # fmt: skip
# In small letters alone: "Max." and "Min." may be names that end a sentence.
ANYWHERE_SMALL: Final = {"temp": "temperature", "max": "maximum", "avg": "average"}
STREETS: Final = {
    "Rd": "Road", "Ave": "Avenue", "Blvd": "Boulevard", "Ln": "Lane", "Hwy": "Highway", "Pkwy": "Parkway",
    "Sq": "Square", "St": "Street",
}  # fmt: skip
# Behind a town and a comma. Those that are words as well stand before a postal code.
STATES: Final = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia", "ID": "Idaho", "IL": "Illinois",
    "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "MD": "Maryland", "MA": "Massachusetts",
    "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska",
    "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York",
    "NC": "North Carolina", "ND": "North Dakota", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina",
    "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
    "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "ME": "Maine", "DC": "D C",
}  # fmt: skip
STATES_LIKE_WORDS: Final = {"HI": "Hawaii", "IN": "Indiana", "OK": "Oklahoma", "OR": "Oregon"}
# "Jane Smith, MA": the letters behind a person's name are a degree. No surname here is a town that is often named.
DEGREES: Final = _words("AIA BA BS BSN CEO CFO CPA DDS DO DVM JD LCSW LLM MA MBA MD MFA MPH MS MSN MSW NP PA PE RN")
PERSON_TITLES: Final = frozenset((*TITLES.values(), *TITLES_BEFORE_NAMES.values(), "Dr", "Prof")) - {"Mount", "Fort"}
SURNAMES: Final = frozenset(
    _words("Brown Davis Doe Garcia Johnson Jones Lee Martinez Miller Nguyen Rodriguez Smith Taylor Thomas Williams")
)
EMERGENCY_NUMBERS: Final = _words("000 110 111 112 118 119 211 311 411 511 611 711 811 911 988 999")
BEFORE_NUMBERS: Final = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "vol": "volume", "fig": "figure", "figs": "figures",
    "ch": "chapter", "sec": "section", "art": "article", "eq": "equation", "ver": "version", "tel": "telephone",
    "ext": "extension", "ca": "circa", "approx": "approximately", "est": "established", "pt": "part",
    "cl": "clause", "para": "paragraph", "max": "maximum", "min": "minimum", "rm": "room", "bldg": "building",
    "rt": "route", "rte": "route",
}  # fmt: skip
# They say how many there are, so that a plural may follow the number: "max. 5 people", but "no. 5 people" are two
# sentences.
AMOUNTS_BEFORE_NUMBERS: Final = frozenset(_words("approx ca est max min pp nos figs"))
# They end no sentence, whatever follows.
NEVER_LAST: Final = frozenset(_words("vs approx est incl excl feat viz cf ca"))
# They end one only before a word that begins sentences: "one tsp. Salt" is an entry of a list.
SELDOM_LAST: Final = frozenset(_words("lb tsp tbsp temp max avg"))
# "He said no. 5 people left": the word "no", not a number.
BEFORE_AN_ANSWER: Final = frozenset(
    _words("""
    a absolutely answer answered answers clearly definitely is just replied replies reply said say saying says simply
    shouted sorry vote voted was
    """)
)
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
    "Rs.": _RUPEE, "Rs": _RUPEE, "₿": ("bitcoin", "bitcoins", "", ""), "CHF": ("Swiss franc", "Swiss francs", "", ""),
    **{
        sign: (f"{country} dollar", f"{country} dollars", "cent", "cents")
        for country, signs in _DOLLARS.items() for sign in signs.split()
    },
}  # fmt: skip
# "2m views" are millions, "100m hurdles" are meters.
COUNTED_IN_MILLIONS: Final = _words("""
    clicks comments copies customers dollars downloads euros fans followers hits homes impressions jobs likes listeners
    members params parameters people plays pounds readers records records requests rows sales shares songs streams
    subs subscribers tokens users views viewers visitors visits voters votes workers
""")
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
    "mol": "mole", "mmol": "millimole",
    "\u00b5L": "microliter", "\u03bcL": "microliter", "\u00b5l": "microliter", "\u03bcl": "microliter",
    "\u00b5A": "microamp", "\u03bcA": "microamp", "MΩ": "megohm",
    "kcal": "kilocalorie", "cal": "calorie", "psi": "P S I", "dB": "decibel", "rpm": "R P M", "fps": "F P S",
    "dpi": "D P I", "ppm": "parts per million", "px": "pixel", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte",
    "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte", "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte",
    "kbit": "kilobit", "Mbit": "megabit",
    "Gbit": "gigabit", "kb": "kilobit", "Mb": "megabit", "Gb": "gigabit", "kbps": "kilobit per second",
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
} | {"hr": "hour", "mo": "month", "yr": "year", "kg": "kilogram", "lb": "pound", "kWh": "kilowatt hour",
     "s²": "second squared"}  # fmt: skip

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
    "≤": "less than or equal to", "≥": "greater than or equal to", "≠": "not equal to", "≈": "about", "≅": "about",
    "∼": "about", "≡": "identical to", "∝": "proportional to", "×": "times", "⋅": "times", "÷": "divided by",
    "√": "square root of", "∞": "infinity", "∑": "sum of", "∏": "product of", "∫": "integral of", "∂": "partial",
    "∇": "del", "∆": "delta", "∈": "in", "∉": "not in", "⊂": "subset of", "⊆": "subset of", "∪": "union",
    "∩": "intersection", "∅": "empty set", "∀": "for all", "∃": "there exists", "¬": "not", "∧": "and", "∨": "or",
    "∴": "therefore", "⊥": "perpendicular to", "∥": "parallel to", "∠": "angle", "§": "section", "№": "number",
    "±": "plus or minus", "∓": "minus or plus", "°": "degrees", "¢": "cents", "‰": "per mille", "→": "to", "⟶": "to",
    "➔": "to", "➜": "to", "➡": "to", "←": "from", "⬅": "from", "↑": "up", "⬆": "up", "↓": "down", "⬇": "down",
    "↔": "to and from", "⇒": "implies", "⇔": "if and only if", "⇌": "to and from", "♯": "sharp", "♭": "flat",
    "©": "copyright", "¶": "paragraph", "\u2126": "ohms", "℃": "degrees Celsius", "℉": "degrees Fahrenheit",
    "\u00b5": "micro",
    **{sign: one for sign, (one, _, _, _) in CURRENCIES.items() if len(sign) == 1 and not sign.isalnum()},
}  # fmt: skip
GREEK_LETTERS: Final = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        _words("""
        alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon
        phi chi psi omega
        """),
        strict=True,
    )
)
