"""Written text to spoken text.

Read in this order: punctuation, pauses, sentences, clauses; normalize, english, rules, markup, other_languages; plain_letters.
"""
