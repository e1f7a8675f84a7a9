"""Words and their times as subtitles: SubRip (.srt), WebVTT (.vtt), or a list of the words (.json)."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files.writing import replacing_file
from ..language.punctuation import CLAUSE_MARKS, CLOSING_MARKS, DASHES, SENTENCE_MARKS
from .letters import Word

LINE_CHARS = 42
LONGEST_CUE_MS = 7000
LONGEST_SILENCE_MS = 1000  # between two words of a cue
SHORTEST_CHARS = 28  # a third of a full cue: no shorter one is made only to end it at a mark

_WEAK_MARKS = CLAUSE_MARKS + DASHES


@dataclass(frozen=True)
class Cue:
    """One or two lines, and when they are shown."""

    lines: tuple[str, ...]
    start_ms: int
    end_ms: int


def require_format(path: str | os.PathLike[str]) -> None:
    """ValueError where `write_subtitles` does not know the ending of a file."""
    if Path(path).suffix.lower() not in _FORMATS:
        raise ValueError(f"{path} must end in {', '.join(_FORMATS)}, which say the format of the subtitles.")


def write_subtitles(path: str | os.PathLike[str], words: Sequence[Word], speed: float = 1.0) -> None:
    """Write the words of a speech in the format that the ending of `path` says; the file appears only once complete.

    Args:
        path: a file that ends in .srt, .vtt or .json.
        words: in order, with their times in seconds.
        speed: how many times faster the speech is heard than it was made.

    Raises:
        ValueError: another ending.
        OSError: the file cannot be written.
    """
    require_format(path)
    heard = [Word(word.text, word.start_s / speed, word.end_s / speed) for word in words]
    text = _FORMATS[Path(path).suffix.lower()](heard)
    with replacing_file(path) as file:
        file.write(text.encode())


def cues(words: Sequence[Word]) -> list[Cue]:
    """Cues of at most two lines of 42 characters and 7 seconds, ended at marks where possible. None overlap.

    Only a single word may be longer, in characters; if in time, its cue ends early.
    """
    found: list[Cue] = []
    start = 0
    while start < len(words):
        chosen = words[start : start + _n_words(words[start : start + LINE_CHARS])]
        start_ms = max(_ms(chosen[0].start_s), found[-1].end_ms if found else 0)
        end_ms = min(max(_ms(chosen[-1].end_s), start_ms + 1), start_ms + LONGEST_CUE_MS)
        found.append(Cue(_lines(chosen), start_ms, end_ms))
        start += len(chosen)
    return found


def srt(words: Sequence[Word]) -> str:
    """SubRip."""
    return "\n".join(f"{i}\n{_block(cue, ',', cue.lines)}" for i, cue in enumerate(cues(words), 1))


def vtt(words: Sequence[Word]) -> str:
    """WebVTT, W3C."""
    escapes = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    blocks = [_block(cue, ".", [line.translate(escapes) for line in cue.lines]) for cue in cues(words)]
    return "\n".join(["WEBVTT\n", *blocks])


def word_list(words: Sequence[Word]) -> str:
    """JSON: {"words": [{"text": …, "start_s": …, "end_s": …}, …]}, one word a line."""
    lines = [
        json.dumps({"text": w.text, "start_s": round(w.start_s, 3), "end_s": round(w.end_s, 3)}, ensure_ascii=False)
        for w in words
    ]
    return '{"words": [\n' + ",\n".join(lines) + "\n]}\n"


_FORMATS: dict[str, Callable[[Sequence[Word]], str]] = {".srt": srt, ".vtt": vtt, ".json": word_list}


def _n_words(words: Sequence[Word]) -> int:
    """How many of the words make the next cue."""
    n_most = 1
    while n_most < len(words) and _fits(words[: n_most + 1]):
        n_most += 1
    if n_most == len(words) or _is_pause(words[n_most - 1], words[n_most]):
        return n_most
    for marks in (SENTENCE_MARKS, _WEAK_MARKS):
        for n in range(n_most, 0, -1):
            if _ends_in(words[n - 1], marks) and len(_text(words[:n])) >= SHORTEST_CHARS:
                return n
    return n_most


def _fits(words: Sequence[Word]) -> bool:
    """Whether words, all but the last of which fit, may be a cue."""
    is_short = _ms(words[-1].end_s) - _ms(words[0].start_s) <= LONGEST_CUE_MS
    return is_short and not _is_pause(*words[-2:]) and max(map(len, _lines(words))) <= LINE_CHARS


def _is_pause(word: Word, following: Word) -> bool:
    return _ms(following.start_s) - _ms(word.end_s) >= LONGEST_SILENCE_MS


def _lines(words: Sequence[Word]) -> tuple[str, ...]:
    """One line, or two about as long as each other, the first one rather ending at a mark."""
    if len(_text(words)) <= LINE_CHARS or len(words) == 1:
        return (_text(words),)
    pairs = [(_text(words[:n]), _text(words[n:]), words[n - 1]) for n in range(1, len(words))]

    def ugliness(pair: tuple[str, str, Word]) -> tuple[bool, int]:
        first, second, last_word = pair
        too_long = max(len(first), len(second)) > LINE_CHARS
        at_mark = _ends_in(last_word, SENTENCE_MARKS + _WEAK_MARKS)
        return too_long, abs(len(first) - len(second)) - LINE_CHARS // 2 * at_mark

    return min(pairs, key=ugliness)[:2]


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def _ends_in(word: Word, marks: str) -> bool:
    return word.text.rstrip(CLOSING_MARKS)[-1:] in tuple(marks)


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _block(cue: Cue, point: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{_clock(cue.start_ms, point)} --> {_clock(cue.end_ms, point)}", *lines, ""])


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"
