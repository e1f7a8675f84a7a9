"""Speech over HTTP.

Read in this order: app, routes; requests, answers; guard, metrics, log; run, patience.
"""
