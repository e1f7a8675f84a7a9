"""Whole models and voices, from files and to files.

Read in this order: model_source, voice_making, voice, single_file, headers, int8_cache.
"""
