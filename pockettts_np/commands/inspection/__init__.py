"""The commands that say what there is, and how fast.

Read in this order: info, system, models, voices, cache, read, measure, bench.
"""
