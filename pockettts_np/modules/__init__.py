"""The layers that models are made of.

Read in this order: linear, norm, conv, attention, mlp.
"""
