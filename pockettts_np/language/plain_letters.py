"""English text in the few characters that the built-in voice learned: a to z, space, and ' , . ? !"""

import re
import string
import unicodedata

from .rules import Draft

_FOLDED = {
    "Æ": "Ae", "æ": "ae", "Œ": "Oe", "œ": "oe", "Ø": "O", "ø": "o", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "Th",
    "þ": "th", "Ł": "L", "ł": "l", "ß": "ss", "ẞ": "SS", "ı": "i", "Ħ": "H", "ħ": "h", "Ŋ": "Ng", "ŋ": "ng",
    "‘": "'", "’": "'", "ʼ": "'", "`": "'", "´": "'", "′": "'", "…": ".", "™": "", "℠": "",
    "。": ".", "、": ",", "，": ",", "！": "!", "？": "?",
}  # fmt: skip
_FOLD = str.maketrans(_FOLDED)

# Acronyms are said letter by letter where no English word could be spelled so, and these, which look like words.
_LETTER_BY_LETTER = frozenset(
    {
        "ABC", "AC", "ACLU", "AI", "AIM", "AKA", "AOL", "API", "ATP", "CEO", "CFO", "CIA", "CIO", "COO", "CTO", "DIY",
        "DOB", "DUI", "DVD", "EDT", "EKG", "EMS", "EPA", "EST", "ETA", "EU", "EV", "FYI", "GPA", "GPU", "HIV", "ICU",
        "ID", "IDE", "IMO", "IO", "IOU", "IP", "IPA", "IPO", "IQ", "IRA", "IRS", "ISO", "ISP", "IV", "IVF", "LA", "MIT",
        "NBA", "NYC", "NYU", "OCR", "OMG", "OS", "PIN", "POV", "SUV", "TBA", "UAE", "UFO", "UI", "UK", "UN", "UPS",
        "URL", "US", "USA", "USB", "UTI", "UV", "UX", "VIP", "XML",
    }
)  # fmt: skip
_ALSO_WORDS = frozenset({"AIM", "IRA", "LA", "PIN", "UPS", "US"})  # in text that is all capitals
_WORD_START = (
    "(?:[b-df-hj-np-tv-z]|[bcfgp][lr]|[dt][rw]|[cgpstw]h|[gkp]n|ps|qu|rh|s[cklmnpqtw]|wr|"
    "sch|scr|shr|sph|spl|spr|squ|str|thr)?[aeiouy]"
)
_WORD_END = (
    "[aeiouy](?:[b-df-hk-np-tv-xz]|ch|ck|ct|dd|ff|ft|gg|gh|l[bcdfklmpt]|m[bp]|n[cdgkt]|pt|r[bcdfgklmnpt]|s[hkmpst]|"
    "t[ht]|w[lkn]|xt|zz|rth|nth|tch|rch|[bdgklmnprtw]s)?e?"
)
_POSSIBLE_WORD = re.compile(rf"(?=.*{_WORD_END}\Z){_WORD_START}.*", re.IGNORECASE)
_ACRONYM = re.compile(r"(?<![A-Za-z'])([A-Z]{2,5})('?s)?(?![A-Za-z])")
# U S A, P H Ds; pH and mRNA; one letter, but not the words "a" and "I"; grade A.
_LETTERS = re.compile(
    r"(?<![A-Za-z'])(?:([A-Z](?: [A-Z])+|[a-z]{1,2}[A-Z]{1,4})('?s)?|[B-HJ-Zb-hj-z]|(?<=[a-z] )A(?! ?[A-Za-z]))"
    r"(?![A-Za-z'])"
)
_OKAY = re.compile(r"(?<!')\b[Oo][Kk]\b")
_AND = re.compile(r"(?<=[A-Za-z])(?:\s?'[nN]'\s?|\s'[nN]\s|\s[nN]'\s)(?=[A-Za-z])")  # rock 'n' roll
_LETTER_NAMES = {
    "a": "eh", "b": "bee", "c": "see", "d": "dee", "e": "ee", "f": "ef", "g": "gee", "h": "aitch", "i": "eye",
    "j": "jay", "k": "kay", "l": "el", "m": "em", "n": "en", "o": "oh", "p": "pee", "q": "cue", "r": "are", "s": "ess",
    "t": "tee", "u": "you", "v": "vee", "w": "double you", "x": "ex", "y": "why", "z": "zee",
}  # fmt: skip

