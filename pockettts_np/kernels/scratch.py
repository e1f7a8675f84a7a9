"""How much working memory a kernel needs, in float32 numbers: the caller allocates it for each call.

Each function takes the arguments of the kernel of its name. What a kernel takes is in its source in `loops`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .arguments import FlowWeights, StackWeights
from .panels import PANEL

TEAM_COLUMNS = 8 * PANEL  # of a product that a thread of a team takes at a time
STEP_INPUTS = 32  # of a row of a prompt that are rounded to integers with one step
RESIDUAL_BLOCK = 64  # rows of a residual block that go through it together, so that they stay in the cache


def _attention(n_new: int, dim: int, n_rows: int, context: int) -> int:
    n_scores = -(-(n_rows + n_new) // PANEL) * PANEL - max(0, n_rows + 1 - context) // PANEL * PANEL
    return n_new * (2 * dim + n_scores) + 2 * max(n_scores, dim)


def _attention_scratch(q: np.ndarray, k: np.ndarray, v: np.ndarray, n_rows: int, context: int, out: np.ndarray) -> int:
    return _attention(len(q), q.shape[2], n_rows, context)


def _transformer_scratch(
    x: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    n_rows: int,
    position: int,
    context: int,
    inv_freq: np.ndarray,
    w: StackWeights,
) -> int:
    n_new, width = x.shape
    widths = width, w.in_scale.shape[1], w.scale1.shape[1]
    row = 2 * width + 2 * w.out_proj.shape[2] + widths[1] + widths[2]
    return n_new * row + max(widths) + _attention(n_new, keys.shape[3], n_rows, context)


def integers_size(n_rows: int, n_in: int) -> int:
    """Of rows [n_rows, n_in] rounded to integers: four in the place of a number, and a step and an offset for 32."""
    return n_rows * -(-n_in // STEP_INPUTS) * (STEP_INPUTS // 4 + 2)


def _prompt_scratch(
    x: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    n_rows: int,
    position: int,
    context: int,
    inv_freq: np.ndarray,
    w: StackWeights,
    has_dot: int,
) -> int:
    most = max(x.shape[1], w.out_proj.shape[2], w.scale1.shape[1])
    return _transformer_scratch(x, keys, values, n_rows, position, context, inv_freq, w) + integers_size(len(x), most)


def _transformer_rows_scratch(
    x: np.ndarray, caches: np.ndarray, like: np.ndarray, context: int, inv_freq: np.ndarray, w: StackWeights
) -> int:
    n_rows, width = x.shape
    widths = width, w.in_scale.shape[1], w.scale1.shape[1]
    row = 2 * width + w.out_proj.shape[2] + widths[1] + widths[2]
    of_one = max(_attention(1, like.shape[3], n_filled, context) for n_filled in caches[:, 3].tolist())
    return n_rows * row + w.out_proj.shape[2] + max(widths) + of_one


def _team_scratch(
    x: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    n_rows: int,
    position: int,
    context: int,
    inv_freq: np.ndarray,
    w: StackWeights,
    shared: np.ndarray,
) -> int:
    return TEAM_COLUMNS + _attention(1, keys.shape[3], n_rows, context)


def _flow_net_scratch(x: np.ndarray, condition: np.ndarray, w: FlowWeights, out: np.ndarray) -> int:
    n_rows, width = condition.shape
    return max(width, out.shape[1]) + width + n_rows * 7 * width


def _convolution(previous: np.ndarray, x: np.ndarray, dilation: int, n_windows: int, n_inputs: int) -> int:
    unfolded = n_windows * n_inputs if dilation > 1 else 0
    return previous.size + x.size + unfolded


def _conv1d_scratch(
    previous: np.ndarray,
    x: np.ndarray,
    stride: int,
    dilation: int,
    w: np.ndarray,
    scale: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
) -> int:
    return _convolution(previous, x, dilation, len(out), w.shape[1])


def _residual_block_scratch(
    previous: np.ndarray,
    x: np.ndarray,
    dilation: int,
    w1: np.ndarray,
    bias1: np.ndarray,
    w2: np.ndarray,
    bias2: np.ndarray,
) -> int:
    widths = bias1.size, bias2.size
    return _convolution(previous, x, dilation, len(x), w1.shape[1]) + RESIDUAL_BLOCK * sum(widths) + max(widths)


_SIZES: dict[str, Callable[..., int]] = {
    "attention": _attention_scratch,
    "transformer": _transformer_scratch,
    "prompt": _prompt_scratch,
    "transformer_rows": _transformer_rows_scratch,
    "transformer_lead": _team_scratch,
    "transformer_assist": _team_scratch,
    "flow_net": _flow_net_scratch,
    "conv1d": _conv1d_scratch,
    "residual_block": _residual_block_scratch,
}


def with_scratch(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a name, which brings its scratch along where it needs any."""
    size = _SIZES.get(name)
    if size is None:
        return kernel

    def call(*args: Any) -> None:
        kernel(*args, np.empty(size(*args), np.float32))

    return call
