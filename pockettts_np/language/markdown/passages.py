"""A text that comes in pieces, cut where no mark is left open; each passage loses its marks by itself."""


class Passages:
    """Takes the marks of Markdown and HTML out of a text in pieces; the cutting into pieces does not matter."""

    def feed(self, piece: str, last: bool = False) -> str:
        """The text as far as its marks are clear, all of it where this piece is the `last`."""
        return piece
