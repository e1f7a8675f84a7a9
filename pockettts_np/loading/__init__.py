"""Whole models and voices, from files and to files.

Read in this order: model_source, voice, single_file, int8_cache.
"""
