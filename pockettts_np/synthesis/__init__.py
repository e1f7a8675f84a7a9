"""The loop from a prompted state to sound.

Read in this order: utterance, generation, options, noise, live_text.
"""
