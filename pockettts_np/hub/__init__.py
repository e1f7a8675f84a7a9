"""Names to files on this disk: released models, their voices, and how they are fetched.

Read in this order: catalogue, voices, fetch, cache, http, request, download, errors.
"""
