"""The inner loops, compiled by Numba.

Read in this order: elementwise, products, integers, convolutions, attention, transformer, team, flow; scratch, views,
tile, compiled; entries.
"""
