"""When each word is spoken.

Read in this order: timestamps, alignment, letters, subtitles.
"""
