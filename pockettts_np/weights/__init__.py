"""Tensors from files.

Read in this order: safetensors_file, checkpoint, storage, training_names.
"""
