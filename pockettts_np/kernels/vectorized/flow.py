"""The flow net as one call."""

import numpy as np

from ..arguments import FlowWeights
from .elementwise import layer_norm, silu, standardize
from .products import scaled, shifted

_EPS = 1e-6  # of its norms


def flow_net(x: np.ndarray, condition: np.ndarray, w: FlowWeights, out: np.ndarray) -> None:
    """One evaluation of the AdaLN network: x [B, latent_dim], condition [B, h] -> out [B, latent_dim]; w: FlowWeights.

    Li et al. 2024, Autoregressive Image Generation without Vector Quantization, section 4.3; the blocks are
    x += gate · linear2(silu(linear1(norm(x) (1 + scale) + shift))), all modulations one product of silu(condition).
    """
    active = condition.copy()
    silu(active)
    h = shifted(x, w.in_proj, w.in_bias)
    normed = np.empty_like(h)
    for i in range(len(w.norm)):
        modulation = scaled(active, w.modulation[i], w.modulation_scale[i]) + w.modulation_bias[i]
        shift, scale, gate = np.split(modulation, 3, axis=1)
        layer_norm(h, w.norm[i, 0], w.norm[i, 1], _EPS, normed)
        hidden = scaled(normed * (1 + scale) + shift, w.linear1[i], w.scale1[i]) + w.bias1[i]
        silu(hidden)
        h += gate * (scaled(hidden, w.linear2[i], w.scale2[i]) + w.bias2[i])
    modulation = scaled(active, w.last_modulation, w.last_modulation_scale) + w.last_modulation_bias
    shift, scale = np.split(modulation, 2, axis=1)
    standardize(h, _EPS, normed)
    out[:] = shifted(normed * (1 + scale) + shift, w.out_proj, w.out_bias)
