"""English text with numbers, dates, money and abbreviations in words.

Read in this order: front_end, numbers, codes, dates, measures, words, symbols; context, vocabulary.
"""
