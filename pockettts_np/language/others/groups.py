"""Digits in groups of three: 10 000 is one number, but 10 200 300 may be three."""

import re
from typing import Final

from ..rules import Rule, any_of
from .language import SPACE, Language, names

_SPACED = r"(?<![\w.,^])(?<![\d)] )\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:,\d+)?(?![ .,:/]?\d)"
_SPACED_BY_RULE = ("fr",)  # 12 345 is one number wherever it stands
_NARROW_SPACE = "\u202f"
_NO_NOUNS: Final = names(
    "puis sont est avec pour dans sono con per são com para son como van met voor zijn und oder sowie bis"
)


def group_rules(language: Language) -> list[Rule]:
    """Groups that are one number, with narrow spaces; plain spaces are left between numbers of their own."""
    money, units = any_of(language.currencies), any_of(language.units)
    range_after = rf"(?:[–-] ?|{language.to} )\d{{1,3}}{SPACE}\d{{3}}(?!\d)"
    after = re.compile(rf"{SPACE}?(?:[€%]|EUR\b|(?:{money}|{units})(?![\w²³/])|{range_after})")
    money_before = re.compile(rf"(?:€|{money}) ?\Z")
    numbered_before = re.compile(rf"\b(?:{language.numbered}) \Z", re.IGNORECASE)
    capital = "A-ZÄÖÜ" if language.code == "de" else "a-zà-ÿ"
    noun = re.compile(rf" ((?:[{capital}])[^\W\d_]{{2,}})")

    def joined(match: re.Match[str]) -> str:
        before = match.string[max(0, match.start() - 30) : match.start()]
        following = match.string[match.end() : match.end() + 30]
        one = re.sub(" ", _NARROW_SPACE, match[0])
        if not re.search(r" ", match[0]) or " 000" in match[0] or "," in match[0]:
            return one
        if after.match(following) or money_before.search(before):
            return one
        if numbered_before.search(before):
            return match[0]
        named = noun.match(following)
        is_million = re.fullmatch(r"\d(?: \d{3}){2,}", match[0])  # 1 234 567; but 10 200 300 may be three
        is_one = is_million or language.code in _SPACED_BY_RULE or (named and named[1] not in _NO_NOUNS)
        return one if is_one else match[0]

    return [(re.compile(_SPACED), joined)]
