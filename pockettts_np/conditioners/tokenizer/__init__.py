"""Text to token ids and back, for the two formats that Pocket TTS models come with.

Read in this order: protocol, load, sentencepiece_model; hugging_face, steps, unigram, charsmap.
"""
