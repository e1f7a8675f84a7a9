"""Text that is still being written, sentence by sentence.

A sentence is complete at the white space after its end, at once: there is no waiting for the next word. So `.` ends
none after an abbreviation, a single letter (`e.g.`, `J.`) or a small number (`2.`, of a list), and `…` never does: to
speak two sentences together is better than half of one. An empty line ends a sentence in any case.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from .markdown.passages import Passages
from .pauses import Manner, Markup, Pause, beside_pause
from .prompts import NO_GAPS, Gap, Gaps, Part, Prompt
from .punctuation import CLAUSE_MARKS, CLOSING_MARKS, SENTENCE_MARKS

_ABBREVIATION = re.compile(  # in the languages of the models
    "mr|mrs|ms|dr|prof|rev|hon|gen|col|maj|capt|lt|sgt|gov|sen|rep|st|sr|jr|messrs|mme|mlle|hr|fr|dhr|mevr|sig|dott|"
    "sra|dra|vs|etc|approx|dept|est|figs?|vols?|ch|sec|eq|eds?|pp|cf|viz|al|inc|ltd|co|corp|bros|ave|blvd|mt|"
    "ca|bzw|usw|evtl|ggf|inkl|exkl|tel|str|nr|abs|bijv|enz|env|uds?|ecc|pag|"
    "jan|feb|mar|apr|jun|jul|aug|sept|oct|nov|dec|mon|tue|wed|thu|fri",
    re.IGNORECASE,
)
_RUN_CHARS = 200  # in a word without end
_MAX_TOKEN_CHARS = 16  # of a sentence; it bounds what has no tokens at all
_CLOSING = re.escape(CLOSING_MARKS)
_GAP = re.compile(  # white space, the seam in `one.Two`, or the middle of a word without end
    rf"\s+|(?<=[a-zß-ÿ]{{2}}[.!?])(?=[A-ZÀ-Þ][a-zß-ÿ])|(?P<run>(?<=\S{{{_RUN_CHARS}}}))"
)
_END = re.compile(rf"([\w'’]*)([{SENTENCE_MARKS}]+)[{_CLOSING}]*\Z")
_CLAUSE_END = re.compile(rf"[{CLAUSE_MARKS}]+[{_CLOSING}]*(?=\s|\Z)")
_WHITE_SPACE = re.compile(r"\s+")
_EMPTY_LINE = "\n\n"


class Sentences:
    """Splits a text that comes in pieces into sentences, pauses and changes of voice; how it is cut does not matter.

    A sentence of more than `max_tokens` is cut after its last clause that is complete; without any, it is cut between
    words at twice the length. White space between words becomes one space or line end.
    """

    def __init__(
        self,
        count_tokens: Callable[[str], int],
        max_tokens: int,
        passages: Passages | None = None,
        gaps: Gaps = NO_GAPS,
    ) -> None:
        """`passages`, new ones, take marks out of the text before it is split."""
        self._passages = passages
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._gaps = gaps
        self._last = ""  # sentence
        self._follows_sentence = False  # the last one, which is whole, with no pause between
        self._markup = Markup()
        self._text = ""  # not complete; begins with no white space
        self._space = ""  # before it
        self._checked = 0  # where the last gap was that ended nothing; its white space may grow

    def feed(self, piece: str, complete: bool = False) -> Iterator[str | Pause | Manner]:
        """The sentences that end in this piece; all of it where it is `complete`."""
        if not isinstance(piece, str):
            raise TypeError(f"A piece of the text is a {type(piece).__name__}; wanted a str.")
        if self._passages is not None:
            piece = self._passages.feed(piece, complete)
        for part in self._markup.feed(piece, complete):
            yield from self._add(part if isinstance(part, str) else _EMPTY_LINE)
            if not isinstance(part, str):
                self._space = ""
                self._follows_sentence &= not isinstance(part, Pause) and _is_sentence(self._last)
                yield part
        if complete:
            yield from self._add(_EMPTY_LINE)

    def _add(self, text: str) -> Iterator[str | Pause]:
        self._set_text(self._space + self._text + text)
        while cut := self._cut():
            end, is_whole = cut
            space, sentence = self._space, beside_pause(self._text[:end])
            self._set_text(self._text[end:])
            self._checked = 0
            if not sentence:
                continue
            gap = self._gaps.pause(Gap.PARAGRAPH if space == _EMPTY_LINE else Gap.SENTENCE)
            if gap is not None and self._follows_sentence:
                yield gap
            self._last, self._follows_sentence = sentence, is_whole
            yield sentence

    def _set_text(self, text: str) -> None:
        text = _WHITE_SPACE.sub(_one_space, text)
        self._text = text.lstrip()
        self._space = text[: len(text) - len(self._text)]

    def _cut(self) -> tuple[int, bool] | None:
        """Where to cut first, and whether a sentence ends there, or only what is too long."""
        for gap in _GAP.finditer(self._text, self._checked):
            before = self._text[: gap.start()]
            if gap["run"] is not None and (len(before) - _last_space(before) - 1) % _RUN_CHARS:
                continue
            is_new, self._checked = gap.start() > self._checked, gap.start()
            if is_new and (end := self._end_of_long(before)):
                return end, False
            if gap["run"] is None and (gap.group() == _EMPTY_LINE or _is_sentence(before)):
                return gap.start(), True
        return None

    def _end_of_long(self, text: str) -> int:
        """Where to cut what is too long already, or 0."""
        n_tokens = max(self._count_tokens(text), len(text) // _MAX_TOKEN_CHARS)
        if n_tokens <= self._max_tokens:
            return 0
        clauses = [clause.end() for clause in _CLAUSE_END.finditer(text)]
        shorter = [end for end in clauses if end < len(text)]
        if shorter:
            return shorter[-1]
        if n_tokens <= 2 * self._max_tokens:
            return len(text) if clauses else 0
        return max(_last_space(text), 0) or len(text)


def with_gaps(parts: Iterable[Part], gaps: Gaps) -> Iterator[Prompt | Pause]:
    """The prompts and pauses of a whole text, with silence where sentences or paragraphs end."""
    before: Prompt | Pause | None = None
    gap: Gap | None = None
    for part in parts:
        if isinstance(part, Gap):
            gap = part if gap is not Gap.PARAGRAPH else gap
            continue
        if isinstance(before, Prompt) and isinstance(part, Prompt):
            gap = gap or (Gap.SENTENCE if _is_sentence(before.written.rstrip()) else None)
            if gap and (silence := gaps.pause(gap)):
                yield silence
        before, gap = part, None
        if isinstance(part, Pause):
            yield part
        else:
            yield from _cut_at_gaps(part, gaps)


def _cut_at_gaps(prompt: Prompt, gaps: Gaps) -> Iterator[Prompt | Pause]:
    start = 0
    for place, gap in _starts(prompt.written) if gaps else ():
        silence = gaps.pause(gap)
        if silence and not any(begin < place < end for begin, end, _ in prompt.aliases):
            yield prompt.part(start, place)
            yield silence
            start = place
    yield prompt.part(start, len(prompt.written)) if start else prompt


def _starts(text: str) -> Iterator[tuple[int, Gap]]:
    """Where the sentences of a whole text begin, but for the first, and what has ended before."""
    start = 0
    for gap in _GAP.finditer(text.rstrip()):
        before = text[max(start, gap.start() - _RUN_CHARS) : gap.start()]
        is_paragraph = gap.group().count("\n") > 1
        if gap["run"] is None and before.strip() and (is_paragraph or _is_sentence(before)):
            start = gap.end()
            yield start, Gap.PARAGRAPH if is_paragraph else Gap.SENTENCE


def _last_space(text: str) -> int:
    return max(text.rfind(" "), text.rfind("\n"))


def _one_space(white_space: re.Match[str]) -> str:
    n_lines = white_space.group().count("\n")
    return _EMPTY_LINE if n_lines > 1 else "\n" if n_lines else " "


def _is_sentence(text: str) -> bool:
    end = _END.search(text)
    if end is None:
        return False
    word, marks = end.groups()
    if "!" in marks or "?" in marks:
        return True
    is_label = (word.isalpha() and len(word) == 1) or (word.isdigit() and len(word) <= 2)
    return marks == "." and not is_label and not _ABBREVIATION.fullmatch(word)
