"""What the commands share: options, where text comes from and sound goes, what is shown.

Read in this order: options, speaking, standard_input, output, progress, session.
"""
