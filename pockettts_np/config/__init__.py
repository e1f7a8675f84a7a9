"""What a model is: its sizes and switches, read from TOML or YAML and checked.

Read in this order: config, schema, load, tensors, parameter_count.
"""
