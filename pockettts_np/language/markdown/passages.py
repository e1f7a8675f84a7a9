"""A text that comes in pieces, cut where no mark is left open; each passage loses its marks by itself."""

import logging
import re

from ..punctuation import CLAUSE_MARKS, CLOSING_MARKS, DASHES, SENTENCE_MARKS
from .inline import unmarked
from .lines import NUMBER, WHOLE_LINE, Kind, Line, read_line

logger = logging.getLogger(__name__)

_LONGEST_PASSAGE = 4000  # characters; a longer one is cut wherever it is
_LONGEST_MARK = 300
_LONGEST_COMMENT = 1000
_LONGEST_SCRIPT = 10_000
_TAIL = 200
_WHITE_SPACE = re.compile(r"[ \t\n]")
_CLOSERS = CLOSING_MARKS + "*_~=`"
_MARKS = SENTENCE_MARKS + CLAUSE_MARKS + DASHES
_TAG = re.compile(r"</?[a-zA-Z!]")
_SCRIPT = re.compile(r"<(?:script|style)\b", re.IGNORECASE)
_LAST_SENTENCE = re.compile(rf"[^{re.escape(_MARKS)}]*\Z")
_FRONT_KEY = re.compile(r"[a-z][\w-]{0,50}:(?:[ \t].*)?|[ \t]+.*|- .*|")
_MOST_FRONT_LINES = 100
# Characters that nobody sees, hyphens that are none for a tokenizer, and the line ends of other systems.
_PRIVATE = map(chr, range(0xE000, 0xF900))  # letters of icons; `inline` uses some for itself
_CHARACTERS = str.maketrans(
    dict.fromkeys(_PRIVATE, "")
    | dict.fromkeys(
        "\ufeff\u00ad\u200b\u200e\u200f\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00", ""
    )
    | {"\u2010": "-", "\u2011": "-", "\u2028": "\n", "\u2029": "\n\n", "\x85": "\n", "\v": "\n", "\f": "\n"}
)


