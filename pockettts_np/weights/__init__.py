"""Tensors from files.

Read in this order: safetensors_file, storage, checkpoint, packing, training_names.
"""
