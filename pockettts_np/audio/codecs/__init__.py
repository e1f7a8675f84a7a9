"""Compressed sound, through the libraries that make it.

Read in this order: libsndfile, aac.
"""