_PARAGRAPH_END = re.compile(r"(?<![\s.,?!])[\"')\]]?\s*\n[^\S\n]*\n\s*")
_HYPHEN = re.compile(r"(?<=[A-Za-z])[-\u2010\u2011](?=[A-Za-z])")
_BREAK = re.compile(r"[-\u2010-\u2015;:()\[\]{}<>|•·]+")
_OTHER = re.compile(r"[^a-z',.?!]+")
_LOOSE_APOSTROPHE = re.compile(r"(?<![A-Za-z])'|'(?![A-Za-z])")
_NOT_PLAIN = re.compile(r"[^\x00-\x7f]+|`")
_LOWER = {ord(upper): lower for upper, lower in zip(string.ascii_uppercase, string.ascii_lowercase, strict=True)}
_OUTSIDE = re.compile(r"\A[ ,.?!]+| +\Z")
_MARKS = re.compile(r" ?([,.?!](?:[ ,.?!]*[,.?!])?) ?")


def plain_letters(text: str) -> str:
    """`text` in lower case with a to z, single spaces and ' , . ? ! only; empty where it has no Latin letter.

    Accents go; brackets, dashes, colons and semicolons become commas, an empty line the end of a sentence. Single
    letters and acronyms that nobody could pronounce are named ("bee bee see"). Digits and other scripts are left out.
    """
    draft = Draft(text)
    write_plainly(draft)
    return draft.text


def write_plainly(draft: Draft) -> None:
    """`plain_letters` for a draft."""
    draft.replace(_NOT_PLAIN, lambda m: _folded(m[0]))
    draft.replace(_AND, lambda m: " and ")
    draft.replace(_OKAY, lambda m: "okay")
    draft.replace(_LOOSE_APOSTROPHE, lambda m: "")
    draft.replace(_PARAGRAPH_END, lambda m: ". ")
    draft.replace(_HYPHEN, lambda m: " ")
    draft.replace(_BREAK, lambda m: ",")
    draft.replace(_ACRONYM, _acronym)
    draft.replace(_LETTERS, _spelled)
    draft.translate(_LOWER)
    draft.replace(_OTHER, lambda m: " ")
    draft.replace(_LOOSE_APOSTROPHE, lambda m: "")
    draft.replace(_OTHER, lambda m: " ")
    draft.replace(_MARKS, _one_mark)
    draft.replace(_OUTSIDE, lambda m: "")


def _folded(characters: str) -> str:
    """Without accents and what nobody sees; Latin letters as a to z."""
    plain = unicodedata.normalize("NFKD", characters.translate(_FOLD))
    return "".join(c for c in plain if c.isascii() or unicodedata.category(c) not in ("Mn", "Cf")).translate(_FOLD)


def _acronym(match: re.Match[str]) -> str:
    letters = match[1]
    if letters == "OK":
        return "okay" + (match[2] or "")
    is_word = _POSSIBLE_WORD.fullmatch(letters) and letters not in _LETTER_BY_LETTER
    if is_word or (letters in _ALSO_WORDS and match.string.isupper()):
        return match[0]
    return _spelled(match)


def _spelled(match: re.Match[str]) -> str:
    """Letters by their names: TVs → tee vees, GPSs → gee pee esses."""
    letters, ending = match[1] or match[0], match[2] or ""
    names = " ".join(_LETTER_NAMES[letter] for letter in letters.replace(" ", "").lower())
    return names + ("es" if ending == "s" and names.endswith(("s", "x", "ch")) else ending)


def _one_mark(match: re.Match[str]) -> str:
    """Of several marks the strongest."""
    return next(mark for mark in "?!.," if mark in match[1]) + " "
