"""Written text to spoken text.

Read in this order: punctuation, markdown, pauses, sentences, clauses; rules, reading, lexicon, markup, english, others; plain_letters.
"""
