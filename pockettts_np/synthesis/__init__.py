"""The loop from a prompted state to sound.

Read in this order: utterance, generation, noise, live_text.
"""
