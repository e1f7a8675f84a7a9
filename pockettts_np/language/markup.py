"""Markup of HTML and Markdown: taken out, with what it marks left in and a pause where a paragraph or item ends.

Tags are those that HTML and SSML name: others may be text, such as `<stdio.h>`.
"""

import html
import re

from .punctuation import CLAUSE_MARKS, SENTENCE_MARKS
from .rules import Rule

_INLINE_TAGS = (
    "a|abbr|b|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|w|"
    "speak|prosody|emphasis|say-as|voice|phoneme"
)
_BLOCK_TAGS = (
    "p|div|br|hr|ul|ol|li|dl|dt|dd|h[1-6]|table|thead|tbody|tr|td|th|caption|blockquote|pre|section|article|header|"
    "footer|main|nav|figure|figcaption|html|head|title|body|center|details|summary"
)
_LONGEST = 300  # characters of a tag, a link's text or a run of emphasis
_ATTRIBUTES = rf"(?:\s[^<>]{{0,{_LONGEST}}})?/?"
_LINE = r"(?m:^[ \t]*"
_MARKS = SENTENCE_MARKS + CLAUSE_MARKS
_LEFT_OPEN = rf"(?<=[^\s{_MARKS}])"  # a line without a mark at its end
_AFTER_LINE = rf"(?:{_LEFT_OPEN}[ \t]*\n|\A|(?<=\n))[ \t]*"


def _entity(match: re.Match[str]) -> str:
    return html.unescape(match[0])


def _next_item(match: re.Match[str]) -> str:
    return ".\n" if "\n" in match[0] else ""


def _block(match: re.Match[str]) -> str:
    """A paragraph, cell or item ends its sentence."""
    last = match.string[max(0, match.start() - 1) : match.start()]
    return "" if not last else "\n\n" if last.isspace() or last in _MARKS else ".\n\n"


def _row(match: re.Match[str]) -> str:
    """The cells of a table's row; the line below its head has none."""
    cells = [cell.strip() for cell in match[1].split("|")]
    return ", ".join(filter(None, cells)) + "." if any(cell.strip("-: ") for cell in cells) else ""


MARKUP: list[Rule] = [
    (re.compile(r"<!--[^<>]{0,1000}-->"), lambda m: ""),
    (re.compile(rf"</?(?:{_INLINE_TAGS}){_ATTRIBUTES}>", re.IGNORECASE), lambda m: ""),
    (re.compile(rf"(?:</?(?:{_BLOCK_TAGS}){_ATTRIBUTES}>\s*)+", re.IGNORECASE), _block),
    (re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"), _entity),
    (re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>"), lambda m: m[1]),
    (
        re.compile(rf"!?\[([^\[\]\n]{{0,{_LONGEST}}})\]\([^()\s]{{1,2000}}(?: \"[^\"\n]{{0,{_LONGEST}}}\")?\)"),
        lambda m: m[1],
    ),
    (re.compile(rf"\[\[(?:[^\[\]|\n]{{1,{_LONGEST}}}\|)?([^\[\]|\n]{{1,{_LONGEST}}})\]\]"), lambda m: m[1]),
    (re.compile(rf"{_LINE}(?:```+|~~~+)[^\n`]*$\n?)"), lambda m: ""),
    (re.compile(rf"{_LINE}([-*_=])(?:[ \t]?\1){{2,}}[ \t]*$\n?)"), lambda m: "\n"),
    (re.compile(rf"{_LINE}\|([^\n]{{1,2000}})\|[ \t]*$)"), _row),
    (re.compile(rf"{_LINE}#{{1,6}}[ \t]+([^\n]{{1,{_LONGEST}}}?)[ \t#]*$)"), lambda m: f"{m[1]}\n"),
    (re.compile(rf"{_LINE}>(?:[ \t]?>)*[ \t]+(?=[^\W\d]|[\"“'*_`\[]))"), lambda m: ""),
    (re.compile(rf"{_AFTER_LINE}[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)"), _next_item),
    (re.compile(rf"(?<![\w`])(`{{1,3}})(?!`)([^`\n]{{1,{_LONGEST}}})\1(?![\w`])"), lambda m: m[2].strip()),
    (
        re.compile(
            rf"(?<![\w*_~=])(\*{{1,3}}|_{{1,3}}|~~|==)(?=[^\s*_~=])([^*~=\n]{{1,{_LONGEST}}}?)(?<=\S)\1(?![\w*~=])"
        ),
        lambda m: m[2],
    ),
]
