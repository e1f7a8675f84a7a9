"""From a text to the chunks that the model speaks one at a time.

The models learned from single sentences, so a long text is cut at sentence ends and the sentences are grouped
into chunks of a limited number of tokens. The rules, their order included, are those of pocket-tts 4.0.1, but for
models whose configuration asks for shorter chunks (`one_sentence_per_chunk`, `max_clause_words`).
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from ..config.config import Config
from ..language.clauses import cut_long_clauses, cut_repetitions
from ..language.pauses import AS_IT_IS, Manner
from ..language.punctuation import CLAUSE_MARKS, CLOSING_MARKS, DASHES, SENTENCE_MARKS
from ..language.reading import Reading
from ..language.rules import Draft
from .tokenizer.protocol import Tokenizer

logger = logging.getLogger(__name__)

MAX_TOKENS_PER_CHUNK = 50
AS_REFERENCE = Reading()

_WEAK_MARKS = CLAUSE_MARKS + DASHES
_STRAY_AFTER_SENTENCE = re.compile(rf"([{SENTENCE_MARKS}])\s*[{CLAUSE_MARKS}]")
_SENTENCE_CUTS = ".!...?"  # its tokens, but for the first, which may be joined with a space mark, are cut at
_FEW_WORDS = 4  # up to so many words, the end of speech is spoken out for longer
_PADDING = " " * 8


class NothingToSpeakError(ValueError):
    """What is raised for a text that has nothing to speak, so that a caller who has more of it can go on."""

    def __init__(self) -> None:
        super().__init__("There is nothing to speak: the text has no character that this model can read.")


def prepare_text_prompt(text: str, switches: Config) -> tuple[str, int]:
    """The text as the model was taught to read it, and how many frames to go on after the end of speech.

    `switches` are the text switches of the model's configuration. NothingToSpeakError when nothing is left.
    """
    text = text.strip()
    if switches.replace_characters:
        replaced = text.translate({ord(old): new for old, new in switches.replace_characters})
        text = " ".join(replaced.split())
        # A deleted quote leaves 'Hi?", she said' as 'Hi?, she said': a sentence end and a stray comma.
        text = _STRAY_AFTER_SENTENCE.sub(r"\1", text)
    if not text:
        raise NothingToSpeakError
    text = text.replace("\n", " ").replace("\r", " ").replace("  ", " ")
    if switches.remove_semicolons:
        text = text.replace(";", ",")
    n_words = len(text.split())
    if switches.capitalize_first_letter and not text[0].isupper():
        text = text[0].upper() + text[1:]
    if switches.append_terminal_punctuation:
        text = _with_sentence_end(text)
    if switches.pad_with_spaces_for_short_inputs and len(text.split()) <= _FEW_WORDS:
        text = _PADDING + text
    return text, 3 if n_words <= _FEW_WORDS else 1


def _with_sentence_end(text: str) -> str:
    """`text` ending as a sentence, looking through closing quotes and brackets."""
    core = text.rstrip(CLOSING_MARKS + " ")
    if not core or core[-1] in SENTENCE_MARKS:
        return text
    if core[-1] in _WEAK_MARKS:
        return core.rstrip(_WEAK_MARKS + " ") + "." + text[len(core) :].strip()
    return text + "."


@dataclass(frozen=True)
class Chunk:
    """What the model speaks in one go, from a fresh copy of the voice.

    Attributes:
        text: the piece of the text, as it was cut.
        ids: the tokens of the prompt that the model reads.
        frames_after_eos: frames of 80 ms to go on after the end of speech, by the length of the text.
        manner: in which it is spoken.
    """

    text: str
    ids: tuple[int, ...]
    frames_after_eos: int
    manner: Manner = AS_IT_IS


def split_into_chunks(tokenizer: Tokenizer, text: str, max_tokens: int, switches: Config) -> list[Chunk]:
    """The chunks of `text`, each of at most `max_tokens` tokens where punctuation lets it be cut so short.

    A longer one is kept whole, with a warning. NothingToSpeakError, or ValueError for `max_tokens` < 1.
    """
    return chunks_of(tokenizer, spoken_draft(Draft(text), switches), max_tokens, switches)


def chunks_of(tokenizer: Tokenizer, draft: Draft, max_tokens: int, switches: Config) -> list[Chunk]:
    """As `split_into_chunks`, of what `spoken_draft` gives."""
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}; a chunk needs at least one token.")
    text = _whole_prompt(draft.text, switches)
    texts = _chunk_texts(tokenizer, tokenizer.encode(text), max_tokens, switches)
    chunks = [_chunk(tokenizer, chunk, max_tokens, switches) for chunk in texts if chunk]
    if not chunks:
        raise NothingToSpeakError
    return chunks


def _chunk(tokenizer: Tokenizer, text: str, max_tokens: int, switches: Config) -> Chunk:
    prompt, frames_after_eos = prepare_text_prompt(text, switches)
    chunk = Chunk(text, tuple(tokenizer.encode(prompt)), frames_after_eos)
    n_tokens = len(chunk.ids)
    if n_tokens > max_tokens and prompt != text:  # what the prompt adds is not the text's
        n_tokens = len(tokenizer.encode(text))
    if n_tokens > max_tokens:
        logger.warning(
            "A chunk of %d tokens (wanted %d at most) has no punctuation to cut at; words may be skipped: %.50s…",
            n_tokens,
            max_tokens,
            text,
        )
    return chunk


def count_tokens(tokenizer: Tokenizer, text: str, switches: Config, reading: Reading = AS_REFERENCE) -> int:
    """The length of `text` as one chunk; 0 where there is nothing to speak."""
    try:
        return len(tokenizer.encode(_whole_prompt(spoken_draft(Draft(text), switches, reading).text, switches)))
    except NothingToSpeakError:
        return 0


def spoken_draft(draft: Draft, switches: Config, reading: Reading = AS_REFERENCE) -> Draft:
    """A text of any length as it is read, in the letters that the model learned."""
    reading.write(draft)
    if switches.text_front_end == "english":
        from ..language.english.front_end import spell_out
        from ..language.plain_letters import write_plainly

        if not reading.normalize:
            spell_out(draft)
        write_plainly(draft)
    return draft


def _whole_prompt(text: str, switches: Config) -> str:
    return prepare_text_prompt(text, switches)[0].strip()


Segment = tuple[int, str]  # number of tokens, and their text


def _chunk_texts(tokenizer: Tokenizer, ids: list[int], max_tokens: int, switches: Config) -> Iterator[str]:
    sentences = [_in_clauses(tokenizer, sentence, max_tokens) for sentence in _sentences(tokenizer, ids)]
    groups = sentences if switches.one_sentence_per_chunk else [list(chain.from_iterable(sentences))]
    for group in groups:
        for chunk in _packed(group, max_tokens):
            for piece in cut_repetitions(chunk) if switches.one_sentence_per_chunk else [chunk]:
                yield from cut_long_clauses(piece, switches.max_clause_words) if switches.max_clause_words else [piece]


def _in_clauses(tokenizer: Tokenizer, sentence: Segment, max_tokens: int) -> list[Segment]:
    """The clauses of a sentence of more than `max_tokens`, if it has several; else the sentence."""
    n_tokens, text = sentence
    if n_tokens <= max_tokens:
        return [sentence]
    ids = tokenizer.encode(text.strip())
    return _decoded(tokenizer, ids, _cuts(ids, set(tokenizer.encode(CLAUSE_MARKS)[1:])))


def _sentences(tokenizer: Tokenizer, ids: list[int]) -> list[Segment]:
    cuts = _cuts(ids, set(tokenizer.encode(_SENTENCE_CUTS)[1:]))
    return _decoded(tokenizer, ids, [cut for cut in cuts if not _is_in_number(tokenizer, ids, cut)])


def _cuts(ids: list[int], marks: set[int]) -> list[int]:
    """Where a run of `marks` has just ended and something follows."""
    return [i for i in range(1, len(ids)) if ids[i - 1] in marks and ids[i] not in marks]


def _decoded(tokenizer: Tokenizer, ids: list[int], cuts: list[int]) -> list[Segment]:
    bounds = [0, *cuts, len(ids)]
    return [(end - begin, tokenizer.decode(ids[begin:end])) for begin, end in pairwise(bounds)]


def _is_in_number(tokenizer: Tokenizer, ids: list[int], cut: int) -> bool:
    """Whether the text around `cut` is a digit, a point, and then another digit."""
    before = _text_before(tokenizer, ids, cut)
    if len(before) < 2 or before[-1] != "." or not before[-2].isdigit():
        return False
    return _text_after(tokenizer, ids, cut)[:1].isdigit()


def _text_before(tokenizer: Tokenizer, ids: list[int], end: int) -> str:
    """The end of the text of `ids[:end]`: two characters or more, if it has them.

    Only a few tokens are decoded, so that a text of any length takes linear time. Decoders treat the first token
    apart and runs of byte tokens as one: so two characters must come after the first, and no run is cut.
    """
    n_tokens = 8
    while True:
        begin = max(0, end - n_tokens)
        while begin > 0 and tokenizer.is_byte(ids[begin]):
            begin -= 1
        text = tokenizer.decode(ids[begin:end])
        if begin == 0 or len(text) >= len(tokenizer.decode(ids[begin : begin + 1])) + 2:
            return text
        n_tokens *= 2


def _text_after(tokenizer: Tokenizer, ids: list[int], begin: int) -> str:
    """The beginning of the text of `ids[begin:]`: one character or more, if it has them."""
    n_tokens = 4
    while True:
        end = min(len(ids), begin + n_tokens)
        while end < len(ids) and tokenizer.is_byte(ids[end]):
            end += 1
        text = tokenizer.decode(ids[begin:end])
        if text or end == len(ids):
            return text
        n_tokens *= 2


def _packed(segments: list[Segment], max_tokens: int) -> list[str]:
    """Segments joined by a space as long as a chunk stays within `max_tokens`, each chunk stripped."""
    chunks: list[str] = []
    current: list[str] = []
    n_current = 0
    for n_tokens, text in segments:
        if any(current) and n_current + n_tokens <= max_tokens:
            current.append(text)
            n_current += n_tokens
        else:
            chunks.append(" ".join(current).strip())
            current, n_current = [text], n_tokens
    chunks.append(" ".join(current).strip())
    return chunks
