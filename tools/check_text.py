"""Compare configurations, tokenizers and text rules with the reference, and record golden cases from it.

    pip install pocket-tts==4.0.1 pockettts-np        # with torch, tokenizers and sentencepiece
    python tools/check_text.py [--strings 10000] [--texts 1000] TOKENIZER...     a .model or a tokenizer.json
    python tools/check_text.py --record               writes tests/golden/text.json

Texts are random, and the README. The tiny tokenizers of the golden file are compared too; "added" and "words" change
characters by Unicode's tables, which differ between Python and the tokenizers package for the newest ones. The exit
status is the number of kinds of difference found.
"""

import argparse
import base64
import dataclasses
import hashlib
import json
import logging
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sentencepiece
import tokenizers
import yaml
from pocket_tts import default_parameters as reference_defaults
from pocket_tts.models import text_chunking as reference_text
from pocket_tts.modules.text_conditioner import build_tokenizer
from pocket_tts.utils import config as reference_config
from pocket_tts.utils import utils as reference_voices

from pockettts_np import catalogue
from pockettts_np.config import Config, load_config, released_models
from pockettts_np.text import prepare_text_prompt, split_into_chunks
from pockettts_np.tokenizer import load_tokenizer
from text_cases import PROMPTS, PROSE, TEXTS, random_prose, random_string, tiny_tokenizers

ROOT = Path(__file__).resolve().parent.parent
GOLDEN, README = ROOT / "tests" / "golden" / "text.json", ROOT / "README.md"
SWITCHES = (
    "pad_with_spaces_for_short_inputs",
    "remove_semicolons",
    "append_terminal_punctuation",
    "capitalize_first_letter",
    "replace_characters",
)


class Tally:
    """Counts comparisons and keeps the first differences."""

    def __init__(self, name: str) -> None:
        self.name, self.n, self.different = name, 0, []  # type: ignore[var-annotated]

    def compare(self, what: object, got: object, wanted: object) -> None:
        self.n += 1
        if got != wanted:
            self.different.append((what, got, wanted))

    def report(self) -> bool:
        print(f"{self.name}: {self.n} compared, {len(self.different)} different")
        for what, got, wanted in self.different[:3]:
            print(f"    {what!a:.300}\n        here {got!a:.300}\n        reference {wanted!a:.300}")
        return bool(self.different)


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What a call returns, or that it refused."""
    try:
        return function(*args)
    except ValueError:
        return "refused"


def plain(value: Any) -> Any:
    """A configuration as the reference's `model_dump` has it."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.metadata == {}}
    return list(value) if isinstance(value, tuple) else value


def fingerprint(tables: Any) -> str:
    """A hash of the values that are not absent."""

    def present(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: present(each) for key, each in value.items() if each is not None}
        return value

    return hashlib.sha256(json.dumps(present(tables), sort_keys=True).encode()).hexdigest()


def reference_dump(name: str) -> dict[str, Any]:
    text = (reference_config.CONFIGS_DIR / f"{name}.yaml").read_text(encoding="utf-8")
    return reference_config.Config(**yaml.safe_load(text)).model_dump()


def check_configs() -> bool:
    tally = Tally("configurations, from TOML and from the reference's YAML, and the catalogue")
    files = {file.stem: file for file in reference_config.CONFIGS_DIR.glob("*.yaml")}
    tally.compare("names", released_models(), sorted(files))
    for name, file in files.items():
        wanted = reference_dump(name)
        for source in (name, file):
            got = plain(load_config(source))
            got["replace_characters"] = dict(got["replace_characters"])
            del got["timestamp_heads"], got["text_front_end"]  # the reference has none
            tally.compare(source, json.loads(json.dumps(got)), json.loads(json.dumps(wanted)))
        tally.compare(name, catalogue.default_text(name), reference_defaults.get_default_text_for_language(name))
        tally.compare(name, catalogue.default_voice(name), reference_defaults.get_default_voice_for_language(name))
        for voice in reference_voices._ORIGINS_OF_PREDEFINED_VOICES:
            wanted = reference_voices.get_predefined_voice(name, voice)
            tally.compare(voice, catalogue.voice_state_address(name, voice), wanted)
    tally.compare("voices", dict(catalogue.VOICES), reference_voices._ORIGINS_OF_PREDEFINED_VOICES)
    return tally.report()


