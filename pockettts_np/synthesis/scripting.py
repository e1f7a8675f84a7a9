"""Making scripts with a loaded model: how its texts are read, and what it is given to speak."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Self

from ..conditioners.script import Script, make_script, reading_for, script_of
from ..conditioners.text import MAX_TOKENS_PER_CHUNK, count_tokens
from ..conditioners.tokenizer.protocol import Tokenizer
from ..config.config import Config
from ..language.lexicon import GivenLexicon
from ..language.prompts import Gaps
from ..language.reading import Reading
from .generation import require_whole
from .live_text import LiveScripts, Prompter, prompts


class Scripting:
    """What of a model reads texts."""

    config: Config
    tokenizer: Tokenizer
    reading: Reading
    gaps: Gaps  # silence after sentences and paragraphs

    def reading_as(
        self, normalize: bool | str | None = None, lexicon: GivenLexicon | Sequence[GivenLexicon] | None = None
    ) -> Self:
        """The same model, which shares all weights, for texts that are read otherwise.

        Args:
            normalize: as for `load_model`; None leaves it as it is.
            lexicon: more pronunciations, which come before those that the model has.

        Raises:
            OSError, ValueError, TypeError, ModuleNotFoundError: as `load_model`.
        """
        more = Reading.given(self.reading.normalize if normalize is None else normalize, lexicon)
        reading = Reading(more.language or self.reading.language, more.normalize, self.reading.lexicons + more.lexicons)
        reading.of(self.config.name).require()
        return replace(self, reading=reading)  # type: ignore[type-var]  # of a dataclass

    def script(self, text: str, max_tokens: int = MAX_TOKENS_PER_CHUNK, *, ssml: bool = False) -> Script:
        """What `generate_audio_stream` would speak of a text: its chunks, each as token ids, and its pauses.

        Args:
            text: any length.
            max_tokens: longest chunk, in tokens.
            ssml: whether the text is a document of SSML (`language.ssml`).

        Raises:
            ValueError: nothing to say, more than an hour of pauses, or a document that cannot be read.
            TypeError: no string.
        """
        if not isinstance(text, str):
            raise TypeError(f"The text is a {type(text).__name__}; wanted a string, or what script() returns.")
        return script_of(self.tokenizer, text, max_tokens, self.config, self.reading, self.gaps, ssml)

    def scripts(self, pieces: Iterable[str], max_tokens: int = MAX_TOKENS_PER_CHUNK) -> Iterator[Script]:
        """The scripts, of a prompt or a pause each, in which `generate_from` speaks a text that comes in pieces.

        Each is made when it is asked for; a piece is taken when those before it are used up.

        Raises:
            ValueError: `max_tokens` out of range.
        """
        require_max_tokens(max_tokens)
        scripts = self._live_scripts(max_tokens)
        made = map(scripts.script, prompts(self._prompter(max_tokens), pieces))
        return (script for script in made if script is not None)

    def _prompter(self, max_tokens: int) -> Prompter:
        reading = reading_for(self.config, self.reading)
        count = partial(count_tokens, self.tokenizer, switches=self.config, reading=reading)
        return Prompter(count, max_tokens, passages=reading.passages, gaps=self.gaps)

    def _live_scripts(self, max_tokens: int) -> LiveScripts:
        reading = reading_for(self.config, self.reading)
        return LiveScripts(lambda found: make_script(self.tokenizer, found, max_tokens, self.config, reading))


def require_max_tokens(max_tokens: int) -> None:
    """TypeError, ValueError: no number of tokens that a chunk may have."""
    require_whole("max_tokens", max_tokens)
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}; wanted at least 1.")
