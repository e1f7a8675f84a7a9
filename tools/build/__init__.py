"""Building the package: the kernels compiled beforehand, and wheels that say what they need."""
