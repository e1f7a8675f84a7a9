"""Speech over HTTP.

Read in this order: app, routes; requests, answers; guard, log; run, patience.
"""
