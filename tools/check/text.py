"""Compare configurations, tokenizers and text rules with the reference.

    pip install torch==2.13.0            # the CPU build, first
    pip install . -r tools/golden/requirements.txt
    python -m tools.check.text [--strings 10000] [--texts 1000] TOKENIZER...     a .model or a tokenizer.json

Texts are random, and the README. The tiny tokenizers of the golden file are compared too; "added" and "words" change
characters by Unicode's tables, which differ between Python and the tokenizers package for the newest ones. The exit
status is the number of kinds of difference found.
"""

import argparse
import dataclasses
import json
import logging
import random
import tempfile
from pathlib import Path
from typing import Any

from pocket_tts import default_parameters as reference_defaults
from pocket_tts.models import text_chunking as reference_text
from pocket_tts.modules.text_conditioner import build_tokenizer
from pocket_tts.utils import config as reference_config
from pocket_tts.utils import utils as reference_voices

from pockettts_np.conditioners.text import prepare_text_prompt, split_into_chunks
from pockettts_np.conditioners.tokenizer.load import load_tokenizer
from pockettts_np.config.config import Config
from pockettts_np.config.load import load_config, released_models
from pockettts_np.hub import catalogue
from tools.golden.text import (
    distinct_switches,
    outcome,
    reference_chunks,
    reference_dump,
    reference_switches,
    vocabulary_size,
)
from tools.golden.text_cases import random_prose, random_string, tiny_tokenizers

README = Path(__file__).parents[2] / "README.md"


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


def plain(value: Any) -> Any:
    """A configuration as the reference's `model_dump` has it."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.metadata == {}}
    return list(value) if isinstance(value, tuple) else value


def check_configs() -> bool:
    tally = Tally("configurations, from TOML and from the reference's YAML, and the catalogue")
    files = {file.stem: file for file in reference_config.CONFIGS_DIR.glob("*.yaml")}
    tally.compare("names", released_models(), sorted(files))
    for name, file in files.items():
        wanted = reference_dump(name)
        for source in (name, file):
            got = plain(load_config(source))
            got["replace_characters"] = dict(got["replace_characters"])
            got = {key: value for key, value in got.items() if key in wanted}  # the reference lacks some of our keys
            del got["mimi"]["lookahead_frames"]
            tally.compare(source, json.loads(json.dumps(got)), json.loads(json.dumps(wanted)))
        tally.compare(name, catalogue.default_text(name), reference_defaults.get_default_text_for_language(name))
        tally.compare(name, catalogue.default_voice(name), reference_defaults.get_default_voice_for_language(name))
        for voice in reference_voices._ORIGINS_OF_PREDEFINED_VOICES:
            wanted = reference_voices.get_predefined_voice(name, voice)
            tally.compare(voice, catalogue.voice_state_address(name, voice), wanted)
    tally.compare("voices", dict(catalogue.VOICES), reference_voices._ORIGINS_OF_PREDEFINED_VOICES)
    return tally.report()


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


def own_chunks(tokenizer: Any, text: str, max_tokens: int, config: Config) -> list[str]:
    return [chunk.text for chunk in split_into_chunks(tokenizer, text, max_tokens, config)]


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
            got = outcome(own_chunks, ours, text, max_tokens, config)
            chunked.compare((config.name, max_tokens, text), got, wanted)
    return prepared.report() | chunked.report()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizers", nargs="*", type=Path, metavar="TOKENIZER")
    parser.add_argument("--strings", type=int, default=10_000, help="random strings for each tokenizer")
    parser.add_argument("--texts", type=int, default=1_000, help="random texts for each tokenizer and switches")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_tokenizers(Path(folder))
        failed = [check_configs(), *(check_tokenizer(path, args.strings) for path in tiny.values())]
    for path in args.tokenizers:
        failed += [check_tokenizer(path, args.strings), check_text(path, args.texts)]
    return sum(failed)


if __name__ == "__main__":
    raise SystemExit(main())
