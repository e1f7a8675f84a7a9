"""The loops as a shared library, compiled when the package was built: no compiler is imported.

Read in this order: processor, library, entries.
"""
