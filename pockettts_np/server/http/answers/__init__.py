"""What is sent.

Read in this order: refusals, ranges, wrapping, speech.
"""
