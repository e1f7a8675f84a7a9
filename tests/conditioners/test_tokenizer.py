"""Tokenizers: what the reference's gave, laws of encoding and decoding, and files that cannot be used.

The golden cases are in golden/text.json, made by `python -m tools.golden`: two SentencePiece models and six
tokenizer.json files that between them use every supported step, all tiny.
"""

import base64
import itertools
import json
import logging

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pockettts_np.conditioners.tokenizer.charsmap import CharsMap, clusters
from pockettts_np.conditioners.tokenizer.hugging_face import JsonTokenizer, _parse_score
from pockettts_np.conditioners.tokenizer.load import load_tokenizer
from pockettts_np.conditioners.tokenizer.unigram import Unigram
from tests.support.texts import ANY_TEXT, CASES, LIKELY_TEXT, MODELS, VARIANTS, json_spec


@pytest.mark.parametrize("name", MODELS + VARIANTS)
def test_golden(name, get):
    """The same ids, and the same text for them and for their second half, as the reference's libraries."""
    expected = (CASES["models"] | CASES["json"])[name]["expected"]
    for text, (ids, decoded, second_half) in zip(CASES["texts"], expected, strict=True):
        assert get(name).encode(text) == ids, text
        assert get(name).decode(ids) == decoded, text
        assert get(name).decode(ids[len(ids) // 2 :]) == second_half, text


def test_scores_are_read_as_the_library_does():
    assert [_parse_score(literal) for literal, _ in CASES["scores"]] == [score for _, score in CASES["scores"]]
    # Otherwise the odd reading would not be needed.
    assert any(float(literal) != score for literal, score in CASES["scores"])


@pytest.mark.parametrize("name", MODELS + VARIANTS)
@given(text=ANY_TEXT | LIKELY_TEXT)
def test_any_text_has_ids(name, get, text):
    ids = get(name).encode(text)
    assert all(0 <= token < get(name).vocab_size for token in ids)
    get(name).decode(ids)
    assert ids == get(name).encode(text)


@pytest.mark.parametrize("name", ["bytes", "released", "prepend"])
@given(text=ANY_TEXT | LIKELY_TEXT)
@example(text=" \x00\U0010ffff")
def test_bytes_make_encoding_reversible(name, get, text):
    """A vocabulary with all bytes loses nothing; only the space mark and what looks like a token is read otherwise."""
    assume(name == "bytes" or "<" not in text)
    assert get(name).decode(get(name).encode(text)) == text.replace("▁", " ")


@pytest.mark.parametrize("name", MODELS + VARIANTS)
@given(before=ANY_TEXT, after=ANY_TEXT, half=st.integers(0xD800, 0xDFFF))
def test_lone_surrogates_are_refused(name, get, before, after, half):
    with pytest.raises(ValueError, match=rf"lone surrogate U\+{half:04X} at character {len(before) + 1};"):
        get(name).encode(before + chr(half) + after)


@pytest.mark.parametrize("name", [*MODELS, "released"])
def test_byte_tokens(name, get):
    tokens = [token for token in range(get(name).vocab_size) if get(name).is_byte(token)]
    assert len(tokens) == (0 if name == "rules" else 256)


def test_unknown_ids_have_no_text(get):
    assert get("released").decode([10**6, -1]) == ""
    assert not get("released").is_byte(10**6)


# ---- the model ----

PIECES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(-20, 20), min_size=1, max_size=12)


@given(PIECES, st.text("abcd", max_size=8))
def test_the_best_cut_is_found(pieces, text):
    """Of all cuts into pieces and single unknown characters, none scores higher than the one found."""
    model = Unigram([("<unk>", 0.0), *pieces.items()], 0, False)
    unknown = min(0.0, *pieces.values()) - 10

    def score(parts):
        if any(len(part) > 1 and part not in pieces for part in parts):
            return float("-inf")
        return sum(pieces.get(part, unknown) for part in parts)

    def cuts():
        for n in range(len(text)):
            for at in itertools.combinations(range(1, len(text)), n):
                yield [text[a:b] for a, b in itertools.pairwise((0, *at, len(text)))]

    found = [text[begin:end] for begin, end, _ in model._best_cut(text)]
    assert "".join(found) == text
    assert score(found) >= max(map(score, cuts()), default=0.0) - 1e-9


@pytest.mark.parametrize(
    ("vocab", "text", "ids"),
    [
        ('[["<unk>", 0.0], ["a", -1.0], ["aa", -2.0]]', "aaaaa", [1, 2, 2]),
        # Read to the nearest float, these scores would give [1, 2, 2].
        ('[["<unk>", 0.0], ["f", -7.95897102355957], ["ff", -9.209071159362793]]', "fffff", [2, 2, 1]),
    ],
)
def test_equal_cuts(vocab, text, ids, tmp_path):
    """Of cuts with one score, the `tokenizers` library takes these."""
    path = tmp_path / "t.json"
    path.write_text(f'{{"model": {{"type": "Unigram", "unk_id": 0, "vocab": {vocab}}}}}', encoding="utf-8")
    assert load_tokenizer(path, 3).encode(text) == ids


def test_unknown_characters_are_fused():
    model = Unigram([("<unk>", 0.0), ("a", -1.0), ("xy", -50.0)], 0, False)
    assert model.encode("azzza") == [1, 0, 1]
    assert model.encode("zz") == [0]
    # Scores are positive here, so that two unknown characters beat their piece; fused they are that piece.
    assert Unigram([("<unk>", 100.0), ("xy", 30.0), ("a", 100.0)], 0, False).encode("axya") == [2, 1, 2]
    assert model.encode("<unk>") == [0]


def test_no_unknown_token():
    model = Unigram([("a", -1.0)], None, False)
    assert model.encode("aa") == [0, 0]
    with pytest.raises(ValueError, match="no piece for 'b' and no unknown token"):
        model.encode("ab")


def test_some_bytes_missing():
    model = Unigram([("<unk>", 0.0), ("<0xC3>", 0.0), ("<0xA9>", 0.0)], 0, True)
    assert model.encode("é") == [1, 2]
    assert model.encode("è") == [0]


# ---- characters ----


@given(ANY_TEXT | LIKELY_TEXT)
def test_clusters_make_up_the_text(text):
    assert "".join(clusters(text)) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("ab", ["a", "b"]),
        ("\r\n\n\r", ["\r\n", "\n", "\r"]),
        ("e\u0301\u0302x", ["e\u0301\u0302", "x"]),
        ("\n\u0301", ["\n", "\u0301"]),
        ("\u0600e\u0301\u0600\n", ["\u0600e\u0301", "\u0600", "\n"]),
        ("a\u200db", ["a\u200d", "b"]),
        ("กำ", ["กำ"]),
        ("\u1000\u102b\u1000\u1031", ["\u1000", "\u102b", "\u1000\u1031"]),
        ("👍🏽", ["👍🏽"]),
        ("a\xad\u0301", ["a", "\xad", "\u0301"]),
    ],
)
def test_clusters(text, wanted):
    assert list(clusters(text)) == wanted


