"""The inner loops as whole-array NumPy, for where neither a library nor a compiler is.

Read in this order: elementwise, products, convolutions, attention, transformer, flow; entries.
"""
