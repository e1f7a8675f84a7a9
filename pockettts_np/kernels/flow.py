"""The flow net as one call."""

from typing import NamedTuple

import numpy as np

from .compiled import kernel
from .elementwise import ONE, layer_norm, silu
from .products import matmul


class FlowWeights(NamedTuple):
    """Weights of the flow net: n blocks `h` wide, stacked, and its first and last layer; matrices as panels."""

    in_proj: np.ndarray  # [P, latent_dim, 32]
    in_bias: np.ndarray  # [h]
    modulation: np.ndarray  # [n, P, h, 32] shift, scale and gate of each block
    modulation_scale: np.ndarray  # [n, 3 h]
    modulation_bias: np.ndarray  # [n, 3 h]
    last_modulation: np.ndarray  # [P, h, 32] shift and scale before the last layer
    last_modulation_scale: np.ndarray  # [2 h]
    last_modulation_bias: np.ndarray  # [2 h]
    norm: np.ndarray  # [n, 2, h] weight, bias
    linear1: np.ndarray  # [n, P, h, 32]
    scale1: np.ndarray  # [n, h]
    bias1: np.ndarray  # [n, h]
    linear2: np.ndarray  # [n, P, h, 32]
    scale2: np.ndarray  # [n, h]
    bias2: np.ndarray  # [n, h]
    out_proj: np.ndarray  # [P, h, 32]
    out_bias: np.ndarray  # [latent_dim]


@kernel
def _modulated_norm(x, weight, bias, shift, scale, out):
    """LayerNorm (eps 1e-6) followed by · (1 + scale) + shift: [1, h] and four vectors [h] -> [1, h]."""
    layer_norm(x, weight, bias, 1e-6, out)
    for i in range(out.size):
        out[0, i] = out[0, i] * (ONE + scale[i]) + shift[i]


@kernel
def flow_net(x, condition, w, out):
    """One evaluation of the AdaLN network: x [latent_dim], condition [h] -> out [latent_dim]; w: FlowWeights.

    Li et al. 2024, Autoregressive Image Generation without Vector Quantization, section 4.3; the blocks are
    x += gate · linear2(silu(linear1(norm(x) (1 + scale) + shift))), all modulations one product of silu(condition).
    """
    width = condition.size
    n_blocks = w.norm.shape[0]
    unit_scale = np.ones(max(width, out.size), np.float32)
    active = condition.copy()
    silu(active)
    active = active.reshape(1, -1)
    parts = np.empty((3, width), np.float32)
    h = np.empty((1, width), np.float32)
    normed = np.empty((1, width), np.float32)
    hidden = np.empty((1, width), np.float32)
    matmul(x.reshape(1, -1), w.in_proj, unit_scale, w.in_bias, h)
    for i in range(n_blocks):
        matmul(active, w.modulation[i], w.modulation_scale[i], w.modulation_bias[i], parts.reshape(1, -1))
        _modulated_norm(h, w.norm[i, 0], w.norm[i, 1], parts[0], parts[1], normed)
        matmul(normed, w.linear1[i], w.scale1[i], w.bias1[i], hidden)
        silu(hidden[0])
        matmul(hidden, w.linear2[i], w.scale2[i], w.bias2[i], normed)
        for j in range(width):
            h[0, j] += parts[2, j] * normed[0, j]
    matmul(active, w.last_modulation, w.last_modulation_scale, w.last_modulation_bias, parts[:2].reshape(1, -1))
    _modulated_norm(h, unit_scale[:width], np.zeros(width, np.float32), parts[0], parts[1], normed)
    matmul(normed, w.out_proj, unit_scale, w.out_bias, out.reshape(1, -1))
