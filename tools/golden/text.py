"""tests/golden/text.json: what the reference makes of texts, with tiny tokenizers and the released configurations."""

import base64
import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sentencepiece
import tokenizers
import yaml
from pocket_tts.models import text_chunking as reference_text
from pocket_tts.modules.text_conditioner import build_tokenizer
from pocket_tts.utils import config as reference_config
from pocket_tts.utils import utils as reference_voices

from pockettts_np.config.config import Config
from pockettts_np.config.load import load_config, released_models
from tools.golden.text_cases import PROMPTS, PROSE, TEXTS, tiny_tokenizers

SWITCHES = (
    "pad_with_spaces_for_short_inputs",
    "remove_semicolons",
    "append_terminal_punctuation",
    "capitalize_first_letter",
    "replace_characters",
)


# --- the reference, asked as the tools ask it


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What a call returns, or that it refused."""
    try:
        return function(*args)
    except ValueError:
        return "refused"


def reference_dump(name: str) -> dict[str, Any]:
    text = (reference_config.CONFIGS_DIR / f"{name}.yaml").read_text(encoding="utf-8")
    return reference_config.Config(**yaml.safe_load(text)).model_dump()


def vocabulary_size(path: Path) -> int:
    if path.suffix == ".json":
        return tokenizers.Tokenizer.from_file(str(path)).get_vocab_size()
    return sentencepiece.SentencePieceProcessor(str(path)).vocab_size()


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


# --- what is recorded


def fingerprint(tables: Any) -> str:
    """A hash of the values that are not absent."""

    def present(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: present(each) for key, each in value.items() if each is not None}
        return value

    return hashlib.sha256(json.dumps(present(tables), sort_keys=True).encode()).hexdigest()


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


def make_text(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as tokenizer_folder:
        golden = recorded(tiny_tokenizers(Path(tokenizer_folder)))
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
    (folder / "text.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def recorded(paths: dict[str, Path]) -> dict[str, Any]:
    vocab = json.loads(paths["released"].read_text(encoding="utf-8"))["model"]["vocab"]
    kinds = {"models": ".model", "json": ".json"}
    golden: dict[str, Any] = {
        "about": "Made by python -m tools.golden from the reference; see tools/golden/text.py.",
        "versions": {"sentencepiece": sentencepiece.__version__, "tokenizers": tokenizers.__version__},
        "texts": TEXTS,
        "vocab": vocab,
        "scores": score_readings(vocab),
        "configurations": {name: fingerprint(reference_dump(name)) for name in released_models()},
        "voices": fingerprint(reference_voices._ORIGINS_OF_PREDEFINED_VOICES),
    }
    for kind, suffix in kinds.items():
        golden[kind] = {name: recorded_tokenizer(path) for name, path in paths.items() if path.suffix == suffix}
    return golden | recorded_text({name: paths[name] for name in ("bytes", "released", "prepend")})


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