def character_map() -> str:
    return CASES["json"]["charsmap"]["spec"]["normalizer"]["normalizers"][0]["precompiled_charsmap"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ﬁne ａ\xad\xa0x", "fine a x"),
        ("e\u0301", "é"),
        ("e\u0301\u0301", "é"),  # the shortest entry stands for a whole cluster of up to five bytes
        ("ａ\u0301", "a"),
        ("ａ\u20d0", "a\u20d0"),  # a longer one goes character by character
        ("ａ\u0301\u0301", "a\u0301\u0301"),
        ("µ\u0301", "μ"),
        ("㍿\x00\x01", "株式会社\x00"),
    ],
)
def test_character_map(text, wanted):
    assert CharsMap(character_map())(text) == wanted


@given(st.integers(0, 400), st.integers(0, 255), LIKELY_TEXT)
def test_broken_character_maps_do_not_crash(position, value, text):
    """A map with any byte changed still maps every text to some text, or is refused."""
    blob = bytearray(base64.b64decode(character_map()))
    blob[position % len(blob)] = value
    try:
        CharsMap(base64.b64encode(blob).decode())(text)
    except ValueError:
        return


# ---- files ----


def test_kind_of_file(tmp_path):
    """As in the reference: the configuration's word, or else the name's ending, makes it a tokenizer.json."""
    text = json.dumps(json_spec("released"))
    for name, kind in [("a.json", "sentencepiece"), ("a.model", "tokenizers"), ("a.bin", "json")]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert isinstance(load_tokenizer(tmp_path / name, len(CASES["vocab"]), kind), JsonTokenizer)
    with pytest.raises(ValueError, match=r"a.model: not a SentencePiece model"):
        load_tokenizer(tmp_path / "a.model", len(CASES["vocab"]))


