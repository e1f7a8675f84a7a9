"""Markup of HTML and Markdown: taken out, with what it marks left in and a pause where a paragraph or item ends.

Tags are those that HTML and SSML name: others may be text, such as `<stdio.h>`.
"""

import html
import re
from html.entities import html5

from .punctuation import CLAUSE_MARKS, SENTENCE_MARKS
from .rules import Rule

_INLINE_TAGS = (
    "a|abbr|b|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|w|"
    "speak|prosody|emphasis|say-as|voice|phoneme|"
    "img|picture|source|svg|path|iframe|video|audio|object|embed|form|input|button|label|select|option|link|meta"
)
_BLOCK_TAGS = (
    "p|div|br|hr|ul|ol|li|dl|dt|dd|h[1-6]|table|thead|tbody|tr|td|th|caption|blockquote|pre|section|article|header|"
    "footer|main|nav|figure|figcaption|html|head|title|body|center|details|summary"
)
_LONGEST = 300  # characters of a tag, a link's text or a run of emphasis
_ATTRIBUTES = rf"(?:\s[^<>=]{{0,{_LONGEST}}}=[^<>]{{0,{_LONGEST}}})?"
_MARKS = SENTENCE_MARKS + CLAUSE_MARKS
_LINE = r"(?m:^[ \t]*"
_LINE_END = r"[ \t\r]*$"
# A tag without attributes that nothing closes is spoken of: use <b> for bold.
_PAIRED_TAG = re.compile(
    rf"<(?:/(?:{_INLINE_TAGS})\s?|(?:{_INLINE_TAGS})(?:{_ATTRIBUTES}/|\s[^<>=]{{0,{_LONGEST}}}=[^<>]{{0,{_LONGEST}}})"
    rf"|({_INLINE_TAGS})(?=>[\s\S]{{0,{_LONGEST}}}?</\1>))>",
    re.IGNORECASE,
)
_STUCK_TAG = re.compile(rf"(?<![\w<])<(?:{_INLINE_TAGS})>(?=\w)", re.IGNORECASE)
# The tags of speech synthesis, but where a sentence speaks of them; the closing tag may lie behind a pause.
_SPEECH_TAG = re.compile(r"(?<!\w )<(?:speak|prosody|emphasis|say-as|voice|phoneme)>", re.IGNORECASE)
# A block that begins in a sentence, with nothing that closes it: the <body> after the <head> tag.
_SPOKEN_OF = (
    r"(?:(?<=[\w,>] )|(?=<\w{1,10}>,? (?:and|or|is|are|means|tags?|elements?)\b))"
    rf"<(?!br|hr)({_BLOCK_TAGS})>(?=[ .,;:!?)]|\Z)(?![\s\S]{{0,{_LONGEST}}}?</\1>)"
)
_BLOCK_RUN = re.compile(rf"(?:(?!{_SPOKEN_OF})</?(?:{_BLOCK_TAGS}){_ATTRIBUTES}\s?/?>\s*)+", re.IGNORECASE)
_LINK = re.compile(
    rf"!?\[([^\[\]\n]{{0,{_LONGEST}}})\]\([^()\s]{{1,2000}}(?:\([^()\s]{{0,{_LONGEST}}}\)[^()\s]{{0,{_LONGEST}}})?"
    rf"(?: \"[^\"\n]{{0,{_LONGEST}}}\")?\)"
)
_ITEM = re.compile(
    rf"(?:(?<=[^\s{_MARKS}])[ \t\r]*\n|\A|(?<=\n))[ \t]*[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?(?=[\w\"“'*_\[`<(¿¡$€£+-])"
)
_EMPHASIS = re.compile(
    rf"(?<![\w*_~=])(\*{{1,3}}|_{{1,3}}|~~|==)(?=[^\s*_~=/])([^*~=\n]{{1,{_LONGEST}}}?)(?<=\S)\1(?![\w*~=])"
)
_FORMULA = re.compile(rf"(?<![\w$])\${{1,2}}(?=[^\s\d$.])([^$\n]{{1,{_LONGEST}}}?)(?<=\S)\${{1,2}}(?![\w$])")


def _entity(match: re.Match[str]) -> str:
    """&lt; → <; a name that HTML does not know is text."""
    name = match[0][1:]
    return html.unescape(match[0]) if name[0] == "#" or name in html5 else match[0]


def _block(match: re.Match[str]) -> str:
    """A paragraph, cell or item ends its sentence."""
    last = match.string[max(0, match.start() - 1) : match.start()]
    return "" if not last else "\n\n" if last.isspace() or last in _MARKS else ".\n\n"


def _row(match: re.Match[str]) -> str:
    """The cells of a table's row; the line below its head has none."""
    cells = [cell.strip() for cell in match[1].split("|")]
    return ", ".join(filter(None, cells)) + "." if any(cell.strip("-: ") for cell in cells) else ""


TAGS: list[Rule] = [
    (re.compile(r"<!--[^<>]{0,1000}-->"), lambda m: ""),
    (re.compile(r"<(script|style)(?:\s[^<>]{0,300})?>[^<]{0,10000}</\1\s?>", re.IGNORECASE), lambda m: ""),
    (_PAIRED_TAG, lambda m: ""),
    (_SPEECH_TAG, lambda m: ""),
    (_STUCK_TAG, lambda m: ""),
    (_BLOCK_RUN, _block),
    (re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"), _entity),
    (re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>"), lambda m: m[1]),
    (_LINK, lambda m: m[1]),
    (re.compile(rf"\[\[(?:[^\[\]|\n]{{1,{_LONGEST}}}\|)?([^\[\]|\n]{{1,{_LONGEST}}})\]\]"), lambda m: m[1]),
]
_LINES: list[Rule] = [
    (re.compile(rf"{_LINE}(?:```+|~~~+)[^\n`]*$\n?)"), lambda m: ""),
    (re.compile(rf"{_LINE}([-*_=])(?:[ \t]?\1){{2,}}{_LINE_END}\n?)"), lambda m: "\n"),
    (re.compile(rf"{_LINE}\|([^\n]{{1,2000}})\|{_LINE_END})"), _row),
    (re.compile(rf"{_LINE}#{{1,6}}[ \t]+([^\n]{{1,{_LONGEST}}}?)[ \t#\r]*$)"), lambda m: f"{m[1]}\n"),
    (re.compile(rf"{_LINE}>(?:[ \t]?>)*[ \t]+(?=[^\W\d]|[\"“'*_`\[]))"), lambda m: ""),
    (_ITEM, lambda m: ".\n" if "\n" in m[0] else ""),
]
SPANS: list[Rule] = [
    (re.compile(rf"(?<![\w`])(`{{1,3}})(?!`)([^`\n]{{1,{_LONGEST}}})\1(?![\w`])"), lambda m: m[2].strip()),
    (_EMPHASIS, lambda m: m[2]),
    (_FORMULA, lambda m: m[1]),
]
MARKUP: list[Rule] = [*TAGS, *_LINES, *SPANS]
