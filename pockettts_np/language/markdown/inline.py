"""Marks within a line: taken out where a person would not read them."""

import re

from ..markup import SPANS, TAGS
from ..rules import Rule, rewrite

_LONGEST = 300  # characters between the two ends of a mark
_URL = rf"\([^()\s]{{0,2000}}(?:\([^()\s]{{0,{_LONGEST}}}\)[^()\s]{{0,{_LONGEST}}})?(?: \"[^\"\n]{{0,{_LONGEST}}}\")?\)"
_LABEL = rf"\[[^\[\]\n]{{0,{_LONGEST}}}\]"
# Marks of emphasis whose other end lies in another sentence, or nowhere.
_LOOSE = r"\*{1,3}|_{1,3}|~~|==|`{1,3}"
_OPENING = re.compile(rf"(?<![\w*_~=`/\\])(?<!\d )(?:{_LOOSE})(?=[\w\"“‘'(\[¿¡$€£])")
_CLOSING = re.compile(rf"(?<=[\w.,!?…\"”'’)\]%:;])(?:{_LOOSE})(?![\w*_~=`/(])")
_MENU = "settings|preferences|options|menu|file|edit|view|tools|help|account|profile|system"

_ANY_MARK = re.compile(r"[*_~=`<&\[\]!\\%^:;#|$→➔➜➡»›【]")
_ESCAPED = 0xE000  # on top of a character that is no mark: behind a backslash, or the bracket of a pause or voice

_BEFORE: list[Rule] = [
    (re.compile(r"\\([\\`*_{}\[\]()#+.!$~|<>-])"), lambda m: chr(_ESCAPED + ord(m[1]))),
    (
        re.compile(r"\[((?:pause(?=[\s:=\]])|voice:)[^\[\]\n]{0,100})\]"),
        lambda m: f"{chr(_ESCAPED + ord('['))}{m[1]}{chr(_ESCAPED + ord(']'))}",
    ),
    (
        re.compile(r"(?<=[.,;:!?)\"”])(?:\[\d{1,3}\])+(?![\w(:])|(?<=[^\W\d_]{4})(?:\[\d{1,3}\])+(?=[\s.,;:!?)]|\Z)"),
        lambda m: "",
    ),
    (re.compile(rf"!\[\[[^\[\]\n]{{1,{_LONGEST}}}\]\]|!{_LABEL}(?:{_URL}|{_LABEL}) ?"), lambda m: ""),
    (re.compile(rf"(?<!!)\[([^\[\]\n]{{1,{_LONGEST}}})\]\[[^\[\]\n]{{0,100}}\]"), lambda m: m[1]),
    (
        re.compile(rf"\[\[([^\[\]|#\n]{{1,{_LONGEST}}})#\^?([^\[\]|\n]{{1,{_LONGEST}}})\]\]"),
        lambda m: f"{m[1]}, {m[2]}",
    ),
    (re.compile(r" ?\[\^[^\[\]\s]{1,50}\]|【[^【】\n]{1,50}】"), lambda m: ""),
    (re.compile(rf"%%[^%\n]{{1,{_LONGEST}}}%%"), lambda m: ""),
    (re.compile(r"(?<=\S)[ \t]+\^[\w-]{3,40}(?=[ \t]*\Z)"), lambda m: ""),
    (re.compile(r"(?<!\S)[:;][-'^]?[)(DPpOo/\\|]{1,3}(?![^\s.,!?])[ \t]?"), lambda m: ""),
    (re.compile(r"(?<![\w:]):[a-z][a-z0-9_+-]{1,30}:(?![\w:])"), lambda m: ""),
]
_AFTER: list[Rule] = [
    (_OPENING, lambda m: ""),
    (_CLOSING, lambda m: ""),
    (re.compile(r"(?<![\w#&/])#(?=[^\W\d_])"), lambda m: ""),
    (re.compile(rf"\b({_MENU}) ?[→➔➜➡»›] ?(?=\w)", re.IGNORECASE), lambda m: f"{m[1]}, "),
    (re.compile(r"(?<=\S) \| (?=\S)"), lambda m: ", "),
    (re.compile("[\ue000-\ue07f]"), lambda m: chr(ord(m[0]) - _ESCAPED)),
]


def unmarked(text: str) -> str:
    """A passage without the marks of Markdown and HTML; what they mark stays, but images, code names and comments."""
    if not _ANY_MARK.search(text):
        return text
    text = rewrite(text, _BEFORE)
    text = rewrite(text, TAGS)
    return rewrite(text, [*SPANS, *_AFTER])
