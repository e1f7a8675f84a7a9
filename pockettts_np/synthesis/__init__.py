"""The loop from a prompted state to sound.

Read in this order: generation, noise, live_text.
"""
