"""SentencePiece's precompiled character map, as the Hugging Face `Precompiled` normalizer applies it.

The map is a double-array trie from UTF-8 bytes to offsets in a pool of replacements. It is applied to grapheme
clusters (Unicode Annex 29), with two habits that are kept because token ids depend on them: a cluster of up to five
bytes is replaced as a whole, by the entry of its *shortest* prefix that has one; a longer cluster, or one without an
entry, is replaced character by character.
"""

import base64
import struct
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_LONGEST_WHOLE_CLUSTER_BYTES = 5


def _characters(*spans: str) -> frozenset[str]:
    """The characters of spans written as in Unicode's data files: "0600..0605", "06DD"."""
    bounds = [[int(code, 16) for code in span.split("..")] for span in spans]
    return frozenset(chr(code) for bound in bounds for code in range(bound[0], bound[-1] + 1))


# Grapheme_Cluster_Break=Prepend.
_PREPENDED = _characters(
    *("0600..0605", "06DD", "070F", "0890..0891", "08E2", "0D4E", "110BD", "110CD", "111C2..111C3", "113D1"),
    *("1193F", "11941", "11A3A", "11A84..11A89", "11D46", "11F02"),
)
# Extending characters that are not marks: joiners, halfwidth voicing, emoji skin tones, tags, Thai and Lao AM.
_EXTENDING = _characters("200C..200D", "FF9E..FF9F", "1F3FB..1F3FF", "E0020..E007F", "0E33", "0EB3")
# Spacing marks that do not extend a cluster.
_STANDALONE_MARKS = _characters(
    *("102B..102C", "1038", "1062..1064", "1067..106D", "1083", "1087..108C", "108F", "109A..109C"),
    *("1A61", "1A63..1A64", "AA7B", "AA7D", "11720..11721"),
)


@lru_cache(maxsize=4096)
def _extends(char: str) -> bool:
    """Whether no cluster begins at `char`."""
    if char in _EXTENDING:
        return True
    return unicodedata.category(char)[0] == "M" and char not in _STANDALONE_MARKS


@lru_cache(maxsize=4096)
def _is_control(char: str) -> bool:
    """Whether a cluster begins and ends at `char`."""
    if char in _PREPENDED or char in _EXTENDING:
        return False
    return unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")


def clusters(text: str) -> Iterator[str]:
    """The grapheme clusters of `text`, up to sequences that always take six bytes or more.

    Those (Hangul syllables, flags, emoji joined by ZWJ, Indic conjuncts) come in parts: it changes nothing above.
    """
    start = 0
    for i in range(1, len(text)):
        before, here = text[i - 1], text[i]
        if before == "\r" and here == "\n":
            continue
        joined = _extends(here) or (before in _PREPENDED and not _is_control(here))
        if not joined or _is_control(before):
            yield text[start:i]
            start = i
    if text:
        yield text[start:]


class CharsMap:
    """A map decoded from the base64 text in a tokenizer.json. ValueError if it is cut short."""

    def __init__(self, encoded: str) -> None:
        blob = base64.b64decode(encoded)
        (trie_bytes,) = struct.unpack_from("<I", blob) if len(blob) >= 4 else (0,)
        if not 4 <= trie_bytes <= len(blob) - 4 or trie_bytes % 4:
            raise ValueError("its character map (precompiled_charsmap) is cut short")
        self._units = struct.unpack_from(f"<{trie_bytes // 4}I", blob, 4)
        self._pool = blob[4 + trie_bytes :]
        self._known: dict[str, str | None] = {}

    def __call__(self, text: str) -> str:
        return "".join([self._replace(cluster) for cluster in clusters(text)])

    def _replace(self, cluster: str) -> str:
        if len(cluster) > 1:
            if len(cluster.encode()) <= _LONGEST_WHOLE_CLUSTER_BYTES:
                whole = self._look_up(cluster)
                if whole is not None:
                    return whole
            return "".join(self._replace(char) for char in cluster)
        if cluster not in self._known:
            self._known[cluster] = self._look_up(cluster)
        replacement = self._known[cluster]
        return cluster if replacement is None else replacement

    def _look_up(self, key: str) -> str | None:
        """The replacement of the shortest prefix of `key` that has one, or None.

        A unit of the trie holds the label of the edge into it (bits 0-7, and 31 which only values have), whether an
        entry ends here (bit 8), and the exclusive-or distance to its children (bits 10-30, times 256 by bit 9).
        """
        units = self._units
        position = _children(units[0])
        for byte in key.encode():
            position ^= byte
            if position >= len(units) or units[position] & 0x800000FF != byte:
                return None
            unit = units[position]
            position ^= _children(unit)
            if unit >> 8 & 1 and position < len(units):
                begin = units[position] & 0x7FFFFFFF
                return self._pool[begin : self._pool.index(0, begin)].decode()
        return None


def _children(unit: int) -> int:
    return unit >> 10 << ((unit & 0x200) >> 6)
