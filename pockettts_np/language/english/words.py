"""What is short in writing and is no number: abbreviations, initials, Roman numerals, addresses, symbols."""

import re
from collections.abc import Iterable

from ..rules import Rule
from .numbers import cardinal, ordinal, roman, short_code
from .vocabulary import (
    ADDRESS_ENDINGS,
    ADDRESS_SYMBOLS,
    AFTER_TIMES,
    ANYWHERE,
    BEFORE_INITIALS,
    BEFORE_NUMBERS,
    DOTTED,
    IN_NAMES,
    LETTERED,
    NEVER_LAST,
    NUMBERED,
    NUMBERED_BY_ONE_LETTER,
    RULER_TITLES,
    RULERS,
    SAINTS,
    SPELLED_ENDINGS,
    STARTERS,
    SYMBOL_WORDS,
    TITLES,
    TITLES_BEFORE_NAMES,
    UNITS,
)

_CONTEXT = 40  # characters that a rule looks ahead or back

_AFTER_POINT = re.compile(r"""["'”’)\]]*(?:\s*\Z|(\s+)["'“‘(\[]*(\w*))""")
_NEXT_NAME = re.compile(r"\s+([A-Z]\w*)")


def _any_of(words: Iterable[str]) -> str:
    """A pattern; longer words first, so that "etc" is not read as "e"."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _after(match: re.Match[str]) -> str:
    return match.string[match.end() : match.end() + _CONTEXT]


def _word_before(match: re.Match[str]) -> str:
    """The word before a match, with its point, if one space lies between them."""
    words = match.string[max(0, match.start() - _CONTEXT) : match.start()].split(" ")
    return words[-2].rpartition("\n")[2] if len(words) > 1 and not words[-1] else ""


# ---- addresses -----------------------------------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.+@-])[\w.+-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+")
_URL = re.compile(r"""(?<!\w)(?:(?:https?|ftp)://|www\.)[^\s<>"]+""", re.IGNORECASE)
_DOMAIN = re.compile(rf"""(?<![\w@./-])(?:[a-zA-Z0-9_-]+\.)+(?:{_any_of(ADDRESS_ENDINGS)})(?:/[^\s<>"]*)?(?!\w)""")


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

_ANYWHERE = re.compile(rf"(?<![\w.])((?i:{_any_of(ANYWHERE)}))\.(?!\w)")
_UNIT_POINT = re.compile(rf"(?<=\d )({_any_of(filter(str.isalpha, UNITS))}|c)\.(?=[,)]| [a-z])")  # 5 lbs. of
_BEFORE_NUMBERS = re.compile(rf"(?<![\w.])((?i:{_any_of(BEFORE_NUMBERS)}))\. ?(?=\d|[IVXLC]{{2,}}\b)")


def _point(match: re.Match[str], is_name: bool = False) -> str:
    """The point that stays behind an abbreviation: the one that ends its sentence.

    A capital follows then; after an abbreviation that is part of names, such as "U.S.", only a word that is none.
    """
    following = _AFTER_POINT.match(_after(match)) if match[0].endswith(".") else None
    if following is None:
        return ""
    space, word = following.groups()
    if space is None or space.count("\n") > 1 or word in STARTERS:
        return "."
    return "." * (not is_name and word[:1].isupper() and word not in AFTER_TIMES)


def _like(original: str, words: str) -> str:
    return words[0].upper() + words[1:] if original[0].isupper() else words


def _title(match: re.Match[str]) -> str:
    before = _word_before(match)
    is_street = match[1] == "Dr" and before[:1].isupper() and before.isalpha() and before not in STARTERS
    if is_street and not _NEXT_NAME.match(_after(match)):
        return "Drive" + _point(match)
    return TITLES[match[1].lower()]


def _saint_or_street(match: re.Match[str]) -> str:
    following = _NEXT_NAME.match(_after(match))
    before = _word_before(match)
    after_name = (before[:1].isupper() and before not in STARTERS) or re.fullmatch(r"\d+(st|nd|rd|th)", before)
    if following and (following[1] in SAINTS or not (after_name or following[1] in STARTERS)):
        return "Saint"
    return "Street" + _point(match)


def _dotted(match: re.Match[str]) -> str:
    letters = match[0].replace(".", "")
    if letters.lower() in DOTTED:
        return _like(letters, DOTTED[letters.lower()])
    return " ".join(letters.upper()) + _point(match, is_name=letters.lower() not in ("am", "pm"))


def _anywhere(match: re.Match[str]) -> str:
    key = match[1].lower()
    return _like(match[1], ANYWHERE[key]) + ("" if key in NEVER_LAST else _point(match))


def _initial(match: re.Match[str]) -> str:
    """The B. of "George B. Shaw", but not of "Plan B. Then"."""
    before, following = _word_before(match), _NEXT_NAME.match(_after(match))
    in_name = len(before) != 1 and before not in LETTERED and before[:1].isupper()
    begins_name = not before or before[-1] in ".,;:!?" or before in BEFORE_INITIALS
    ends = following is None or following[1] in STARTERS - {"A", "I"} or match[1] == "I"
    return match[1] if (in_name or begins_name) and not ends else match[0]


ABBREVIATIONS: list[Rule] = [
    (re.compile(r"(?<![\w.])(?:Ph\.? ?D|PhD)\b(?:\.(?!\w))?"), lambda m: "P H D" + _point(m, is_name=True)),
    (re.compile(r"(?<![A-Za-z_.'’])[A-Za-z](?:\.[A-Za-z])+(?!\w)\.?"), _dotted),
    (re.compile(r"\b(Mr|Mrs|Ms|Dr|Messrs)\b(?:\.|(?=\s+[A-Z]))"), _title),
    (re.compile(r"\b(MR|MRS|MS|DR|mr|mrs|ms|dr)\.(?= \w)"), lambda m: TITLES[m[1].lower()]),
    (re.compile(r"\bSt\b(?:\.|(?=\s+[A-Z]))"), _saint_or_street),
    (re.compile(rf"\b({_any_of(TITLES_BEFORE_NAMES)})\.(?=\s+[A-Z])"), lambda m: TITLES_BEFORE_NAMES[m[1]]),
    (_BEFORE_NUMBERS, lambda m: _like(m[1], BEFORE_NUMBERS[m[1].lower()]) + " "),
    (_UNIT_POINT, lambda m: "cups" if m[1] == "c" else m[1]),
    (re.compile(rf"\b({_any_of(IN_NAMES)})\."), lambda m: IN_NAMES[m[1]] + _point(m, is_name=True)),
    (_ANYWHERE, _anywhere),
    (re.compile(r"\b(vs|etc)\b"), lambda m: ANYWHERE[m[1]]),
    (re.compile(r"(?<![\w/])w/(o?)(?![\w/])"), lambda m: "without" if m[1] else "with"),
    (re.compile(r"(?<![\w.'’])([A-Z])\.(?= [A-Z])"), _initial),
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
        re.compile(rf"\b((?:(?:{_any_of(RULER_TITLES)})\s[A-Z]\w+|{_any_of(RULERS)})\s)([IVX]+)\b{_NO_PRONOUN}"),
        _regnal_numeral,
    ),
    (re.compile(rf"\b((?i:{_any_of(NUMBERED)})\s)([IVXLC]{{2,}}|[ivxlc]{{2,}})\b(?!['’])"), _cardinal_numeral),
    (re.compile(rf"\b((?:{_any_of(NUMBERED_BY_ONE_LETTER)})\s)([IVX])\b{_NO_PRONOUN}"), _cardinal_numeral),
    (re.compile(r"\b([A-Z][a-z]+\s)([IVX]{2,})\b(?!['’])"), _other_numeral),
]

