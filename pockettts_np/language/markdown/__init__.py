"""Text with the marks of Markdown, Obsidian and HTML, as a person reads it.

Read in this order: passages.
"""
