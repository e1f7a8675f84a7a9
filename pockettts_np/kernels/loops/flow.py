"""The flow net as one call."""

from .compiled import kernel
from .elementwise import ONE, copy, layer_norm, silu
from .products import matmul
from .scratch import ones, take, zeros
from .views import matrix


@kernel
def _modulated_norm(x, weight, bias, shift, scale, out):
    """LayerNorm (eps 1e-6) followed by · (1 + scale) + shift: [1, h] and four vectors [h] -> [1, h]."""
    layer_norm(x, weight, bias, 1e-6, out)
    for i in range(out.size):
        out[0, i] = out[0, i] * (ONE + scale[i]) + shift[i]


@kernel
def flow_net(x, condition, w, out, scratch):
    """One evaluation of the AdaLN network: x [latent_dim], condition [h] -> out [latent_dim]; w: FlowWeights.

    Li et al. 2024, Autoregressive Image Generation without Vector Quantization, section 4.3; the blocks are
    x += gate · linear2(silu(linear1(norm(x) (1 + scale) + shift))), all modulations one product of silu(condition).
    """
    width = condition.size
    n_blocks = w.norm.shape[0]
    unit_scale, scratch = ones(scratch, max(width, out.size))
    no_bias, scratch = zeros(scratch, width)
    active, scratch = take(scratch, 1, width)
    parts, scratch = take(scratch, 3, width)
    h, scratch = take(scratch, 1, width)
    normed, scratch = take(scratch, 1, width)
    hidden, scratch = take(scratch, 1, width)
    copy(matrix(condition, 1, width), active)
    silu(active[0])
    matmul(matrix(x, 1, x.size), w.in_proj, unit_scale, w.in_bias, h)
    for i in range(n_blocks):
        matmul(active, w.modulation[i], w.modulation_scale[i], w.modulation_bias[i], matrix(parts, 1, 3 * width))
        _modulated_norm(h, w.norm[i, 0], w.norm[i, 1], parts[0], parts[1], normed)
        matmul(normed, w.linear1[i], w.scale1[i], w.bias1[i], hidden)
        silu(hidden[0])
        matmul(hidden, w.linear2[i], w.scale2[i], w.bias2[i], normed)
        for j in range(width):
            h[0, j] += parts[2, j] * normed[0, j]
    matmul(active, w.last_modulation, w.last_modulation_scale, w.last_modulation_bias, matrix(parts, 1, 2 * width))
    _modulated_norm(h, unit_scale[:width], no_bias, parts[0], parts[1], normed)
    matmul(normed, w.out_proj, unit_scale, w.out_bias, matrix(out, 1, out.size))
