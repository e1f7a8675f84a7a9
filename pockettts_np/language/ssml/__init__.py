"""Documents of SSML (W3C, Speech Synthesis Markup Language 1.1), as far as the models can follow them.

Read in this order: xml, attributes, say_as, document.
"""
