"""Forms taken apart: in one pass over a body that is whole and known not to be too large."""

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value
from urllib.parse import parse_qsl

from ...limits import Refusal

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MAX_FIELDS = 20
MAX_FILES = 1
_MAX_HEAD_BYTES = 4_000  # of a part


@dataclass(frozen=True)
class UploadedFile:
    """A file of a form."""

    name: str
    content: bytes


Form = dict[str, str | UploadedFile]  # of fields with the same name, the last


def media_type(content_type: str) -> tuple[str, str]:
    """The type in a Content-Type header, in small letters, and its boundary; '' for what is not there.

    Refusal 400: the header is too long.
    """
    if len(content_type) > _MAX_HEAD_BYTES:
        raise _unreadable(f"Its Content-Type is longer than {_MAX_HEAD_BYTES} characters")
    header = _headers(f"content-type: {content_type}")
    return content_type.partition(";")[0].strip().lower(), str(header.get_param("boundary") or "")


def urlencoded_form(body: bytearray) -> Form:
    """The fields of a form without files. Refusal: 400 too many, or not UTF-8."""
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise _unreadable("It is not UTF-8") from None
    except ValueError:
        raise _unreadable(f"Too many fields; wanted at most {MAX_FIELDS}") from None
    return {name: _as_typed(value) for name, value in fields}


def multipart_form(body: bytearray, boundary: str, max_field_bytes: int) -> Form:
    """The fields and the files of a form (RFC 7578). Refusal: 400 no such form, 413 a field is too large."""
    if not boundary:
        raise _unreadable("Missing boundary in its Content-Type")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    preamble, *parts = body.split(delimiter, MAX_FIELDS + MAX_FILES + 1)
    if preamble.startswith(delimiter[2:]):  # as nearly always: the line end before it is missing
        parts.insert(0, preamble[len(delimiter) - 2 :])
    del preamble
    if not parts:
        raise _unreadable("Its boundary does not occur")
    form: Form = {}
    n_files = n_fields = 0
    for part in parts:
        if part.startswith(b"--"):
            return form
        name, file_name, content = _taken_apart(part)
        if file_name is None:
            n_fields += 1
            form[name] = _field(name, content, max_field_bytes)
        else:
            n_files += 1
            form[name] = UploadedFile(file_name, bytes(content))
        if n_fields > MAX_FIELDS:
            raise _unreadable(f"Too many fields; wanted at most {MAX_FIELDS}")
        if n_files > MAX_FILES:
            raise _unreadable(f"Too many files; wanted at most {MAX_FILES}")
    raise Refusal(400, "The form is cut short: its last boundary is missing.", "invalid_form")


def _taken_apart(part: bytearray) -> tuple[str, str | None, bytearray]:
    """The name of a part, the name of its file if it is one, and its content."""
    head, blank_line, content = part.partition(b"\r\n\r\n")
    if not blank_line or len(head) > _MAX_HEAD_BYTES:
        raise _unreadable("The headers of a part are missing, cut short or too long")
    headers = _headers(head.decode("utf-8", "replace").strip())
    name = headers.get_param("name", header="content-disposition")
    if name is None:
        raise _unreadable('A part has no Content-Disposition with a "name"')
    return collapse_rfc2231_value(name), headers.get_filename(), content


def _field(name: str, content: bytearray, max_bytes: int) -> str:
    if len(content) > max_bytes:
        sentence = f"The field {name[:100]!r} has {len(content)} bytes; wanted at most {max_bytes}."
        raise Refusal(413, sentence, "request_too_large", name[:100])
    try:
        return _as_typed(content.decode())
    except UnicodeDecodeError:
        raise _unreadable(f"The field {name[:100]!r} is not UTF-8") from None


def _as_typed(text: str) -> str:
    """A text with the line ends that its writer saw: browsers send two characters for each."""
    return text.replace("\r\n", "\n")


def _headers(lines: str) -> Message:
    return HeaderParser().parsestr(lines)


def _unreadable(why: str) -> Refusal:
    return Refusal(400, f"The form cannot be read: {why}.", "invalid_form")
