"""Fetching what callers name.

Read in this order: addresses, fetch.
"""
