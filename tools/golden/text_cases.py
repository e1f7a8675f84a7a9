"""Texts and tokenizers to compare: random strings, and the cases of tests/golden/text.json."""

import base64
import contextlib
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sentencepiece

ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789",
    " ",
    " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2003\u2009\u200b\u2028\u202f\u3000\u2581",
    ".,;:!?…-–—'\"’‘“”„«»()[]{}<>/\\@#$%&*+=_~^|`¡¿",
    "éèêëàâäöüßçñáíóúãõîïôœæÀÉÖÜ",
    "αβγδΣςДждяאבגדابتثج٠١٢मनिष क्षिไทยำ日本語中文字한국어각",
    "ﬁﬀＡｂ１２Ⅳⅷºªµ½¼²㎏ŉſĳ㍿™ﷺ",
    "".join(map(chr, range(0x300, 0x370))),
    "😀👩👍🏽🇫🇷❤©®\u200d\ufe0f",
    "".join(map(chr, range(32))) + "\x7f\x80\x9f\xad\ufeff\ufffd\ufffe\u0600\u061c\u200e\u202e\u2066",
]
WORDS = """the Hello world again it's 3.14 1.000,50 Mr. e.g. U.S.A. ... ?! don't <s> </s> <unk> <pad> <0x41> <0xE9>
▁the naïve e\u0301 ñ Smith, 10:30 http://x.y/z?a=b schön garçon año œuvre C'est “Hi?”, (yes) A; B: one two
three and of water; house, said: "No!" «Oui» – — 5. .5 7.x x.7 why? yes! end. [a] 'tis ... ,""".split()  # noqa: SIM905


def random_string(rng: random.Random) -> str:
    """Any text at all: words, one script or a mix, controls, odd spaces, any code point but surrogates."""
    n, kind = rng.choice([0, 1, 1, 2, 3, 5, 8, 13, 30, 80]), rng.random()
    if kind < 0.3:
        return " ".join(rng.choice(WORDS) for _ in range(n))
    if kind < 0.6:
        return "".join(rng.choice(rng.choice(ALPHABETS)) for _ in range(n))
    if kind < 0.75:
        pair = rng.sample(ALPHABETS, 2)
        return "".join(rng.choice(rng.choice(pair)) for _ in range(n))
    if kind < 0.85:
        codes = (rng.randrange(0x110000 if rng.random() < 0.3 else 0x10000) for _ in range(n))
        return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)
    return "".join(rng.choice(WORDS) + rng.choice(rng.choice(ALPHABETS)) * rng.choice([0, 1, 2, 5]) for _ in range(n))


def random_prose(rng: random.Random) -> str:
    """Text as people write it, with numbers, quotes and long sentences; now and then something else."""
    if rng.random() < 0.2:
        return random_string(rng)
    words = rng.choices(WORDS, k=rng.choice([1, 2, 4, 5, 10, 40, 150]))
    return "".join(word + rng.choice([" ", " ", " ", " ", ". ", ", ", "; ", "\n", "  ", "! ", ""]) for word in words)


