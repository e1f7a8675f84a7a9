"""Written text to spoken text.

Read in this order: punctuation, pauses, sentences, clauses; normalize, rules, markup, english; tables, other_languages;
plain_letters.
"""
