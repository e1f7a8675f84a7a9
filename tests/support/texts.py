"""Texts of every kind, and the tokenizers of the golden cases."""

import base64
import copy
import functools
import json

from hypothesis import strategies as st

from pockettts_np.conditioners.tokenizer.load import load_tokenizer
from tests.support.helpers import GOLDEN

CASES = json.loads((GOLDEN / "text.json").read_text(encoding="utf-8"))


MODELS, VARIANTS = sorted(CASES["models"]), sorted(CASES["json"])


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


# Pieces of text in which the steps of a tokenizer meet: spaces, marks, bytes, added tokens, combining characters.
LIKELY_TEXT = st.lists(
    st.sampled_from(
        [*"aehlotw .,!?0123\n\t\r\x00\xa0\u200b\u0301éµﬁß😀▁<>", "  ", "Hello", "<s>", "<0x41>", "<L>", "<R>", "WORLD"]
    )
).map("".join)


def json_spec(name: str) -> dict:
    """The whole tokenizer.json of a golden variant."""
    case = CASES["json"][name]
    model = {"type": "Unigram", "unk_id": 0, "byte_fallback": case["byte_fallback"], "vocab": CASES["vocab"]}
    return copy.deepcopy({**case["spec"], "model": model})


@functools.cache
def tokenizer(name: str, folder):
    """The golden tokenizer `name`, written to `folder` and loaded from there."""
    if name in MODELS:
        path = folder / f"{name}.model"
        path.write_bytes(base64.b64decode(CASES["models"][name]["model"]))
        return load_tokenizer(path, CASES["models"][name]["n_bins"])
    path = folder / f"{name}.json"
    path.write_text(json.dumps(json_spec(name)), encoding="utf-8")
    return load_tokenizer(path, CASES["json"][name]["n_bins"], "tokenizers")


WORDS = ["the", "water", "was", "cold", "and", "old", "Hello", "world", "it's", "one", "two", "three"]


NUMBERS = ["3.14", "0.5", "1984", "1,000"]


def prose(words: list[str], marks: str) -> st.SearchStrategy[str]:
    """Words with one space between them, some with a mark after them."""
    ends = st.sampled_from(["", "", "", *marks.split()])
    return st.lists(st.tuples(st.sampled_from(words), ends), min_size=1).map(
        lambda parts: " ".join(word + mark for word, mark in parts)
    )
