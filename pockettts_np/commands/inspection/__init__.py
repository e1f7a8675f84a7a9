"""The commands that say what there is.

Read in this order: info, system, models, voices, cache.
"""
