"""Work for threads: how many there are for it, and how it is shared out among them.

Read in this order: cores, pool, wavefront, balance, pipeline, relay.
"""
