"""Speech over HTTP.

Read in this order: app, openai, reference; body, answers, guard; run.
"""