def vocabulary_size(path: Path) -> int:
    if path.suffix == ".json":
        return tokenizers.Tokenizer.from_file(str(path)).get_vocab_size()
    return sentencepiece.SentencePieceProcessor(str(path)).vocab_size()


def readme_texts() -> list[str]:
    """The README as a whole and by paragraph."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    return [text, *text.split("\n\n")]


def check_tokenizer(path: Path, n_strings: int) -> bool:
    n_bins = vocabulary_size(path)
    ours, theirs = load_tokenizer(path, n_bins), build_tokenizer(n_bins, str(path))
    encoded, decoded = Tally(f"{path.name}: ids"), Tally(f"{path.name}: decoded")
    rng = random.Random(1)
    for text in [*readme_texts(), *(random_string(rng) for _ in range(n_strings))]:
        ids = theirs.encode(text)
        encoded.compare(text, ours.encode(text), ids)
        for part in (ids, ids[len(ids) // 2 :], rng.choices(range(n_bins), k=rng.randrange(12))):
            decoded.compare(part, ours.decode(part), theirs.decode(part))
    return encoded.report() | decoded.report()


def distinct_switches() -> Iterator[Config]:
    """One released configuration for each combination of text switches, and the two that none switches off."""
    seen = []
    for name in released_models():
        config = load_config(name)
        switches = [getattr(config, key) for key in SWITCHES]
        if switches not in seen:
            seen.append(switches)
            yield config
    config = load_config("english")
    yield dataclasses.replace(config, name="plain", capitalize_first_letter=False, append_terminal_punctuation=False)


def reference_switches(config: Config) -> dict[str, Any]:
    return {key: getattr(config, key) for key in SWITCHES} | {"replace_characters": dict(config.replace_characters)}


def reference_chunks(tokenizer: Any, text: str, max_tokens: int, config: Config) -> list[str]:
    """The reference's chunks without empty ones, which it goes on to refuse when it speaks them."""
    chunks = reference_text.split_into_best_sentences(tokenizer, text, max_tokens, **reference_switches(config))
    spoken = [chunk for chunk in chunks if chunk]
    if not spoken:
        raise ValueError("nothing to speak")
    return spoken


def check_text(path: Path, n_texts: int) -> bool:
    n_bins = vocabulary_size(path)
    ours, theirs = load_tokenizer(path, n_bins), build_tokenizer(n_bins, str(path))
    prepared, chunked = Tally(f"{path.name}: prepared prompts"), Tally(f"{path.name}: chunk lists")
    rng = random.Random(2)
    for config in distinct_switches():
        for text in [*readme_texts(), *(random_prose(rng) for _ in range(n_texts))]:
            max_tokens = rng.choice([1, 5, 20, 50, 50, 50, 200])
            wanted = outcome(lambda: reference_text.prepare_text_prompt(text, **reference_switches(config)))  # noqa: B023
            prepared.compare((config.name, text), outcome(prepare_text_prompt, text, config), wanted)
            wanted = outcome(reference_chunks, theirs, text, max_tokens, config)
            got = outcome(split_into_chunks, ours, text, max_tokens, config)
            chunked.compare((config.name, max_tokens, text), got, wanted)
    return prepared.report() | chunked.report()


