"""What a document of SSML comes to: prompts in their manners, pauses, and gaps where sentences and paragraphs end."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from ..pauses import AS_IT_IS, DEFAULT_VOICE, Manner, Pause, beside_pause, require_bounded
from ..prompts import Gap, Part, Prompt
from ..reading import Reading
from .attributes import FASTEST, LOUDEST_DB, SLOWEST, pause_of, speed_of, volume_db_of
from .say_as import say_as
from .xml import read_xml

logger = logging.getLogger(__name__)

_MOST_BEFORE_ROOT = 2500  # characters of a declaration and a comment
_BEGIN = re.compile(
    r"\ufeff?\s*(?:<\?xml[^<>]{0,200}\?>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)?<speak[\s>/]", re.DOTALL
)
_GAPS = {"p": Gap.PARAGRAPH, "paragraph": Gap.PARAGRAPH, "s": Gap.SENTENCE, "sentence": Gap.SENTENCE}
_UNSPOKEN = ("metadata", "meta", "desc", "lexicon")  # whose text is none
_UNFOLLOWED = {"prosody": ("pitch", "contour", "range", "duration"), "voice": ("gender", "age", "variant", "language")}
_WHITE_SPACE = re.compile(r"\s+")


def is_document(text: str) -> bool:
    """Whether a text begins as a document of SSML does."""
    return _BEGIN.match(text) is not None


def begins_as_document(pieces: Iterator[str]) -> tuple[bool, Iterator[str]]:
    """Whether a text in pieces begins as a document does, once enough of them are there; and the same text."""
    head = ""
    for piece in pieces:
        head += piece
        start = head.lstrip("\ufeff \t\r\n")
        may_begin = start[:2] in ("<?", "<!") and len(start) < _MOST_BEFORE_ROOT
        if not may_begin and not (len(start) <= len("<speak") and "<speak".startswith(start)):
            break
        if is_document(head):
            break
    return is_document(head), chain([head], pieces)


def document_parts(document: str, reading: Reading) -> list[Part]:
    """The parts of a document; `reading` says in which language `<say-as>` is said.

    What is not known here is read as its text, with one warning.
    ValueError, with line and column: it is not well formed, or asks for what cannot be.
    """
    reader = _Reader(reading)
    read_xml(document, reader)
    reader.finish()
    if reader.unknown:
        logger.warning("Not followed in the SSML, of which the text is read: %s.", ", ".join(reader.unknown)[:300])
    require_bounded(part for part in reader.parts if isinstance(part, Pause))
    return reader.parts


@dataclass
class _Alias:
    """An element whose text is said in other words."""

    name: str
    attributes: dict[str, str]
    start: int  # in the prompt
    depth: int  # of elements inside it


class _Reader:
    """Takes elements and text in the order of the document."""

    def __init__(self, reading: Reading) -> None:
        self.parts: list[Part] = []
        self.unknown: dict[str, None] = {}  # elements and attributes that nothing follows, in order
        self._reading = reading
        self._has_begun = False
        self._manners = [AS_IT_IS]
        self._alias: _Alias | None = None
        self._n_unspoken = 0  # open elements whose text is none
        self._text = ""  # of the prompt
        self._aliases: list[tuple[int, int, str]] = []
        self._marks: list[tuple[int, str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._has_begun:
            if name != "speak":
                raise ValueError(f"it begins with <{name[:50]}>; wanted <speak>")
            self._has_begun = True
        elif name == "mark":
            self._marks.append((len(self._text), _required(name, attributes, "name")))
        elif self._alias is not None:
            self._alias.depth += 1
        elif name in ("sub", "say-as"):
            _required(name, attributes, "alias" if name == "sub" else "interpret-as")
            self._alias = _Alias(name, attributes, len(self._text), 0)
        elif name in _UNSPOKEN:
            self._n_unspoken += 1
        else:
            self._start_around(name, attributes)

    def _start_around(self, name: str, attributes: dict[str, str]) -> None:
        """An element that ends the prompt, or that is not known."""
        if name in _GAPS:
            self._end_prompt(_GAPS[name])
        elif name == "break":
            self._end_prompt()
            self.parts.append(pause_of(attributes.get("time"), attributes.get("strength")))
        elif name in ("voice", "prosody"):
            self._end_prompt()
            self._manners.append(self._manner(name, attributes))
        else:
            self.unknown[f"<{name[:50]}>"] = None

    def end(self, name: str) -> None:
        if name == "mark":
            return
        if self._alias is not None:
            self._alias.depth -= 1
            if self._alias.depth < 0:
                self._end_alias(self._alias)
        elif name in _UNSPOKEN:
            self._n_unspoken -= 1
        elif name in _GAPS:
            self._end_prompt(_GAPS[name])
        elif name in ("voice", "prosody"):
            self._end_prompt()
            self._manners.pop()

    def text(self, text: str) -> None:
        if self._n_unspoken:
            return
        text = _WHITE_SPACE.sub(_as_one, text)
        if self._text[-1:].isspace():
            text = text.lstrip()
        self._text += text

    def _end_alias(self, alias: _Alias) -> None:
        self._alias = None
        written = self._text[alias.start :]
        if alias.name == "sub":
            words: str | None = alias.attributes["alias"]
        else:
            kind = alias.attributes["interpret-as"]
            words = say_as(kind, written, alias.attributes.get("format", ""), self._reading)
            if words is None:
                self.unknown[f'{written.strip()[:50]!r} as "{kind[:50]}"'] = None
        if words is not None and written:
            self._aliases.append((alias.start, len(self._text), words))

    def _manner(self, name: str, attributes: dict[str, str]) -> Manner:
        """What an element makes of the manner around it."""
        for attribute in _UNFOLLOWED[name]:
            if attribute in attributes:
                self.unknown[f"{attribute} of <{name}>"] = None
        around = self._manners[-1]
        if name == "voice":
            voice = attributes.get("name", "").split(maxsplit=1)[:1]
            return replace(around, voice=None if voice == [DEFAULT_VOICE] else voice[0]) if voice else around
        speed = around.speed * speed_of(attributes.get("rate", "medium"))
        volume_db = around.volume_db + volume_db_of(attributes.get("volume", "medium"))
        return replace(around, speed=min(max(speed, SLOWEST), FASTEST), volume_db=min(volume_db, LOUDEST_DB))

    def _end_prompt(self, gap: Gap | None = None) -> None:
        """Nothing that follows belongs to the prompt. Marks of one that says nothing belong to the next."""
        prompt = Prompt(self._text, self._manners[-1], tuple(self._aliases), tuple(self._marks))
        is_said = bool(self._aliases) or beside_pause(self._text) != ""
        self._text, self._aliases = "", []
        self._marks = [] if is_said else [(0, name) for _, name in self._marks]
        if is_said:
            self.parts.append(prompt)
        if gap is not None:
            self.parts.append(gap)

    def finish(self) -> None:
        """The document has ended."""
        if not self.parts:  # no element has cut the text, which is read as a plain one
            self.parts.append(Prompt(self._text, AS_IT_IS, tuple(self._aliases), tuple(self._marks)))
            return
        self._end_prompt()
        self.parts = [_beside_pause(part) if isinstance(part, Prompt) else part for part in self.parts]
        last = max((i for i, part in enumerate(self.parts) if isinstance(part, Prompt)), default=None)
        if last is not None and self._marks:
            prompt = self.parts[last]
            assert isinstance(prompt, Prompt)
            at_end = tuple((len(prompt.written), name) for _, name in self._marks)
            self.parts[last] = replace(prompt, marks=prompt.marks + at_end)


def _required(element: str, attributes: dict[str, str], name: str) -> str:
    if not attributes.get(name, "").strip():
        raise ValueError(f'<{element}> has no {name}="…"')
    return attributes[name]


def _as_one(white_space: re.Match[str]) -> str:
    return "\n\n" if white_space[0].count("\n") > 1 else " "


def _beside_pause(prompt: Prompt) -> Prompt:
    """Without the marks that a plain text would not speak there either."""
    end = prompt.aliases[0][0] if prompt.aliases else len(prompt.written)
    rest = beside_pause(prompt.written[:end])
    start = prompt.written.find(rest) if rest else 0
    return prompt.part(start, len(prompt.written))
