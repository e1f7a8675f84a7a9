"""What is short in writing and is no number: abbreviations, initials, Roman numerals, addresses."""

import re

from ..rules import Rule, any_of
from .context import CONTEXT_CHARS, after, counts, word_before
from .numbers import cardinal, digits, ordinal, roman, short_code
from .vocabulary import (
    ADDRESS_ENDINGS,
    ADDRESS_SYMBOLS,
    AFTER_TIMES,
    AMOUNTS_BEFORE_NUMBERS,
    ANYWHERE,
    ANYWHERE_SMALL,
    BEFORE_AN_ANSWER,
    BEFORE_INITIALS,
    BEFORE_NUMBERS,
    DEGREES,
    DOTTED,
    DOTTED_PLACES,
    FIRST_NAMES,
    GERMAN_NAMES,
    IN_NAMES,
    LETTERED,
    NEVER_LAST,
    NUMBERED,
    NUMBERED_BY_ONE_LETTER,
    PERSON_TITLES,
    RULER_TITLES,
    RULERS,
    SAINTS,
    SELDOM_LAST,
    SHORT_WEEKEND,
    SPELLED_ENDINGS,
    STARTERS,
    STATES,
    STATES_LIKE_WORDS,
    STREETS,
    SURNAMES,
    TITLES,
    TITLES_BEFORE_NAMES,
    UNITS,
    WEEKDAYS_BY_SHORT,
)

_AFTER_POINT = re.compile(r"""["'”’)\]]*(?:\s*\Z|(\s+)["'“‘(\[]*(\w*))""")
_NEXT_NAME = re.compile(r"\s+([A-Z]\w*)")


# ---- addresses -----------------------------------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.+@-])[\w.+-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+")
_URL = re.compile(r"""(?<!\w)(?:(?:https?|ftp)://|www\.)[^\s<>"]+""", re.IGNORECASE)
_DOMAIN = re.compile(rf"""(?<![\w@./-])(?:[a-zA-Z0-9_-]+\.)+(?:{any_of(ADDRESS_ENDINGS)})(?:/[^\s<>"]*)?(?!\w)""")


def _address(match: re.Match[str]) -> str:
    """jo@mail.co.uk → jo at mail dot co dot U K; the scheme of a web address is left out."""
    address = match[0].rstrip(".,;:!?)]}'’”*")
    rest = match[0][len(address) :]
    address = re.sub(r"^(https?|ftp)://", "", address, flags=re.IGNORECASE).rstrip("/")
    words = [_address_part(part) for part in re.findall(r"[^\W\d_]+|\d+|\S", address)]
    return " ".join(filter(None, words)) + rest


def _address_part(part: str) -> str:
    if part.isdecimal():
        return short_code(part)
    if not part.isalpha():
        return ADDRESS_SYMBOLS.get(part, "")
    has_vowel = any(vowel in part.lower() for vowel in "aeiouy")
    return part if has_vowel and part not in SPELLED_ENDINGS else " ".join(part.upper())


ADDRESSES: list[Rule] = [(_EMAIL, _address), (_URL, _address), (_DOMAIN, _address)]

# ---- abbreviations -------------------------------------------------------------------------------------------

_ANYWHERE = re.compile(rf"(?<![\w.])((?i:{any_of(ANYWHERE)})|{any_of(ANYWHERE_SMALL)})\.(?!\w)")
_UNIT_POINT = re.compile(  # 5 lbs. of
    rf"(?<=[\d¼-¾⅐-⅞][ -])({any_of(filter(str.isalpha, UNITS))}|c)\.(?=[,)]| [a-z]| \d\d? (?:min|sec|in|oz)\b)"
)
_BEFORE_NUMBERS = re.compile(
    rf"(?<![\w.°])((?i:{any_of(BEFORE_NUMBERS.keys() - {'p'})})|c|p)\. ?(?=(\d+(?:[.,]\d+)*)|[IVXLC]{{2,}}\b)"
)
_ONE_BEFORE = re.compile(r"(?:(?<![\d.,/])1|/\d|(?<!\d )(?<!\d)[¼-¾⅐-⅞]) \Z")
_STREET = re.compile(rf"\b([A-Z][a-z]+|\d+(?:st|nd|rd|th)) ({any_of(STREETS)})\b(?![.'’\w])(?! [A-Z][a-z])")
_FLAT = re.compile(r"\b(Apt|Ste)\.? (?=#?\d)")
_STATE = re.compile(
    rf"(?<=[a-z], )(?:({any_of(STATES)})\b|({any_of(STATES_LIKE_WORDS)})(?= \d{{5}}\b))"
    r"(?: (\d{5})(?:-(\d{4}))?(?![\w-]))?"
)
_NAME_BEFORE = re.compile(r"((?:[A-Z][\w.'’-]* ){0,3})([A-Z][\w.'’-]*), \Z")
_DEGREE_AFTER = re.compile(rf",? (?:and )?(?:{any_of(DEGREES)})\b")
_WEEKEND_DAY = re.compile(
    rf"(?:(?<=\band )|(?<=\bor )|(?<=\bon )|(?<=\bto )|(?<=\bby )|(?<=\bevery )|(?<=\buntil ))"
    rf"({any_of(SHORT_WEEKEND)})\.|\b({any_of(SHORT_WEEKEND)})\.(?=,? (?:[–&\d-]|(?:and|or|to|through|at|from|"
    rf"morning|afternoon|evening|night|{any_of(WEEKDAYS_BY_SHORT)})\b)|,)"
)


