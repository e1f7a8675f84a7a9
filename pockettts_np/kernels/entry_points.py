"""Every compiled loop of the package, for Python to call.

Kernels trust their callers: shapes and dtypes are checked where data enters the package. How they are compiled and kept
is in `compiled`. Matrices [n_out, n_in] are stored as `panels` [P, n_in, 32] of float32, bfloat16, float16 or int8;
each output has a float32 `scale`, which carries the quantisation step or the layer scale and is one elsewhere.
"""

from . import attention as _attention
from . import convolutions, elementwise, flow, products
from . import transformer as _transformer
from .compiled import entry

elu = entry(elementwise.elu)
silu = entry(elementwise.silu)
gelu = entry(elementwise.gelu)
layer_norm = entry(elementwise.layer_norm)
matmul = entry(products.matmul)
dot_rows = entry(products.dot_rows)
conv1d = entry(convolutions.conv1d)
conv1d_to_one = entry(convolutions.conv1d_to_one)
residual_block = entry(convolutions.residual_block)
rope = entry(_attention.rope)
attention = entry(_attention.attention)
transformer = entry(_transformer.transformer)
flow_net = entry(flow.flow_net)
