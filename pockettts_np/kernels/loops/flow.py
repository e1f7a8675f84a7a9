"""The flow net as one call."""

from .compiled import kernel
from .elementwise import ONE, copy, layer_norm, silu
from .products import matmul
from .scratch import ones, take, zeros
from .views import line, matrix


@kernel
def _modulated_norm(x, weight, bias, parts, out):
    """LayerNorm (eps 1e-6) followed by · (1 + scale) + shift, these two the first of each row of parts: [B, h]."""
    width = x.shape[1]
    layer_norm(x, weight, bias, 1e-6, out)
    for t in range(x.shape[0]):
        row, part = out[t], parts[t]
        for i in range(width):
            row[i] = row[i] * (ONE + part[width + i]) + part[i]


@kernel
def flow_net(x, condition, w, out, scratch):
    """One evaluation of the AdaLN network: x [B, latent_dim], condition [B, h] -> out [B, latent_dim]; w: FlowWeights.

    Li et al. 2024, Autoregressive Image Generation without Vector Quantization, section 4.3; the blocks are
    x += gate · linear2(silu(linear1(norm(x) (1 + scale) + shift))), all modulations one product of silu(condition).
    A row's result does not depend on the rows beside it.
    """
    n_rows, width = condition.shape
    unit_scale, scratch = ones(scratch, max(width, out.shape[1]))
    no_bias, scratch = zeros(scratch, width)
    active, scratch = take(scratch, n_rows, width)
    parts, scratch = take(scratch, n_rows, 3 * width)
    h, scratch = take(scratch, n_rows, width)
    normed, scratch = take(scratch, n_rows, width)
    hidden, scratch = take(scratch, n_rows, width)
    copy(condition, active)
    silu(line(active))
    matmul(x, w.in_proj, unit_scale, w.in_bias, h)
    for i in range(w.norm.shape[0]):
        matmul(active, w.modulation[i], w.modulation_scale[i], w.modulation_bias[i], parts)
        _modulated_norm(h, w.norm[i, 0], w.norm[i, 1], parts, normed)
        matmul(normed, w.linear1[i], w.scale1[i], w.bias1[i], hidden)
        silu(line(hidden))
        matmul(hidden, w.linear2[i], w.scale2[i], w.bias2[i], normed)
        for t in range(n_rows):
            row, update, gate = h[t], normed[t], parts[t, 2 * width :]
            for j in range(width):
                row[j] += gate[j] * update[j]
    shift_and_scale = matrix(parts, n_rows, 2 * width)
    matmul(active, w.last_modulation, w.last_modulation_scale, w.last_modulation_bias, shift_and_scale)
    _modulated_norm(h, unit_scale[:width], no_bias, shift_and_scale, normed)
    matmul(normed, w.out_proj, unit_scale, w.out_bias, out)
