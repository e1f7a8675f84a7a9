"""The kernels, for the rest of the package to call.

Kernels trust their callers: shapes and dtypes are checked where data enters the package. Matrices [n_out, n_in] are
stored as `panels` [P, n_in, 32] of float32, bfloat16, float16 or int8; each output has a float32 `scale`, which carries
the quantisation step or the layer scale and is one elsewhere.
"""

from .loops.entries import ENTRIES

elu = ENTRIES["elu"]
silu = ENTRIES["silu"]
gelu = ENTRIES["gelu"]
layer_norm = ENTRIES["layer_norm"]
matmul = ENTRIES["matmul"]
dot_rows = ENTRIES["dot_rows"]
conv1d = ENTRIES["conv1d"]
conv1d_to_one = ENTRIES["conv1d_to_one"]
residual_block = ENTRIES["residual_block"]
rope = ENTRIES["rope"]
attention = ENTRIES["attention"]
transformer = ENTRIES["transformer"]
flow_net = ENTRIES["flow_net"]
