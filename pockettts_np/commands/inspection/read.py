"""pockettts-np read: what would be spoken of a text, chunk by chunk."""

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...hub.catalogue import default_text
from ...hub.errors import HubError
from ..terminal import options, standard_input
from ..terminal.options import add_model_command, whole
from ..terminal.progress import table

if TYPE_CHECKING:
    from ...language.pauses import Manner
    from ...language.reading import Reading

logger = logging.getLogger(__name__)

_MANNER = ("voice", "speed", "volume_db")


def add_parser(commands: Any) -> None:
    """The command and its options."""
    add = add_model_command(
        commands,
        "read",
        read,
        "Show what would be spoken of a text: its chunks as the model reads them, their tokens, and the pauses. "
        "It needs a model's tokenizer, and none of its weights.",
    ).add_argument
    add("file", nargs="?", metavar="FILE", help="a text in UTF-8; - reads standard input")
    add("--text", help="the text itself, pauses included; default: a greeting in the language")
    options.add_reading_options(add, "default: as the reference prepares a text")
    add("--ssml", action="store_true", help="the text is a document of SSML: <speak>…</speak>")
    add("--max-tokens", type=whole(1), default=50, help="longest piece of text at once (%(default)s)")
    add("--json", action="store_true", help="for programs")


def read(args: argparse.Namespace) -> None:
    options.settle_reading(args)
    options.choose_language(args, [])
    text = _text(args)
    parts = list(_parts(text, args))
    if args.json:
        print(json.dumps(parts, indent=2, ensure_ascii=False), flush=True)
    else:
        print(table([("TOKENS", "SPOKEN"), *map(_row, parts)]), flush=True)


def _text(args: argparse.Namespace) -> str:
    if args.file is not None and args.text is not None:
        raise ValueError("The text is given twice, by FILE and by --text; leave one of them out.")
    if "-" in (args.file, args.text):
        return standard_input.read_text()
    if args.file is None:
        return str(default_text(args.language) if args.text is None else args.text)
    try:
        return Path(args.file).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {args.file}; a text itself is given as --text.") from None
    except UnicodeDecodeError as error:
        wrong = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise ValueError(f"{args.file} is not UTF-8 text ({wrong}); convert it first.") from None


def _parts(text: str, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Each chunk with its number of tokens, and each pause in seconds."""
    from ...conditioners.script import script_of
    from ...conditioners.text import prepare_text_prompt
    from ...language.pauses import Pause
    from ...language.reading import Reading
    from ...loading.model_source import find, open_text

    reading = Reading.given(args.normalize or False, args.lexicon)
    source = find(args.language, args.config)
    try:
        config, tokenizer = open_text(source)
    except HubError as error:
        if args.ssml:
            raise
        logger.warning("Sentences are shown as they are cut without the model's tokenizer: %s", error)
        yield from _sentences(text, reading.of(args.language or ""))
        return
    for part in script_of(tokenizer, text, args.max_tokens, config, reading, ssml=args.ssml).parts:
        if isinstance(part, Pause):
            yield {"pause": float(part.seconds)}
        else:
            prompt, _ = prepare_text_prompt(part.text, config)
            yield {"text": prompt.strip(), "tokens": len(part.ids), **_changed(part.manner)}


def _changed(manner: "Manner") -> dict[str, Any]:
    """What of a manner is not as it is without one."""
    from ...language.pauses import AS_IT_IS

    return {name: value for name, value in asdict(manner).items() if value != getattr(AS_IT_IS, name)}


def _sentences(text: str, reading: "Reading") -> Iterator[dict[str, Any]]:
    """As above, without a tokenizer."""
    from ...language.pauses import Pause
    from ...language.rules import Draft
    from ...language.sentences import Sentences

    sentences = Sentences(lambda sentence: 0, max_tokens=1000, passages=reading.passages())
    for part in sentences.feed(text, complete=True):
        if isinstance(part, Pause):
            yield {"pause": float(part.seconds)}
        if not isinstance(part, str):
            continue
        draft = Draft(part)
        reading.write(draft)
        yield {"text": " ".join(draft.text.split()), "tokens": None}


def _row(part: dict[str, Any]) -> tuple[str, str]:
    if "pause" in part:
        return "", f"[pause of {part['pause']:g} s]"
    manner = " ".join(f"{name} {part[name]:g}" if name != "voice" else part[name] for name in _MANNER if name in part)
    n_tokens = "" if part["tokens"] is None else f"{part['tokens']:>6}"
    return n_tokens, f"[{manner}] {part['text']}" if manner else part["text"]
