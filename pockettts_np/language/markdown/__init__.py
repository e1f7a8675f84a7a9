"""Texts with the marks of Markdown, Obsidian and HTML, as a person reads them.

Read in this order: inline, lines, passages.
"""
