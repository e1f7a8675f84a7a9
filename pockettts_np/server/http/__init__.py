"""Speech over HTTP.

Read in this order: app, openai, reference; body, form, answers; access, guard, log; run, patience.
"""
