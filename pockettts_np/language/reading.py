"""How a text is read: which marks are taken out of it, what is said for its words, and how its numbers are.

Two steps, as pauses and other markup of speech lie between them: `passages` or `unmarked` take out the marks of
Markdown and HTML; `write` says, prompt by prompt, what is spoken for what is written. English has a front end of its
own (`english.front_end`). The other languages use the library num2words, an optional extra (`others.speller`).
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from .lexicon import AnyLexicon, GivenLexicon, lexicons_of, write_lexicons
from .markdown.passages import Passages
from .pauses import DEFAULT_VOICE, Manner, Pause, outside_markup
from .rules import Draft
from .sentences import Sentences

LANGUAGES = ("french", "german", "italian", "portuguese", "spanish", "dutch")  # beside English
_SIGNS = re.compile(r"\S+")
_ENGLISH = ("english", "builtin")


@dataclass(frozen=True)
class Reading:
    """How texts are read.

    Attributes:
        language: a model's name, such as "german_24l"; None is the model's own, and English where it has no name.
        normalize: whether Markdown, HTML, pictures, numbers and abbreviations are read as a person reads them; without
            it, a text is read as the reference prepares it.
        lexicons: own pronunciations, which come before all other rules.
    """

    language: str | None = None
    normalize: bool = False
    lexicons: tuple[AnyLexicon, ...] = ()

    @classmethod
    def given(cls, normalize: bool | str = False, lexicon: object = None) -> "Reading":
        """What arguments ask for: `normalize` may be the language of the texts, `lexicon` what `lexicons_of` takes.

        Raises:
            ValueError: a language that cannot be spelled out, or as `lexicons_of`.
            TypeError: arguments of another kind.
            ModuleNotFoundError: num2words is not installed; English does not need it.
            OSError: no such file.
        """
        if not isinstance(normalize, (bool, str)):
            raise TypeError(f"normalize is a {type(normalize).__name__}; wanted True, False or a language.")
        language = normalize if isinstance(normalize, str) else None
        given: GivenLexicon | None = lexicon  # type: ignore[assignment]  # which is checked there
        reading = cls(language, bool(normalize), lexicons_of(given))
        if language is not None:
            reading.require()
        return reading

    @property
    def is_english(self) -> bool:
        """Whether the texts are English, which can be spelled out without any extra."""
        return (self.language or _ENGLISH[0]).split("_")[0] in _ENGLISH

    def require(self) -> None:
        """Raise the errors of `given` where the language cannot be read so."""
        if self.normalize:
            _rules_of(self.language or _ENGLISH[0])

    def of(self, model: str) -> "Reading":
        """For a model, by its name: in its language, where no other is named."""
        if self.language is not None:
            return self
        return replace(self, language=next((name for name in LANGUAGES if name in model), _ENGLISH[0]))

    def passages(self) -> Passages | None:
        """What takes the marks out of a text in pieces; None where they stay."""
        return Passages() if self.normalize else None

    def unmarked(self, text: str) -> str:
        """A whole text without the marks of Markdown and HTML."""
        return Passages().feed(text, last=True) if self.normalize else text

    def write(self, draft: Draft) -> None:
        """What is said for a text without marks and pauses."""
        write_lexicons(draft, [lexicon.current() for lexicon in self.lexicons])
        if self.normalize:
            _rules_of(self.language or _ENGLISH[0])(draft)
            if not any(map(str.isalnum, draft.text)):  # a quotation mark, an ellipsis
                draft.replace(_SIGNS, lambda m: "")

    def whole(self, text: str) -> str:
        """A whole text as it is spoken; its pauses stay as they are written."""
        spoken = outside_markup(self.unmarked(text), self._written)
        return spoken if spoken.strip() or not self.normalize else ""

    def pieces(self, pieces: Iterable[str]) -> Iterator[str]:
        """A text that is still being written as it is spoken: sentence by sentence, each once it is complete."""
        sentences = Sentences(lambda sentence: 0, max_tokens=1000, passages=self.passages())
        for piece in pieces:
            yield from map(self._part, sentences.feed(piece))
        yield from map(self._part, sentences.feed("", complete=True))

    def _part(self, part: str | Pause | Manner) -> str:
        if isinstance(part, Manner):
            return f"[voice:{part.voice or DEFAULT_VOICE}]"
        return f"[pause:{float(part.seconds):.9f}s]" if isinstance(part, Pause) else f"{self._written(part)}\n\n"

    def _written(self, text: str) -> str:
        draft = Draft(text)
        self.write(draft)
        return draft.text


def normalize(text: str, language: str = "english") -> str:
    """`text` as a person reads it: without marks, its numbers in words.

    Args:
        text: any text; pauses such as `[pause:1s]` stay as they are.
        language: a model's name, such as "german_24l"; "builtin" is English.

    Raises:
        ValueError: another language.
        ModuleNotFoundError: num2words is not installed; English does not need it.
    """
    return Reading.given(language).whole(text)


@functools.cache
def _rules_of(language: str) -> Callable[[Draft], None]:
    """What spells out the texts of a language. ValueError: it is none that can be. ModuleNotFoundError: as `given`."""
    name = language.split("_")[0]
    if name in _ENGLISH:
        from .english.front_end import spell_out

        return spell_out
    if name not in LANGUAGES:
        raise ValueError(f"Numbers can be spelled out in english, {', '.join(LANGUAGES)}; not in {language}.")
    from .others.speller import spell_out_in

    return spell_out_in(name)
