"""Whole models and voices, from files and to files.

Read in this order: model_source, voice, voice_maker, single_file, headers, int8_cache.
"""
