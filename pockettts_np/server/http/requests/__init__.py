"""What a request holds.

Read in this order: body, form, fields, reading, spoken.
"""
