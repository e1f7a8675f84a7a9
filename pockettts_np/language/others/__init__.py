"""Numbers in words in the languages of the released models but English.

Read in this order: speller, language, romance, germanic, groups, hours, amounts, agreement, numerals, german.
"""
