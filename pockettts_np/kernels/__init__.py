"""Every compiled loop of the package, for Python to call.

Kernels trust their callers: shapes and dtypes are checked where data enters the package. How they are compiled and kept
is in `jit`. Matrices [n_out, n_in] are stored as panels [P, n_in, 32] of float32, bfloat16, float16 or int8 (see
`simd`); each output has a float32 `scale`, which carries the quantisation step or the layer scale and is one elsewhere.
"""

from ..jit import entry
from . import convolutions, elementwise, flow, products, transformers
from .flow import FlowWeights
from .transformers import StackWeights

__all__ = [
    "FlowWeights",
    "StackWeights",
    "attention",
    "conv1d",
    "conv1d_to_one",
    "dot_rows",
    "elu",
    "flow_net",
    "gelu",
    "layer_norm",
    "matmul",
    "residual_block",
    "rope",
    "silu",
    "transformer",
]

elu = entry(elementwise.elu)
silu = entry(elementwise.silu)
gelu = entry(elementwise.gelu)
layer_norm = entry(elementwise.layer_norm)
matmul = entry(products.matmul)
dot_rows = entry(products.dot_rows)
conv1d = entry(convolutions.conv1d)
conv1d_to_one = entry(convolutions.conv1d_to_one)
residual_block = entry(convolutions.residual_block)
rope = entry(transformers.rope)
attention = entry(transformers.attention)
transformer = entry(transformers.transformer)
flow_net = entry(flow.flow_net)
