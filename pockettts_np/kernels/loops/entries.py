"""Every compiled loop of the package, for Python to call. How they are compiled and kept is in `compiled`."""

import numba

from ..scratch import with_scratch
from . import attention as _attention
from . import convolutions, elementwise, flow, products
from . import transformer as _transformer
from .compiled import entry
from .team import step

KERNELS = {
    "elu": elementwise.elu,
    "silu": elementwise.silu,
    "gelu": elementwise.gelu,
    "layer_norm": elementwise.layer_norm,
    "matmul": products.matmul,
    "dot_rows": products.dot_rows,
    "conv1d": convolutions.conv1d,
    "conv1d_to_one": convolutions.conv1d_to_one,
    "residual_block": convolutions.residual_block,
    "rope": _attention.rope,
    "attention": _attention.attention,
    "transformer": _transformer.transformer,
    "prompt": _transformer.prompt,
    "transformer_rows": _transformer.transformer_rows,
    "transformer_lead": step.transformer_lead,
    "transformer_assist": step.transformer_assist,
    "flow_net": flow.flow_net,
}

DETAIL = f"numba {numba.__version__}"
ENTRIES = {name: with_scratch(name, entry(kernel)) for name, kernel in KERNELS.items()}
