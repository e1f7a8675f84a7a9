"""The inner loops, compiled by Numba.

Read in this order: elementwise, products, convolutions, attention, transformer, flow; tile, scratch, compiled; entries.
"""
