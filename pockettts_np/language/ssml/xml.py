"""XML from strangers: elements and text in order, and nothing that grows, nests without end or reaches outside."""

from typing import NoReturn, Protocol
from xml.parsers import expat

MAX_DEPTH = 100  # of elements inside each other


class Handler(Protocol):
    """Who is told what is read. A ValueError that it raises is said of the place where it was read."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins; the names are without their prefixes."""

    def end(self, name: str) -> None:
        """It ends."""

    def text(self, text: str) -> None:
        """Text, of any length."""


def read_xml(document: str, handler: Handler) -> None:
    """Tell `handler` what is in a document.

    ValueError, with line and column: it is not well formed, has a document type or entities of its own, is nested too
    deep, or the handler refuses it.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    depth = 0

    def refuse(why: str) -> NoReturn:
        place = f"line {parser.CurrentLineNumber}, column {parser.CurrentColumnNumber + 1}"
        raise ValueError(f"The SSML cannot be read: {why} ({place}).")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            refuse(f"its elements are nested more than {MAX_DEPTH} deep")
        try:
            handler.start(_local(name), {_local(key): value for key, value in attributes.items()})
        except ValueError as error:
            refuse(str(error))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(_local(name))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = lambda *_: refuse("it has a document type (<!DOCTYPE …>), which is not allowed")
    try:
        parser.Parse(document.removeprefix("\ufeff").encode(), True)
    except UnicodeEncodeError:
        raise ValueError("The SSML cannot be read: it holds half of a surrogate pair; give whole characters.") from None
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, str(error))
        place = f"line {error.lineno}, column {error.offset + 1}"
        raise ValueError(f"The SSML cannot be read: {why} ({place}).") from None


def _local(name: str) -> str:
    return name.rpartition(":")[2]