# ---- symbols -------------------------------------------------------------------------------------------------

# Between numbers, while these are figures.
OPERATORS: list[Rule] = [
    (re.compile(r"(?<=\d) ?- ?(?=[\d.,]{1,20} ?=)"), lambda m: " minus "),
    (re.compile(r"(?<![\w.,-])(\d{1,3})[-–]\1(?![\w-])"), lambda m: f"{m[1]} {m[1]}"),
    (re.compile(r"(?<=\d) / (?=\d)"), lambda m: " divided by "),
    (re.compile(r"(?<=\d) ?\* ?(?=[\d.])"), lambda m: " times "),
    (re.compile(r"(?<=\d) ?[x×] ?(?=\d)"), lambda m: " by " if "x" in m[0] else " times "),
    (re.compile(r"(?<![-=<]) ?<(?= ?[-−]?\.?\d)"), lambda m: " less than"),
    (re.compile(r"(?<=\w) ?>(?= ?[-−]?\.?\d)"), lambda m: " greater than"),
    (re.compile(r"(?<![\w~])~ ?(?=\d)"), lambda m: "about "),
    (re.compile(r"(?<![\w)\]}°%+-])[-−](?=[.$€£¥]?[\d¼-¾⅐-⅞])"), lambda m: "minus "),
    (re.compile(r"(?<![\w+)])\+(?=[.$€£¥]?\d)"), lambda m: "plus "),
    (re.compile(r"(?<![\w#&])(?:#|№ ?)(?=\d)"), lambda m: "number "),
]

SYMBOLS: list[Rule] = [
    (re.compile(r"\bC\+\+(?!\w)"), lambda m: "C plus plus"),
    (re.compile(r"\b([CF])#(?!\w)"), lambda m: f"{m[1]} sharp"),
    (re.compile(r"(?<![\w#&])#(?=[A-Za-z])"), lambda m: "hashtag "),
    (re.compile(r"(?<!&)&(?:amp;)?(?!&)"), lambda m: "and"),
    (re.compile(r"(?<=[\w)\]]) ?\+ ?(?=[\w(\[])"), lambda m: " plus "),
    (re.compile(r"(?<=\w)\+(?![\w+])"), lambda m: " plus"),
    (re.compile(r"(?<=[\w)\]]) ?= ?(?=[\w(\[\"'-])"), lambda m: " equals "),
    (re.compile(r"(?<=\w) ?%(?![\w%])"), lambda m: " percent"),
    (re.compile(r"(?<![\w%])%(?=\s|\Z)"), lambda m: "percent"),
    (re.compile(r"(?<![@\w])@(?=\w)"), lambda m: "at "),
    (re.compile(r"(?<=\w)@(?=\w)|(?<=\s)@(?=\s)"), lambda m: "at"),
    (re.compile("§§ ?"), lambda m: "sections "),
    (re.compile(f"[{''.join(SYMBOL_WORDS)}]"), lambda m: SYMBOL_WORDS[m[0]]),
]
