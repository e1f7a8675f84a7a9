"""The networks: the language model, and the codec with its encoder and decoder.

Read in this order: flow_lm, transformer, team; mimi, seanet, source_filter.
"""
