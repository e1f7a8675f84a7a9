"""The loop from a prompted state to sound.

Read in this order: utterance, generation, options, noise, loudness; speech, live_text; scripting.
"""