def score_readings(vocab: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Score literals, and the numbers that the `tokenizers` library makes of them."""
    literals = [repr(score) for _, score in vocab[-20:]]
    literals += [
        "-9.209071159362793",
        "-7.2672271728515625",
        "-0.1",
        "-12.0",
        "-1.5e-3",
        "2.5E2",
        "0.12345678901234567890123",
        "-3e0",
    ]
    pieces = ",".join(f'["p{i}", {literal}]' for i, literal in enumerate(literals))
    text = f'{{"model": {{"type": "Unigram", "unk_id": 0, "vocab": [{pieces}]}}}}'
    read = json.loads(tokenizers.Tokenizer.from_str(text).to_str())["model"]["vocab"]
    return [(literal, score) for literal, (_, score) in zip(literals, read, strict=True)]


def recorded_ids(tokenizer: Any) -> list[tuple[list[int], str, str]]:
    """For each text: its ids, their text, and the text of their second half."""
    ids = [tokenizer.encode(text) for text in TEXTS]
    return [(each, tokenizer.decode(each), tokenizer.decode(each[len(each) // 2 :])) for each in ids]


def recorded_tokenizer(path: Path) -> dict[str, Any]:
    """A tiny tokenizer, but for the vocabulary that all tokenizer.json share, and what it makes of TEXTS."""
    n_bins = vocabulary_size(path)
    case: dict[str, Any] = {"n_bins": n_bins}
    if path.suffix == ".json":
        spec = json.loads(path.read_text(encoding="utf-8"))
        case |= {"byte_fallback": spec.pop("model")["byte_fallback"], "spec": spec}
    else:
        case["model"] = base64.b64encode(path.read_bytes()).decode()
    return {**case, "expected": recorded_ids(build_tokenizer(n_bins, str(path)))}


def record(paths: dict[str, Path]) -> None:
    vocab = json.loads(paths["released"].read_text(encoding="utf-8"))["model"]["vocab"]
    kinds = {"models": ".model", "json": ".json"}
    golden: dict[str, Any] = {
        "about": "Made by tools/check_text.py --record from the reference; see there.",
        "versions": {"sentencepiece": sentencepiece.__version__, "tokenizers": tokenizers.__version__},
        "texts": TEXTS,
        "vocab": vocab,
        "scores": score_readings(vocab),
        "configurations": {name: fingerprint(reference_dump(name)) for name in released_models()},
        "voices": fingerprint(reference_voices._ORIGINS_OF_PREDEFINED_VOICES),
    }
    for kind, suffix in kinds.items():
        golden[kind] = {name: recorded_tokenizer(path) for name, path in paths.items() if path.suffix == suffix}
    golden |= recorded_text({name: paths[name] for name in ("bytes", "released", "prepend")})
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size:,} bytes")


def recorded_text(paths: dict[str, Path]) -> dict[str, Any]:
    prompts: dict[str, Any] = {}
    chunks = []
    for config in distinct_switches():
        switches = reference_switches(config)
        prompts[config.name] = {
            "switches": switches,
            "expected": [outcome(lambda: reference_text.prepare_text_prompt(text, **switches)) for text in PROMPTS],  # noqa: B023
        }
    for kind, path in paths.items():
        tokenizer = build_tokenizer(vocabulary_size(path), str(path))
        for config in (load_config("english"), load_config("french")):
            for text in PROSE:
                for max_tokens in (10, 50):
                    chunks.append(
                        (kind, config.name, max_tokens, text, reference_chunks(tokenizer, text, max_tokens, config))
                    )
    return {"prompts": PROMPTS, "prepared": prompts, "chunks": chunks}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizers", nargs="*", type=Path, metavar="TOKENIZER")
    parser.add_argument("--record", action="store_true", help="write tests/golden/text.json and stop")
    parser.add_argument("--strings", type=int, default=10_000, help="random strings for each tokenizer")
    parser.add_argument("--texts", type=int, default=1_000, help="random texts for each tokenizer and switches")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_tokenizers(Path(folder))
        if args.record:
            record(tiny)
            return 0
        failed = [check_configs(), *(check_tokenizer(path, args.strings) for path in tiny.values())]
    for path in args.tokenizers:
        failed += [check_tokenizer(path, args.strings), check_text(path, args.texts)]
    return sum(failed)


if __name__ == "__main__":
    raise SystemExit(main())
