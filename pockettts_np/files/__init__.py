"""Files on this disk and in memory, however they are used.

Read in this order: memory, writing, locks, usage, sockets.
"""