def _point(match: re.Match[str], is_name: bool = False) -> str:
    """The point that stays behind an abbreviation: the one that ends its sentence.

    A capital follows then; after an abbreviation that is part of names, such as "U.S.", only a word that is none.
    """
    following = _AFTER_POINT.match(after(match)) if match[0].endswith(".") else None
    if following is None:
        return ""
    space, word = following.groups()
    if space is None or space.count("\n") > 1 or word in STARTERS:
        return "."
    return "." * (not is_name and word[:1].isupper() and word not in AFTER_TIMES)


def _like(original: str, words: str) -> str:
    return words[0].upper() + words[1:] if original[0].isupper() else words


def _title(match: re.Match[str]) -> str:
    before = word_before(match)
    is_street = match[1] == "Dr" and before[:1].isupper() and before.isalpha() and before not in STARTERS
    if is_street and not _NEXT_NAME.match(after(match)):
        return "Drive" + _point(match)
    return TITLES[match[1].lower()]


def _saint_or_street(match: re.Match[str]) -> str:
    following = _NEXT_NAME.match(after(match))
    before = word_before(match)
    after_name = (before[:1].isupper() and before not in STARTERS) or re.fullmatch(r"\d+(st|nd|rd|th)", before)
    if following and (following[1] in SAINTS or not (after_name or following[1] in STARTERS)):
        return "Saint"
    return "Street" + _point(match)


def _dotted(match: re.Match[str]) -> str:
    letters = match[0].replace(".", "")
    if letters.lower() in DOTTED:
        return _like(letters, DOTTED[letters.lower()])
    following = _NEXT_NAME.match(after(match))
    ends = letters.lower() in DOTTED_PLACES and following is not None and following[1] in FIRST_NAMES
    return " ".join(letters.upper()) + _point(match, is_name=letters.lower() not in ("am", "pm") and not ends)


def _anywhere(match: re.Match[str]) -> str:
    key = match[1].lower()
    if _measures(match):
        return match[1] + _point(match)
    point = "" if key in NEVER_LAST else _point(match, is_name=key in SELDOM_LAST)
    return _like(match[1], ANYWHERE.get(key) or ANYWHERE_SMALL[key]) + point


def _before_number(match: re.Match[str]) -> str:
    """No. 5 and sec. 5; but not "he said no. 5 people left", "modern art. 20 years later" and "in 5 min. 3 of them"."""
    key = match[1].lower()
    if match[1].islower() and (_measures(match) or _ends_before_number(match, key)):
        return match[0]
    return _like(match[1], "circa" if key == "c" else BEFORE_NUMBERS[key]) + " "


def _measures(match: re.Match[str]) -> bool:
    """Whether an abbreviation is the unit of the number before it."""
    return match[1] in UNITS and word_before(match)[-1:].isnumeric()


def _ends_before_number(match: re.Match[str], key: str) -> bool:
    """Whether a small word ends its sentence and the number counts what follows."""
    is_answer = key != "no" or word_before(match).lower() in BEFORE_AN_ANSWER
    return key not in AMOUNTS_BEFORE_NUMBERS and is_answer and _counts_after(match)


def _counts_after(match: re.Match[str]) -> bool:
    number = re.compile(r"\d+(?:[.,]\d+)*").match(match.string, match.end())
    return number is not None and counts(number)


def _unit(match: re.Match[str]) -> str:
    if match[1] != "c":
        return match[1]
    return "cup" if _ONE_BEFORE.search(match.string, max(0, match.start() - 4), match.start()) else "cups"


def _day(match: re.Match[str]) -> str:
    return SHORT_WEEKEND[match[1] or match[2]] + _point(match, is_name=True)


def _state(match: re.Match[str]) -> str:
    """Boston, MA and Portland, OR 97205; but not the degrees of Dr. Jones, MD and Ann, MS, RN."""
    state, like_word, *codes = match.groups()
    name = _NAME_BEFORE.search(match.string, max(0, match.start() - CONTEXT_CHARS), match.start())
    if not codes[0] and (name is None or _is_person(*name.groups()) or _DEGREE_AFTER.match(after(match))):
        return match[0]
    full = STATES[state] if state else STATES_LIKE_WORDS[like_word]
    return f"{full} {', '.join(digits(code) for code in codes if code)}".rstrip()


