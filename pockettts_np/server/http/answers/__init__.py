"""What is sent.

Read in this order: refusals, speech.
"""
