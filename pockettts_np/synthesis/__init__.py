"""The loop from a prompted state to sound.

Read in this order: utterance, passage, shared_steps, generation, options, noise, loudness; speech, live_text;
scripting.
"""
