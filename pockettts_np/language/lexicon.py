"""Own pronunciations: what is said for a word, in files of lines such as `nginx = engine x`.

A word in small letters stands for itself in any case; with a capital in it, for itself alone: `US = U S` leaves "us".
It is matched as a whole, and may be several words. `/regex/ = respelling` takes a regular expression, `/regex/i` one in
any case, with `\\1` in the respelling for a group. A respelling of nothing leaves the word out. Lines that begin with #
are comments. Of two lines for the same word the later counts, and of two files the later.
"""

import logging
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .rules import Draft, Edit, Rule

logger = logging.getLogger(__name__)

_MOST_BYTES = 10_000_000  # of a file
_REGEX_LINE = re.compile(r"/(?P<regex>(?:[^/\\]|\\.|/(?!i?\s*=))+)/(?P<flag>i?)\s*=(?P<said>.*)")
_EQUALS = re.compile(r"\s=(?:\s|\Z)|=")  # the first with white space around it, else the first
_SPACED_EQUALS = re.compile(r"\s=(?:\s|\Z)")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WANTED = "wanted `word = respelling`, `/regex/ = respelling` or `# comment`"


@dataclass(frozen=True)
class Entry:
    """A word and what is said for it; a regular expression where `flag` is "" or "i"."""

    written: str
    said: str
    flag: str | None = None

    @property
    def any_case(self) -> bool:
        """Whether capitals do not matter."""
        return self.written == self.written.lower() if self.flag is None else self.flag == "i"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches it where it stands as a whole."""
        flags = re.IGNORECASE if self.any_case else re.NOFLAG
        if self.flag is not None:
            return re.compile(self.written, flags)
        words = r"\s+".join(map(re.escape, self.written.split()))
        before = r"(?<!\w)" if re.match(r"\w", self.written) else ""
        after = r"(?!\w)" if re.search(r"\w\Z", self.written) else ""
        return re.compile(f"{before}{words}{after}", flags)


@dataclass(frozen=True)
class Lexicon:
    """Words and regular expressions, each with what is said for it."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def parsed(cls, lines: Iterable[str], where: str) -> "Lexicon":
        """The entries of a file's lines. ValueError, which names `where` and the line: a line that is none."""
        numbered = ((line.strip(), f"{where}, line {n}") for n, line in enumerate(lines, 1))
        entries = (_entry(line, place) for line, place in numbered if line and not line.startswith("#"))
        return cls(tuple({(entry.written, entry.flag): entry for entry in entries}.values()))

    def __reduce__(self) -> tuple[type["Lexicon"], tuple[tuple[Entry, ...]]]:
        return Lexicon, (self.entries,)  # other processes make their own tables

    def current(self) -> "Lexicon":
        """What counts now: itself, as it is no file."""
        return self

    @cached_property
    def words(self) -> dict[str, list[Entry]]:
        """The words by the token that they begin with; the longest first, and those in one case only."""
        found: dict[str, list[Entry]] = {}
        for entry in sorted(self.entries, key=lambda entry: (-len(entry.written), entry.any_case)):
            if entry.flag is None:
                found.setdefault(_first_token(entry.written), []).append(entry)
        return found

    @cached_property
    def rules(self) -> list[Rule]:
        """The regular expressions."""
        return [(entry.pattern, _expanded(entry.said)) for entry in self.entries if entry.flag is not None]


