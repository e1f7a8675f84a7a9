"""English text with numbers, dates, money and abbreviations in words.

Read in this order: front_end, numbers, dates, measures, words, vocabulary.
"""
