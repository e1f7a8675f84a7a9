"""Text to the rows that the language model reads.

Read in this order: text, script, tokenizer, embedding.
"""
