"""Speech over HTTP.

Read in this order: app, openai, reference; body, form, answers, guard; run.
"""
