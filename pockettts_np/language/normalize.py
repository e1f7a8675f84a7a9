"""Numbers in words before a text is spoken, in the languages of the released models.

English has a front end of its own (`english.front_end`). The other languages use the library num2words, an optional
extra (`others.speller`).
"""

from collections.abc import Callable, Iterable, Iterator

from .english.front_end import normalize_english
from .others.speller import LANGUAGES, plain_digits, rules_of
from .pauses import Pause, outside_markup
from .rules import rewrite
from .sentences import Sentences


def normalize(text: str, language: str = "english") -> str:
    """`text` with numbers in words.

    Args:
        text: any text; pauses such as `[pause:1s]` stay as they are.
        language: a model's name, such as "german_24l"; "builtin" is English.

    Raises:
        ValueError: another language.
        ModuleNotFoundError: num2words is not installed; English does not need it.
    """
    return normalizer(language)(text)


def normalize_pieces(pieces: Iterable[str], language: str) -> Iterator[str]:
    """`normalize` for a text that is still being written: sentence by sentence, each as soon as it is complete."""
    spell_out = normalizer(language)
    parts = _parts(pieces)
    return (_markup(part) if isinstance(part, Pause) else f"{spell_out(part)}\n\n" for part in parts)


def _parts(pieces: Iterable[str]) -> Iterator[str | Pause]:
    sentences = Sentences(lambda sentence: 0, max_tokens=1000)
    for piece in pieces:
        yield from sentences.feed(piece)
    yield from sentences.feed("", complete=True)


def _markup(pause: Pause) -> str:
    return f"[pause:{float(pause.seconds):.9f}s]"


def normalizer(language: str) -> Callable[[str], str]:
    """`normalize` for one language; errors as there."""
    name = language.split("_")[0]
    if name in ("english", "builtin"):
        return normalize_english
    if name not in LANGUAGES:
        raise ValueError(f"Numbers can be spelled out in english, {', '.join(LANGUAGES)}; not in {language}.")
    rules = rules_of(name)
    return lambda text: outside_markup(text, lambda part: rewrite(plain_digits(part), rules))
