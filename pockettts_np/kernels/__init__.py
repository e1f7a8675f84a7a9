"""Every compiled loop, and the layout of its data.

Read in this order: panels, elementwise, products, convolutions, attention, transformer, flow; tile, places, compiled;
entry_points.
"""
