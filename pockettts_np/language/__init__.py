"""Written text to spoken text.

Read in this order: punctuation, pauses, prompts, sentences, clauses; rules, markup, markdown, lexicon, english, others,
reading; plain_letters; ssml.
"""