@pytest.mark.parametrize("kind", ["sentencepiece", "tokenizers"])
def test_no_file(kind, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.model: no such tokenizer file"):
        load_tokenizer(tmp_path / "none.model", 10, kind)


@pytest.mark.parametrize("kind", ["sentencepiece", "tokenizers"])
@pytest.mark.parametrize(
    "contents", [b"", b"\xff\x00", b"{", b"[" * 100000, b"null", b"[]", b'{"model": 3}', b'{"model": {}}']
)
def test_not_a_tokenizer(kind, contents, tmp_path):
    path = tmp_path / "tok"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match="tok: ") as caught:
        load_tokenizer(path, 10, kind)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", ["sentencepiece", "tokenizers"])
def test_empty_file_is_refused_quietly(kind, tmp_path, capfd):
    (tmp_path / "t.model").touch()
    with pytest.raises(ValueError, match=r"t\.model: the tokenizer file is empty"):
        load_tokenizer(tmp_path / "t.model", 10, kind)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("n_kept", [1, 10, 1000])
def test_model_cut_short(n_kept, tmp_path):
    (tmp_path / "t.model").write_bytes(base64.b64decode(CASES["models"]["bytes"]["model"])[:-n_kept])
    with pytest.raises(ValueError, match=r"t\.model: (not a SentencePiece model|the tokenizer has \d+ tokens)"):
        load_tokenizer(tmp_path / "t.model", 340)


@pytest.mark.parametrize("name", ["bytes", "added"])
def test_size_of_vocabulary(name, get, tmp_path):
    get(name)
    path = tmp_path / "other"
    case = (CASES["models"] | CASES["json"])[name]
    path.write_bytes(base64.b64decode(case["model"]) if "model" in case else json.dumps(json_spec(name)).encode())
    with pytest.raises(ValueError, match=rf"other: the tokenizer has {case['n_bins']} tokens, .* n_bins = 4000"):
        load_tokenizer(path, 4000, "json" if "spec" in case else "sentencepiece")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("model", {"type": "BPE", "vocab": {}, "merges": []}, "the model 'BPE', which is not supported"),
        ("model", {"vocab": {"a": 0}}, "the model .*which is not supported"),
        ("model", {"unk_id": 7, "vocab": [["a", 0.0]]}, "its unk_id is 7, but the vocabulary has 1 pieces"),
        ("model", {"vocab": [["a"]]}, "not enough values"),
        ("normalizer", {"type": "ByteLevel"}, "the normalizer 'ByteLevel', which is not supported"),
        ("normalizer", {"type": "Sequence", "normalizers": [{"type": "Bert"}]}, "the normalizer 'Bert'"),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "AAAA"}, "is cut short"),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "/////w=="}, "is cut short"),
        (
            "normalizer",
            {"type": "Replace", "pattern": {"Regex": "^a|b$"}, "content": ""},
            r"the pattern .*\^a.*not supported",
        ),
        (
            "normalizer",
            {"type": "Replace", "pattern": {"String": ""}, "content": ""},
            "the pattern .* is not supported",
        ),
        ("pre_tokenizer", {"type": "Digits"}, "the pre_tokenizer 'Digits', which is not supported"),
        ("pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "last"}, "prepend_scheme 'last'"),
        ("decoder", {"type": "Metaspace", "replacement": "▁", "add_prefix_space": False}, "say different things"),
        ("post_processor", {"type": "BertProcessing"}, "the post_processor 'BertProcessing', which is not supported"),
        ("decoder", {"type": "WordPiece"}, "the decoder 'WordPiece', which is not supported"),
        ("decoder", 3, "the decoder 3, which is not supported"),
        ("truncation", {"max_length": 3}, "asks for truncation"),
        ("padding", {}, "asks for padding"),
        ("added_tokens", [{"content": "x"}], "not a complete .* tokenizer.json"),
    ],
)
def test_unsupported_steps_are_named(key, value, sentence, tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({**json_spec("released"), key: value}), encoding="utf-8")
    with pytest.raises(ValueError, match=sentence) as caught:
        load_tokenizer(path, 10)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(("content", "token"), [("<s>", 2), ("new", 5)])
def test_added_tokens_with_the_id_of_another(content, token, tmp_path):
    spec = json_spec("released")
    spec["added_tokens"].append({**spec["added_tokens"][0], "content": content, "id": token})
    (tmp_path / "t.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(ValueError, match=f"'{content}' has the id {token}, which is another's"):
        load_tokenizer(tmp_path / "t.json", 10)


def test_loading_says_nothing(get, capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        get("bytes").encode("x")
        get("released").encode("x")
    assert capfd.readouterr() == ("", "")
