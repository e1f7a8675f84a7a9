"""One step of a transformer by several threads, bit for bit as by one.

Read in this order: board, step.
"""