class Passages:
    """Takes the marks of Markdown and HTML out of a text in pieces; the cutting into pieces does not matter.

    A paragraph, an item, a heading and a row end their sentence, with a full stop where it has no mark. Code in fences,
    images and comments are left out. What is held back is no more than a sentence, or a mark that is still open.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._held = ""  # not given out yet
        self._n_seen = 0  # of it, where no passage ends
        self._carriage = ""  # a carriage return, of which it is not known whether a line feed follows
        self._line_begins = True
        self._in_code = False
        self._front_lines = 0  # of a front matter; -1 once there is none, or it has ended
        self._tail = ""  # of what was given out
        self._gap = ""  # white space before what comes next

    def feed(self, piece: str, last: bool = False) -> str:
        """The text as far as its marks are clear; all of it where this piece is the `last`."""
        piece, self._carriage = self._carriage + piece, ""
        if piece.endswith("\r") and not last:
            piece, self._carriage = piece[:-1], "\r"
        text = self._held + piece.replace("\r\n", "\n").replace("\r", "\n").translate(_CHARACTERS)
        parts: list[str] = []
        start = 0
        while start < len(text) and (end := self._end(text, start, last)):
            parts.append(self._read(text[start:end]))
            start = end
        self._held = text[start:]
        if last:
            parts.append(self._flush())
        return "".join(parts)

    def _flush(self) -> str:
        if self._in_code:
            logger.warning("A block of code that nothing closes is left out, to the end of the text.")
        gap = self._missing_gap()
        self._begin()  # another text may follow
        return gap

    # ---- where a passage ends ------------------------------------------------------------------------------------

    def _end(self, text: str, start: int, last: bool) -> int:
        """Where the passage that begins at `start` ends, or 0 while that is not known."""
        longest = start + _LONGEST_SCRIPT
        while space := _WHITE_SPACE.search(text, start + self._n_seen, longest):
            self._n_seen = space.end() - start
            if self._ends_at(text[start : space.end()]):
                break
        else:
            self._n_seen = len(text) - start
            if len(text) < longest and not last:
                return 0
        end, self._n_seen = min(start + self._n_seen, longest), 0
        return end

    def _ends_at(self, passage: str) -> bool:
        """Whether a passage ends with the white space at its end."""
        is_whole_line = self._in_code or (self._line_begins and WHOLE_LINE.match(passage) is not None)
        if passage[-1] == "\n":
            is_blank = not passage.strip()
            return is_whole_line or is_blank or not _is_open(passage, after_paragraph=passage.endswith("\n\n"))
        is_long = len(passage) > _LONGEST_PASSAGE
        if is_whole_line or (self._line_begins and NUMBER.match(passage)):
            return is_long
        word = passage[-20:-1].rstrip(_CLOSERS)
        return (is_long or word.endswith(tuple(SENTENCE_MARKS))) and not _is_open(passage)

    # ---- what is read of it --------------------------------------------------------------------------------------

    def _read(self, passage: str) -> str:
        begins, self._line_begins = self._line_begins, passage.endswith("\n")
        text = passage.removesuffix("\n")
        end = "\n" if self._line_begins else ""
        if begins and self._is_front_matter(text):
            return ""
        if self._in_code:
            self._in_code = not (begins and read_line(text).kind is Kind.FENCE)
            return ""
        if not begins:
            return self._give(unmarked(text), end)
        return self._line(read_line(text), end)

    def _line(self, line: Line, end: str) -> str:
        if line.kind is Kind.NOTHING:
            return ""
        if line.kind is Kind.TEXT:
            return self._give(line.text, end)
        stop = self._stop()
        if line.kind in (Kind.BREAK, Kind.FENCE):
            self._in_code = line.kind is Kind.FENCE
            return stop + self._give("", "\n\n" if self._tail else "")
        if line.kind is Kind.BLOCK:
            return stop + self._give(line.text, end)
        return stop + self._give(line.text, "") + self._stop() + self._give("", end)

    def _give(self, text: str, end: str) -> str:
        """Text with the white space before it; what follows it waits, unless a sentence ends here."""
        text = text.rstrip(" \t") + " " * (text[-1:] in (" ", "\t") and not end)
        given = ""
        if text:
            given, self._gap = self._missing_gap() + text, ""
            self._tail = (self._tail + given)[-_TAIL:]
        self._gap = max(self._gap, end, key=len)
        if self._gap and not self._needs_stop():
            gap, self._gap = self._missing_gap(), ""
            self._tail += gap
            given += gap
        return given

    def _missing_gap(self) -> str:
        """The line ends before what comes next, but for those that were given out."""
        n_given = len(self._tail) - len(self._tail.rstrip("\n"))
        return self._gap[n_given:]

    def _stop(self) -> str:
        """The full stop that what was given out lacks."""
        if not self._needs_stop():
            return ""
        self._tail += "."
        return "."

    def _needs_stop(self) -> bool:
        text = self._tail.rstrip().rstrip(CLOSING_MARKS)
        if not text or text[-1] in _MARKS:
            return False
        found = _LAST_SENTENCE.search(text)
        return found is not None and any(map(str.isalnum, found[0]))

    def _is_front_matter(self, line: str) -> bool:
        """Whether a line belongs to the settings between two rules at the very beginning, as Obsidian writes them."""
        if self._front_lines == 0:
            self._front_lines = 1 if line.rstrip() == "---" else -1
            return self._front_lines == 1
        if self._front_lines < 0:
            return False
        ends = line.rstrip() in ("---", "...")
        is_key = _FRONT_KEY.fullmatch(line) is not None and self._front_lines <= _MOST_FRONT_LINES
        self._front_lines = self._front_lines + 1 if is_key and not ends else -1
        return is_key or ends


def _is_open(passage: str, after_paragraph: bool = False) -> bool:
    """Whether a tag, a link or a piece of code begins in a passage and does not end in it.

    Behind the end of a paragraph, nothing but a comment, a script or a tag goes on.
    """
    n = len(passage)
    angle = passage.rfind("<", max(0, n - _LONGEST_SCRIPT))
    if angle >= 0:
        if passage.startswith("<!--", angle):
            return n - angle < _LONGEST_COMMENT and passage.find("-->", angle) < 0
        if n - angle <= _LONGEST_MARK and passage.find(">", angle) < 0 and _TAG.match(passage, angle):
            return True
        if _SCRIPT.match(passage, angle):
            return True
    if after_paragraph:
        return False
    for opening, closing in (("[", "]"), ("](", ")")):
        place = passage.rfind(opening, max(0, n - _LONGEST_MARK))
        if place >= 0 and passage.find(closing, place + len(opening)) < 0:
            return True
    start = max(0, n - _LONGEST_MARK)
    return any(passage.rfind(mark, start) >= 0 and passage.count(mark) % 2 for mark in ("`", "%%"))
