"""What a wheel requires."""

ALWAYS = ("numpy>=2.0", "safetensors>=0.4", "sentencepiece>=0.2", "soundfile>=0.13")
COMPILER = "numba>=0.61"  # of a wheel without libraries of kernels
