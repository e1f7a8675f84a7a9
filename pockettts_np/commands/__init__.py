"""The command line, one module a command.

Read in this order: generate, batch, cluster, export_voice, quantize, bundle, download, warmup; inspection; serving;
terminal.
"""
