"""Products of the rows of prompts by int8 weights, in integers.

Read in this order: rounding, products.
"""
