"""What each path does.

Read in this order: speech, openai, reference, listen, lists, kept_voices, stream.
"""
