"""The Unigram model of a tokenizer.json: the best-scoring cut of a text into vocabulary pieces."""

import math
from typing import Any

_UNKNOWN_PENALTY = 10.0  # below the worst score in the vocabulary, as in SentencePiece


class Unigram:
    """A vocabulary of pieces with log-probabilities; a piece's id is its place in the list."""

    def __init__(self, pieces: list[tuple[str, float]], unknown_id: int | None, byte_fallback: bool) -> None:
        if unknown_id is not None and not 0 <= unknown_id < len(pieces):
            raise ValueError(f"its unk_id is {unknown_id}, but the vocabulary has {len(pieces)} pieces")
        self.pieces = [piece for piece, _ in pieces]
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}
        self._unknown_id = unknown_id
        self._unknown_score = min((score for _, score in pieces), default=0.0) - _UNKNOWN_PENALTY
        self._byte_ids = [self.ids.get(f"<0x{byte:02X}>") if byte_fallback else None for byte in range(256)]
        # Nested dicts, a level a character; the key "" holds the score and id of the piece that ends there.
        self._trie: dict[str, Any] = {}
        for piece, i in self.ids.items():
            node = self._trie
            for char in piece:
                node = node.setdefault(char, {})
            node[""] = (pieces[i][1], i)

    def encode(self, text: str) -> list[int]:
        """The ids of the best cut of `text`. Adjacent unknown characters make one unknown token, or bytes."""
        ids: list[int] = []
        unknown = ""
        for begin, end, token in self._best_cut(text):
            if token == self._unknown_id:
                unknown += text[begin:end]
                continue
            ids += self._of_unknown(unknown)
            unknown = ""
            ids.append(token)
        return ids + self._of_unknown(unknown)

    def _best_cut(self, text: str) -> list[tuple[int, int, int]]:
        """Viterbi over the characters: (begin, end, id) of each piece; of equal cuts, the earlier found."""
        n = len(text)
        best = [-math.inf] * (n + 1)  # score of the best cut of text[:end]
        best[0] = 0.0
        begins = [0] * (n + 1)  # where that cut's last piece begins
        tokens = [0] * (n + 1)  # and its id
        for begin in range(n):
            score_here = best[begin]
            node: dict[str, Any] | None = self._trie
            for end in range(begin + 1, n + 1):
                node = node.get(text[end - 1])  # type: ignore[union-attr]
                if node is None:
                    break
                if "" in node:
                    piece_score, token = node[""]
                    score = piece_score + score_here
                    if score > best[end]:
                        best[end], begins[end], tokens[end] = score, begin, token
            if "" not in self._trie.get(text[begin], ()) and self._unknown_score + score_here > best[begin + 1]:
                if self._unknown_id is None:
                    raise ValueError(f"The tokenizer has no piece for {text[begin]!r} and no unknown token.")
                best[begin + 1], begins[begin + 1] = self._unknown_score + score_here, begin
                tokens[begin + 1] = self._unknown_id
        cut = []
        end = n
        while end > 0:
            cut.append((begins[end], end, tokens[end]))
            end = begins[end]
        return cut[::-1]

    def _of_unknown(self, text: str) -> list[int]:
        """The ids of characters that are not pieces: their UTF-8 bytes if all have a token, else one unknown."""
        if not text:
            return []
        if text in self.ids:
            return [self.ids[text]]
        byte_ids = [self._byte_ids[byte] for byte in text.encode()]
        known = [token for token in byte_ids if token is not None]
        if len(known) == len(byte_ids):
            return known
        return [self._unknown_id] if self._unknown_id is not None else []
