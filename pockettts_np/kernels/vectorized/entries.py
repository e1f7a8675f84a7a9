"""Every inner loop of the package, for Python to call."""

from collections.abc import Callable

import numpy as np

from . import attention, convolutions, elementwise, flow, products, transformer

ENTRIES: dict[str, Callable[..., None]] = {
    "elu": elementwise.elu,
    "silu": elementwise.silu,
    "gelu": elementwise.gelu,
    "layer_norm": elementwise.layer_norm,
    "matmul": products.matmul,
    "dot_rows": products.dot_rows,
    "conv1d": convolutions.conv1d,
    "conv1d_to_one": convolutions.conv1d_to_one,
    "residual_block": convolutions.residual_block,
    "rope": attention.rope,
    "attention": attention.attention,
    "transformer": transformer.transformer,
    "prompt": transformer.prompt,
    "transformer_rows": transformer.transformer_rows,
    "transformer_lead": transformer.transformer_lead,
    "transformer_assist": transformer.transformer_assist,
    "flow_net": flow.flow_net,
}

DETAIL = f"NumPy {np.__version__}"
