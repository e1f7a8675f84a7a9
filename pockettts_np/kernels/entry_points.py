"""The kernels, for the rest of the package to call.

Kernels trust their callers: shapes and dtypes are checked where data enters the package. Matrices [n_out, n_in] are
stored as `panels` [P, n_in, 32] of float32, bfloat16, float16 or int8; each output has a float32 `scale`, which carries
the quantisation step or the layer scale and is one elsewhere.
"""

from .ways import way

_kernels = way().kernels

elu = _kernels["elu"]
silu = _kernels["silu"]
gelu = _kernels["gelu"]
layer_norm = _kernels["layer_norm"]
matmul = _kernels["matmul"]
dot_rows = _kernels["dot_rows"]
conv1d = _kernels["conv1d"]
conv1d_to_one = _kernels["conv1d_to_one"]
residual_block = _kernels["residual_block"]
rope = _kernels["rope"]
attention = _kernels["attention"]
transformer = _kernels["transformer"]
prompt = _kernels["prompt"]
transformer_rows = _kernels["transformer_rows"]
transformer_lead = _kernels["transformer_lead"]
transformer_assist = _kernels["transformer_assist"]
flow_net = _kernels["flow_net"]
