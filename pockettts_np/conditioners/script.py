"""What a model is given to speak: chunks in their manners and pauses, made of a text's prompts."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from ..config.config import Config
from ..language.pauses import Pause
from ..language.prompts import NO_GAPS, Gaps, Prompt, parts
from ..language.reading import Reading
from ..language.rules import Draft
from ..language.sentences import with_gaps
from .text import AS_REFERENCE, Chunk, NothingToSpeakError, chunks_of, prepare_text_prompt, spoken_draft
from .tokenizer.protocol import Tokenizer

logger = logging.getLogger(__name__)

MOST_TOKENS = 5000  # of a chunk that nothing cuts: minutes of speech, of which a model remembers a gigabyte
_TURN_SECONDS = 10  # of silence in one go


@dataclass(frozen=True, repr=False)
class Script:
    """A text made ready to be spoken.

    Attributes:
        text: as it was written, but for the pauses.
        parts: its chunks and pauses, in the order in which they are heard.
        drafts: what is said for its words, one for each prompt.
        marks: for each draft, the names of places in what was written.
    """

    text: str
    parts: tuple[Chunk | Pause, ...]
    drafts: tuple[Draft, ...] = ()
    marks: tuple[tuple[tuple[int, str], ...], ...] = ()

    def __repr__(self) -> str:
        return f"<Script: {len(self.chunks)} chunks, {len(self.parts) - len(self.chunks)} pauses>"

    @property
    def chunks(self) -> list[Chunk]:
        """The parts that are spoken."""
        return [part for part in self.parts if isinstance(part, Chunk)]

    @property
    def voices(self) -> list[str]:
        """The names of the voices that it needs beside the one that it is given."""
        return list(dict.fromkeys(chunk.manner.voice for chunk in self.chunks if chunk.manner.voice is not None))

    def in_turns(self) -> Iterator["Script"]:
        """The same in scripts of one chunk or some seconds of a pause: spoken one after another, they sound alike."""
        for part, following in zip(self.parts, [*self.parts[1:], None], strict=True):
            if isinstance(part, Pause):
                yield from (Script("", (piece,)) for piece in part.pieces(_TURN_SECONDS))
            else:  # which fades out before a pause
                yield Script(part.text, (part, Pause(Fraction(0))) if isinstance(following, Pause) else (part,))


def reading_for(config: Config, reading: Reading) -> Reading:
    """How a model reads: in its own language, and always in words where it learned nothing else."""
    reading = reading.of(config.name)
    return replace(reading, normalize=True) if config.text_front_end else reading


def script_of(
    tokenizer: Tokenizer,
    text: str,
    max_tokens: int,
    config: Config,
    reading: Reading,
    gaps: Gaps = NO_GAPS,
    ssml: bool = False,
) -> Script:
    """The script of a whole text, plain or of SSML. Errors as `parts`, `document_parts` and `make_script`."""
    reading = reading_for(config, reading)
    if not ssml:
        return make_script(tokenizer, with_gaps(parts(reading.unmarked(text)), gaps), max_tokens, config, reading)
    from ..language.ssml.document import document_parts  # only a document needs it

    return make_script(tokenizer, with_gaps(document_parts(text, reading), gaps), max_tokens, config, reading)


def make_script(
    tokenizer: Tokenizer,
    found: Iterable[Prompt | Pause],
    max_tokens: int,
    switches: Config,
    reading: Reading = AS_REFERENCE,
) -> Script:
    """The script of prompts and pauses. A prompt without anything to speak is left out, with a warning.

    NothingToSpeakError where there is no other part; ValueError for a chunk of more than MOST_TOKENS; other errors as
    `split_into_chunks`.
    """
    found = list(found)
    prompts = [part for part in found if isinstance(part, Prompt)]
    drafts: list[Draft] = []
    script: list[Chunk | Pause] = []
    for part in found:
        if isinstance(part, Pause):
            script.append(part)
            continue
        drafts.append(spoken_draft(part.draft(), switches, reading))
        chunks = _chunks(tokenizer, part, drafts[-1], max_tokens, switches)
        script += chunks
        if not chunks and len(found) > 1:
            logger.warning("Left out, as the model can read no character of it: %.50s", part.written)
    if not script:
        raise NothingToSpeakError
    text = " ".join(prompt.written for prompt in prompts)
    return Script(text, tuple(script), tuple(drafts), tuple(prompt.marks for prompt in prompts))


def _chunks(tokenizer: Tokenizer, prompt: Prompt, draft: Draft, max_tokens: int, switches: Config) -> list[Chunk]:
    """None where the model can read nothing of it."""
    try:
        chunks = chunks_of(tokenizer, draft, max_tokens, switches)
    except NothingToSpeakError:
        return []
    _require_speakable(chunks, max(max_tokens, MOST_TOKENS))
    return [replace(chunk, manner=prompt.manner) for chunk in chunks]


def require_script_of(tokenizer: Tokenizer, script: Script, switches: Config) -> None:
    """Raise NothingToSpeakError for a script of nothing, and ValueError for one that another tokenizer made."""
    if not script.parts:
        raise NothingToSpeakError
    for chunk in script.chunks[:1]:  # whose tokens tell
        prompt, _ = prepare_text_prompt(chunk.text, switches)
        if tuple(tokenizer.encode(prompt)) != chunk.ids:
            raise ValueError(
                f"The script belongs to another model: its tokens are not those of {chunk.text[:50]!r} here. "
                "Make it again with this model's script()."
            )


def _require_speakable(chunks: list[Chunk], most_tokens: int) -> None:
    for chunk in chunks:
        if len(chunk.ids) > most_tokens:
            raise ValueError(
                f"{len(chunk.ids)} tokens of the text have no punctuation to cut at, and {most_tokens} are the most "
                f"that can be spoken at once: {chunk.text[:50]}… Put in full stops."
            )
