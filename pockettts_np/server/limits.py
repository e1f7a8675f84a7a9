"""What a server grants one caller, and the refusal that answers a request for more."""

from dataclasses import dataclass, field

from ..threads.cores import speeches_at_once


@dataclass(frozen=True)
class Limits:
    """Bounds on what callers can make the server hold or do."""

    n_workers: int = field(default_factory=speeches_at_once)  # speeches made at once
    n_waiting: int = 16  # requests that wait for one of them
    text_characters: int = 10_000
    whole_characters: int = 20_000  # of a text whose speech is held until all of it is made
    chunk_tokens: int = 150  # longest text without punctuation that is spoken in one go, as the model likes it
    upload_bytes: int = 20_000_000
    n_uploads: int = 4  # received at once
    body_seconds: float = 30.0  # for a whole request to arrive
    fetch_seconds: float = 20.0  # for the recording behind an address to arrive
    cached_voice_bytes: int = 256_000_000

    @property
    def text_body_bytes(self) -> int:
        """JSON may spell a character in twelve bytes; the rest is for the other fields."""
        return 12 * self.text_characters + 10_000


class Refusal(Exception):  # noqa: N818  # the server works: it is the request that cannot be served
    """Why a request gets no speech: a sentence, an HTTP status, OpenAI's code for it and the field at fault."""

    def __init__(
        self, status: int, sentence: str, code: str, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s


def refusal_of(error: Exception) -> Refusal | None:
    """The refusal that an error of speaking amounts to, or None where the fault is the program's."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, MemoryError):
        return Refusal(503, "There is not enough memory for this request.", "out_of_memory")
    if isinstance(error, ValueError):
        return Refusal(400, str(error), "invalid_value")
    if isinstance(error, OSError):
        return Refusal(503, str(error), "unavailable")
    return None


_JSON_KINDS = {int: "number", float: "number", bool: "truth value", dict: "table"}


def require_characters(text: object, param: str) -> str:
    """`text` as a string of characters. Refusal 400: it is none."""
    if text is None:
        raise Refusal(400, f"{param} is missing.", "missing_required_parameter", param)
    if not isinstance(text, str):
        kind = _JSON_KINDS.get(type(text), type(text).__name__)
        raise Refusal(400, f"{param} is a {kind}; wanted a string.", "invalid_type", param)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Refusal(400, f"{param} holds half of a surrogate pair; send whole characters.", "bad_text", param)
    return text
