"""The marks that texts are cut at, in the languages of the released models."""

SENTENCE_MARKS = ".!?…"  # end a sentence
CLAUSE_MARKS = ",;:"
DASHES = "-–—"
CLOSING_MARKS = "\"'”’)]»"  # may stand behind the mark that ends a sentence or a clause
