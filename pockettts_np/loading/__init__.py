"""Whole models and voices, from files and to files.

Read in this order: model_source, voice_making, voice, single_file, headers, own_voices, int8_cache.
"""
