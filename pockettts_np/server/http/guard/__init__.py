"""Who may ask.

Read in this order: access, guard.
"""