class LexiconFile:
    """The lexicon of a file, read again when it has changed; while it cannot be read, what it said before counts."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """OSError: no such file. ValueError: a line that is no entry, or no UTF-8."""
        self._path = Path(path)
        self._reading = threading.Lock()
        self._stamp = self._found()
        self._lexicon = _read(self._path)

    def __repr__(self) -> str:
        return f"<LexiconFile {self._path}>"

    def current(self) -> Lexicon:
        """What the file says now."""
        with self._reading:
            stamp = self._found()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._lexicon = _read(self._path)
                except (OSError, ValueError) as error:
                    logger.warning("The lexicon stays as it was: %s", error)
            return self._lexicon

    def _found(self) -> tuple[int, ...]:
        """What changes when the file does."""
        try:
            stat = self._path.stat()
        except OSError:
            return ()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


AnyLexicon = Lexicon | LexiconFile
GivenLexicon = AnyLexicon | str | os.PathLike[str] | Mapping[str, str]


def lexicons_of(given: GivenLexicon | Sequence[GivenLexicon] | None) -> tuple[AnyLexicon, ...]:
    """Lexicons by their files' names, or as dictionaries of words and respellings; those that are some already stay.

    Raises:
        OSError: no such file.
        ValueError: a line that is no entry, or a word without letters.
        TypeError: none of these.
    """
    if given is None:
        return ()
    if isinstance(given, (Lexicon, LexiconFile)):
        return (given,)
    if isinstance(given, (str, os.PathLike)):
        return (LexiconFile(given),)
    if isinstance(given, Mapping):
        return (_lexicon_of(given),)
    if isinstance(given, Sequence):
        return tuple(lexicon for part in given for lexicon in lexicons_of(part))
    raise TypeError(f"The lexicon is a {type(given).__name__}; wanted a file's name, or a dictionary of words.")


def write_lexicons(draft: Draft, lexicons: Sequence[Lexicon]) -> None:
    """Put what is said in the place of the words: those of the last lexicon first, and then the regular expressions."""
    if any(lexicon.words for lexicon in lexicons):
        draft.exchange(_edits(draft.text, [lexicon.words for lexicon in reversed(lexicons)]))
    for lexicon in lexicons:
        for pattern, spoken in lexicon.rules:
            draft.replace(pattern, spoken)


def _edits(text: str, tables: Sequence[dict[str, list[Entry]]]) -> Iterator[Edit]:
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() >= end and (found := _entry_at(text, token, tables)):
            entry, end = found
            yield token.start(), end, entry.said


def _entry_at(text: str, token: re.Match[str], tables: Sequence[dict[str, list[Entry]]]) -> tuple[Entry, int] | None:
    """The entry that stands at a token, and where it ends."""
    for table in tables:
        for entry in table.get(token[0].lower(), ()):
            if match := entry.pattern.match(text, token.start()):
                return entry, match.end()
    return None


def _first_token(written: str) -> str:
    found = _TOKEN.search(written)
    return found[0].lower() if found else ""


def _expanded(said: str) -> Any:
    return lambda match: match.expand(said) if match[0] else ""


def _read(path: Path) -> Lexicon:
    n_bytes = path.stat().st_size
    if n_bytes > _MOST_BYTES:
        raise ValueError(f"{path} has {n_bytes} bytes; a lexicon has at most {_MOST_BYTES}.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        wrong = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise ValueError(f"{path} is not UTF-8 text ({wrong}); convert it first.") from None
    return Lexicon.parsed(lines, str(path))


def _entry(line: str, where: str) -> Entry:
    if regex := _REGEX_LINE.fullmatch(line):
        return _regex_entry(regex["regex"], regex["said"].strip(), regex["flag"], where)
    equals = _SPACED_EQUALS.search(line) or _EQUALS.search(line)
    if equals is None or not line[: equals.start()].strip():
        raise ValueError(f"{where} is {line[:100]!r}; {_WANTED}.")
    return Entry(" ".join(line[: equals.start()].split()), line[equals.end() :].strip())


def _regex_entry(regex: str, said: str, flag: str, where: str) -> Entry:
    entry = Entry(regex, said, flag)
    try:
        pattern = entry.pattern
        pattern.sub(said, "")  # which reads the respelling, too
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{where}: /{regex}/ = {said} cannot be used: {error}.") from None
    if pattern.search(""):
        raise ValueError(f"{where}: /{regex}/ matches where there is nothing; let it match one character at least.")
    return entry


def _lexicon_of(words: Mapping[str, str]) -> Lexicon:
    for written, said in words.items():
        if not isinstance(written, str) or not isinstance(said, str):
            raise TypeError(f"The lexicon has {written!r}: {said!r}; wanted strings.")
        if not written.strip():
            raise ValueError("The lexicon has a respelling for no word; name one.")
    return Lexicon(tuple(Entry(" ".join(written.split()), said.strip()) for written, said in words.items()))
