"""Every inner loop, three ways to run it, and the layout of its data.

Read in this order: panels, arguments, scratch, vectors, loops, vectorized, signatures, prebuilt; sources, places;
ways, entry_points.
"""