CORPUS = """Hello world, this is a small corpus. It has the words that speech needs; and some more: numbers, too!
One two three four five six seven eight nine ten. Is that enough? Yes, it is enough for a very small tokenizer.
The water in the river was cold, and the house by the river was old. Why not? Because it's there, she said.
Pi is 3.14, and a half is 0.5 or .5; the year was 1984. Good morning. Good night! A, b, c: d; e. Ça va bien, merci."""
# What the tiny character map does; the longest entry starts with the shorter one, which wins in a cluster.
RULES = {
    "ﬁ": "fi",
    "ａ": "a",
    "Ａ": "A",
    "e\u0301": "é",
    "µ": "μ",
    "\xad": "",
    "\xa0": " ",
    "㍿": "株式会社",
    "\u200b": " ",
    "\t": " ",
    "\n": " ",
    "\x01": "",
    "µ\u0301": "M",
    "ﷺ": "صلى الله",
    "²": "2",
    "\r": " ",
}
TEXTS = [
    *(
        "",
        " ",
        "x",
        "Hello world.",
        "  two  spaces ",
        "\thello\nworld\r\n",
        "Pi is 3.14, not 3.",
        "naïve café",
        "😀",
        "\x00a\x00",
    ),
    *(
        "e\u0301 ａ\u0301 Ａ\u0302 µ\u0301 ﬁne",
        "\u0301x",
        "\r\n\u0301",
        "\u0600e\u0301 \u0600µ",
        "soft\xadhyphen\xa0here",
        "㍿²",
    ),
    *(
        "\u200bzero",
        "\x01 led",
        " \x1f strip\x1f ",
        "ﷺ",
        "<s>Hello</s>",
        "<0x41>é<0xFF>",
        "▁mark ▁",
        "water house  <L>  it's<R>  river  <R> \x1f <L>x",
        "WORLD word worlds",
    ),
    *(
        "aaaaaaa eeeee",
        "אבג العربية",
        "日本語 हिन्दी",
        "👩\u200d👩 👍🏽 🇫🇷",
        "[M]x[M]",
        "don't donut DON'T",
        "İSTANBUL ΣΑΣ",
    ),
]
PROMPTS = [
    *(
        "hello",
        "  Hello there , world  ",
        "one two three four five",
        "a; b; c",
        "„Hallo“, sagte sie – ja",
        "“Hi?”, she said",
        "ßtraße",
    ),
    *(
        "end,",
        "end –",
        "(yes)",
        'he said "no"',
        "...",
        'yes," )',
        "¿Qué? ¡Sí!",
        "l’été «chaud»: oui",
        "tab\tand\nline\r\nend",
        "",
        " \n",
        "“”",
        "x" * 30,
        "é",
    ),
]
PROSE = [
    "Hello world. This is it! Is it? Yes... it is.",
    "Pi is 3.14 and 0.5. The year 1984. .5 or 5. 5",
    "The water in the river was cold, and the house by the river was old; why not: because it's there, she said",
    "One, two, three, four, five, six, seven, eight, nine, ten",
    "a" * 90,
    "“Hi?”, he said. (Yes.) No?! …Well…",
    "😀 😀. 1.5😀.5 😀3.4",
    "Good morning.\n\nGood night!  A, b, c: d; e.",
]


def added_token(token: int, content: str, **flags: bool) -> dict[str, Any]:
    off = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": token, "content": content, **off, **flags}


