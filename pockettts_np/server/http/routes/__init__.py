"""What each path does.

Read in this order: openai, reference, listen, lists, stream.
"""
