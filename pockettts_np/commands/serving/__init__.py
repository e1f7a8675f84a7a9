"""The commands that serve other programs.

Read in this order: serve, wyoming, service.
"""
