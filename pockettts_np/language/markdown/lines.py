"""What a line of Markdown is by its beginning: a heading, an item, a row of a table; and the text in it."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from .inline import unmarked

_MARGIN = r"[ \t]{0,40}(?:>[ \t]{0,3}){0,20}"
_FENCE = re.compile(rf"{_MARGIN}```+[^`\n]*")
_RULE = re.compile(r"[ \t]*(?:([-*_=~#])(?:[ \t]*\1){2,}|[-+=|:─-╿ \t]{3,})[ \t]*")
_DEFINITION = re.compile(
    r"[ \t]*\[(?!\^)[^\[\]\n]{1,300}\]:[ \t]*(?:<[^<>\n]*>|[^\s<>]*[./#][^\s<>]*)(?:[ \t]+[\"'(][^\n]*)?[ \t]*"
)
_HEADING = re.compile(r"#{1,6}[ \t]+(.*?)[ \t#]*")
_QUOTE = re.compile(r"[ \t]*>(?:[ \t]?>)*(?:[ \t]+|(?=[^\s\d=]))")
_CALLOUT = re.compile(r"\[!([a-zA-Z]{2,20})(?:\|[^\[\]\n]*)?\][-+]?[ \t]*")
_ITEM = re.compile(r"[ \t]*[-*+•‣◦▪●○■□–][ \t]+(?:\[[ xX/-]\][ \t]+)?(?=\S)")
_NUMBERED = re.compile(r"[ \t]*\d{1,3}[.)][ \t]+(?=\S)")
_FOOTNOTE = re.compile(r"[ \t]*\[\^[^\[\]\s]{1,50}\]:[ \t]*")
_BLOCK_TAG = re.compile(
    r"[ \t]*</?(?:p|div|ul|ol|li|h[1-6]|table|tr|blockquote|pre|section|article|br|hr)\b", re.IGNORECASE
)
_BARS = "|│┃║"
_TABLE_ROW = re.compile(rf"[ \t]*[{_BARS}]")
NUMBER = re.compile(r"[ \t]*\d{1,3}[.)][ \t]+\Z")  # of an item, and nothing after it yet
WHOLE_LINE = re.compile(rf"{_MARGIN}(?:```|[{_BARS}]|\[(?!\^)[^\[\]\n]{{1,300}}\]:)")  # which is clear at its end only


class Kind(Enum):
    """What a line is."""

    TEXT = auto()
    BLOCK = auto()  # it begins something new, so that what came before ends its sentence
    CLOSED = auto()  # a block that ends its own sentence, too: a heading, a row
    BREAK = auto()  # nothing of it is read; a paragraph ends
    FENCE = auto()  # of code
    NOTHING = auto()


@dataclass(frozen=True)
class Line:
    """A line, or as much of it as is known at the end of its first sentence."""

    kind: Kind
    text: str = ""


def read_line(line: str) -> Line:
    """A line by its beginning, without its marks."""
    if not line.strip():
        return Line(Kind.BREAK)
    if _FENCE.fullmatch(line):
        return Line(Kind.FENCE)
    if _TABLE_ROW.match(line):
        return _row(line)
    if _RULE.fullmatch(line):
        return Line(Kind.BREAK)
    if _DEFINITION.fullmatch(line):
        return Line(Kind.NOTHING)
    if quote := _QUOTE.match(line):
        return _quoted(line[quote.end() :])
    return _read_block(line)


def _read_block(line: str) -> Line:
    if heading := _HEADING.fullmatch(line.strip()):
        return Line(Kind.CLOSED, unmarked(heading[1]))
    for pattern in (_ITEM, _FOOTNOTE):
        if mark := pattern.match(line):
            rest = line[mark.end() :]
            inner = _HEADING.fullmatch(rest.strip())
            return Line(Kind.BLOCK, unmarked(inner[1] if inner else rest))
    is_block = _NUMBERED.match(line) or _BLOCK_TAG.match(line)
    return Line(Kind.BLOCK if is_block else Kind.TEXT, unmarked(line))


def _quoted(line: str) -> Line:
    if not line.strip():
        return Line(Kind.BREAK)
    if callout := _CALLOUT.match(line):
        title = unmarked(line[callout.end() :].strip())
        return Line(Kind.CLOSED, f"{callout[1].capitalize()}: {title}" if title else callout[1].capitalize())
    return read_line(line) if _TABLE_ROW.match(line) else _read_block(line)


def _row(line: str) -> Line:
    """The cells of a table's row; the line below its head has none."""
    cells = re.split(rf"(?<!\\)[{_BARS}]", line.strip())
    texts = [unmarked(cell.strip()).strip() for cell in cells if cell.strip("-:= \t")]
    words = " ".join(text if text[-1] in ".!?…,;:" else f"{text}," for text in texts if text)
    return Line(Kind.CLOSED, words.removesuffix(",")) if words else Line(Kind.NOTHING)
