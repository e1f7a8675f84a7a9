"""The inner loops, compiled by Numba.

Read in this order: elementwise, products, convolutions, attention, transformer, flow; scratch, views, tile, compiled;
entries.
"""
