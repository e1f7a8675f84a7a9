"""Written text to spoken text.

Read in this order: punctuation, pauses, sentences, clauses; normalize, rules, markup, english, others; plain_letters.
"""