def json_variants(n_pieces: int, encoded_charsmap: str) -> dict[str, dict[str, Any]]:
    """Tokenizers that differ in everything but the vocabulary; between them, every supported step."""
    specials = [added_token(i, name, special=True) for i, name in enumerate(("<unk>", "<s>", "</s>"))]
    flagged = [
        added_token(n_pieces, "<L>", lstrip=True),
        added_token(n_pieces + 1, "<R>", rstrip=True, special=True),
        added_token(n_pieces + 2, "WORLD", normalized=True),
        added_token(n_pieces + 3, "don", single_word=True),
        added_token(n_pieces + 4, "[M]x"),
        added_token(n_pieces + 5, "[M]"),
    ]

    def metaspace(scheme: str, split: bool) -> dict[str, Any]:
        return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}

    def replace(kind: str, pattern: str, content: str) -> dict[str, Any]:
        return {"type": "Replace", "pattern": {kind: pattern}, "content": content}

    def chain(kind: str, *steps: dict[str, Any]) -> dict[str, Any]:
        return {"type": "Sequence", kind: list(steps)}

    def template(*items: str) -> dict[str, Any]:
        single = [{"SpecialToken" if item != "A" else "Sequence": {"id": item, "type_id": 0}} for item in items]
        tokens = {
            "<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]},
            "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]},
        }
        pair = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}]
        return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}

    bytes_decoder = [replace("String", "▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    strip = {"type": "Strip", "strip_left": True, "strip_right": True}
    variants: dict[str, dict[str, Any]] = {
        "released": {
            "pre_tokenizer": metaspace("never", False),
            "post_processor": template("<s>", "A"),
            "decoder": chain("decoders", *bytes_decoder),
        },
        "charsmap": {
            "byte_fallback": False,
            "normalizer": chain(
                "normalizers",
                {"type": "Precompiled", "precompiled_charsmap": encoded_charsmap},
                replace("Regex", " {2,}", " "),
            ),
            "pre_tokenizer": metaspace("always", True),
            "decoder": metaspace("always", True),
        },
        "added": {
            "added_tokens": specials + flagged,
            "normalizer": chain("normalizers", {"type": "Lowercase"}, strip, {"type": "NFC"}),
            "pre_tokenizer": metaspace("first", False),
            "post_processor": chain("processors", template("<s>", "A", "</s>")),
            "decoder": metaspace("never", False),
        },
        "prepend": {
            "normalizer": chain("normalizers", {"type": "Prepend", "prepend": "▁"}, replace("String", " ", "▁")),
            "decoder": chain("decoders", *bytes_decoder, {"type": "Strip", "content": " ", "start": 1, "stop": 0}),
        },
        "words": {
            "normalizer": chain("normalizers", {"type": "Nmt"}, {"type": "NFKD"}, {"type": "StripAccents"}),
            "pre_tokenizer": chain("pretokenizers", {"type": "WhitespaceSplit"}, metaspace("always", True)),
        },
        "flag": {
            "added_tokens": specials + flagged,
            "normalizer": replace("Regex", "\\s+", " "),
            "decoder": {"type": "Strip", "content": "e", "start": 0, "stop": 1},
            "pre_tokenizer": {
                "type": "Metaspace",
                "replacement": "▁",
                "add_prefix_space": False,
                "prepend_scheme": "never",
            },
        },
    }
    common = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": specials}
    steps = dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder"))
    return {name: {**common, **steps, **variant} for name, variant in variants.items()}


def tiny_tokenizers(folder: Path) -> dict[str, Path]:
    """Two SentencePiece models and a tokenizer.json of each variant, written to `folder`, the same each time."""
    with contextlib.chdir(folder):  # a model keeps the path of its rules
        rules = Path("rules.tsv")
        codes = [[" ".join(f"{ord(char):X}" for char in side) for side in rule] for rule in RULES.items()]
        rules.write_text("".join(f"{old}\t{new}\n" for old, new in codes), encoding="utf-8")
        every_byte = {"byte_fallback": True, "normalization_rule_name": "identity", "remove_extra_whitespaces": False}
        models = {
            "bytes": train(vocab_size=340, **every_byte),
            "rules": train(vocab_size=80, normalization_rule_tsv=str(rules)),
        }
    paths = {name: folder / f"{name}.model" for name in models}
    for name, path in paths.items():
        path.write_bytes(models[name])
    pieces = sentencepiece.SentencePieceProcessor(model_proto=models["bytes"])
    vocab = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(pieces.vocab_size())]
    for name, spec in json_variants(len(vocab), character_map(models["rules"])).items():
        byte_fallback = spec.pop("byte_fallback", True)
        model = {"type": "Unigram", "unk_id": 0, "byte_fallback": byte_fallback, "vocab": vocab}
        paths[name] = folder / f"{name}.json"
        paths[name].write_text(json.dumps({**spec, "model": model}), encoding="utf-8")
    return paths


def train(**options: Any) -> bytes:
    model, corpus = io.BytesIO(), iter(CORPUS.splitlines())
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=corpus, model_writer=model, minloglevel=2, num_threads=1, **options
    )
    return model.getvalue()


def message_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a protocol buffer message."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            value |= (message[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if message[at - 1] < 0x80:
                return value

    while at < len(message):
        key = number()
        length = {1: 8, 5: 4}.get(key & 7) or number()
        if key & 7 == 2:
            yield key >> 3, message[at : at + length]
        at += 0 if key & 7 == 0 else length


def character_map(model: bytes) -> str:
    """The base64 of field 2 (precompiled_charsmap) of field 3 (normalizer_spec) of a SentencePiece model."""
    return base64.b64encode(dict(message_fields(dict(message_fields(model))[3]))[2]).decode()