def _is_person(first: str, last: str) -> bool:
    """Whether the name before a comma has a title, a given name or a common surname in it."""
    names = {*first.split(), last}
    begins = first.split()[0] if first else last
    return bool(names & PERSON_TITLES) or begins in FIRST_NAMES or last in SURNAMES


def _versus_or_von(match: re.Match[str]) -> str:
    """Smith v. Jones, but not Ludwig v. Beethoven."""
    return match[0] if word_before(match) in GERMAN_NAMES else "versus"


def _initial(match: re.Match[str]) -> str:
    """The B. of "George B. Shaw", but not of "Plan B. Then"."""
    before, following = word_before(match), _NEXT_NAME.match(after(match))
    in_name = len(before) != 1 and before not in LETTERED and before[:1].isupper()
    begins_name = not before or before[-1] in ".,;:!?" or before in BEFORE_INITIALS
    ends = following is None or following[1] in STARTERS - {"A", "I"} or match[1] == "I"
    return match[1] if (in_name or begins_name) and not ends else match[0]


ABBREVIATIONS: list[Rule] = [
    (re.compile(r"(?<![\w.])(?:Ph\.? ?D|PhD)(s?)\b(?:\.(?!\w))?"), lambda m: f"P H D{m[1]}{_point(m, is_name=True)}"),
    (re.compile(r"\b([A-Z]{1,3})&([A-Z]{1,3})\b"), lambda m: f"{' '.join(m[1])} and {' '.join(m[2])}"),
    (re.compile(r"(?<![A-Za-z_.'’])[A-Za-z](?:\.[A-Za-z])+(?!\w)\.?"), _dotted),
    (re.compile(r"\b(Mr|Mrs|Ms|Dr|Messrs)\b(?:\.|(?=\s+[A-Z]))"), _title),
    (re.compile(r"\b(MR|MRS|MS|DR|mr|mrs|ms|dr)\.(?= \w)"), lambda m: TITLES[m[1].lower()]),
    (re.compile(r"\bSt\b(?:\.|(?=\s+[A-Z]))"), _saint_or_street),
    (re.compile(rf"\b({any_of(TITLES_BEFORE_NAMES)})\.(?=\s+[A-Z])"), lambda m: TITLES_BEFORE_NAMES[m[1]]),
    (_BEFORE_NUMBERS, _before_number),
    (_UNIT_POINT, _unit),
    (_STREET, lambda m: f"{m[1]} {STREETS[m[2]]}"),
    (_FLAT, lambda m: {"Apt": "Apartment ", "Ste": "Suite "}[m[1]]),
    (_STATE, _state),
    (_WEEKEND_DAY, _day),
    (re.compile(r"(?<=[a-z] )v\.(?= [A-Z])"), _versus_or_von),
    (re.compile(rf"\b({any_of(IN_NAMES)})\."), lambda m: IN_NAMES[m[1]] + _point(m, is_name=True)),
    (_ANYWHERE, _anywhere),
    (re.compile(r"(?<![\w/.])(vs|etc)(?![\w/])"), lambda m: ANYWHERE[m[1]]),
    (re.compile(r"(?<![\w/])w/(o?)(?![\w/])"), lambda m: "without" if m[1] else "with"),
    (re.compile(r"(?<![\w.'’°&])(?<!\b[A-Z] and )([A-Z])\.(?= [A-Z])"), _initial),
]

# ---- Roman numerals ------------------------------------------------------------------------------------------

# "I" is a numeral only where the pronoun could not stand.
_NO_PRONOUN = r"(?:(?<!\bI)|(?=['’)\].,;:!?]|\s*\Z|\s(?:of|was|is|and|in|had|who|ruled|died|became|to|by|the|from)\b))"


def _cardinal_numeral(match: re.Match[str]) -> str:
    value = roman(match[2].upper())
    return match[0] if value is None else match[1] + cardinal(value)


def _regnal_numeral(match: re.Match[str]) -> str:
    value = roman(match[2])
    return match[0] if value is None else f"{match[1]}the {ordinal(value)}"


def _other_numeral(match: re.Match[str]) -> str:
    return match[0] if match[1].strip() in STARTERS else _cardinal_numeral(match)


ROMAN_NUMERALS: list[Rule] = [
    (re.compile(r"\bWW(II?)\b"), lambda m: f"World War {m[1]}"),
    (
        re.compile(rf"\b((?:(?:{any_of(RULER_TITLES)})\s[A-Z]\w+|{any_of(RULERS)})\s)([IVX]+)\b{_NO_PRONOUN}"),
        _regnal_numeral,
    ),
    (re.compile(rf"\b((?i:{any_of(NUMBERED)})\s)([IVXLC]{{2,}}|[ivxlc]{{2,}})\b(?!['’])"), _cardinal_numeral),
    (re.compile(rf"\b((?:{any_of(NUMBERED_BY_ONE_LETTER)})\s)([IVX])\b{_NO_PRONOUN}"), _cardinal_numeral),
    (re.compile(r"\b([A-Z][a-z]+\s)([IVX]{2,})\b(?!['’])"), _other_numeral),
]
