"""SEANet: the convolutional encoder and decoder of the codec (Tagliasacchi et al. 2020; Défossez et al. 2024, Mimi).

Both are a plain sequence of layers; ELU stands before every convolution but the first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..config.config import SEANetConfig
from ..kernels import entry_points as kernels
from ..kernels.panels import of_one_kind
from ..modules.conv import Conv1d, Conv1dToOne, ConvState, ConvTranspose1d, Windows
from ..modules.linear import Linear
from ..weights.checkpoint import Weights

ELU_WORK = 32  # multiply-adds in the time of one ELU, as measured


@dataclass(frozen=True, eq=False, repr=False)
class ResidualBlock:
    """x + last(elu(conv(elu(x)))): a dilated convolution, then one of kernel 1."""

    conv: Conv1d
    last: Linear

    @classmethod
    def load(cls, w: Weights, width: int, dilation: int, config: SEANetConfig) -> "ResidualBlock":
        hidden = width // config.compress
        windows = Windows(width, config.residual_kernel_size, 1, dilation, config.pad_mode == "replicate")
        conv = Conv1d.load(w.scope("block.1.conv"), windows, hidden)
        last = Conv1d.load(w.scope("block.3.conv"), Windows(hidden, 1), width).product
        one, two = of_one_kind(conv.product.panels, last.panels)
        return cls(Conv1d(windows, Linear(one, conv.product.bias)), Linear(two, last.bias))

    def init_state(self) -> ConvState:
        return self.conv.init_state()

    def __call__(self, x: np.ndarray, state: ConvState) -> np.ndarray:  # [T, C], in place
        first, one, two = x[:1].copy(), self.conv.product, self.last
        kernels.elu(first)
        self.conv.windows.start(first, state)
        dilation = self.conv.windows.dilation
        kernels.residual_block(state.previous, x, dilation, one.panels.data, one.bias, two.panels.data, two.bias)
        return x


Layer = Conv1d | Conv1dToOne | ConvTranspose1d | ResidualBlock


def _work(layer: Layer, n_rows: int) -> tuple[int, int]:
    """Multiply-adds of a layer on `n_rows` rows, its ELUs counted as such, and how many rows come out."""
    if isinstance(layer, ResidualBlock):
        hidden = layer.conv.product
        n_activated = hidden.n_out + layer.last.n_out
        return n_rows * (hidden.row_work + layer.last.row_work + n_activated * ELU_WORK), n_rows
    if isinstance(layer, ConvTranspose1d):
        windows, of_window, n_windows, n_out = (
            layer.conv.windows,
            layer.conv.product.row_work,
            n_rows,
            n_rows * layer.stride,
        )
    else:
        windows, n_out = layer.windows, n_rows // layer.windows.stride
        of_window, n_windows = layer.weight.size if isinstance(layer, Conv1dToOne) else layer.product.row_work, n_out
    return n_windows * of_window + n_rows * windows.n_in * ELU_WORK, n_out


@dataclass(frozen=True, eq=False, repr=False)
class SEANet:
    """The layers in order. Their names in a checkpoint count the ELUs too."""

    layers: list[Layer]

    @classmethod
    def load_encoder(cls, w: Weights, config: SEANetConfig) -> "SEANet":
        """Samples [T, 1] to [T / hop, dimension]."""
        names = _Names(w.scope("model"))
        replicate = config.pad_mode == "replicate"
        width = config.n_filters
        first = Windows(config.channels, config.kernel_size, replicate=replicate)
        layers: list[Layer] = [Conv1d.load(names.next("conv"), first, width)]
        for ratio in reversed(config.ratios):
            layers += _residuals(names, width, config)
            names.skip_elu()
            conv = names.next("conv")
            layers.append(Conv1d.load(conv, Windows(width, 2 * ratio, ratio, replicate=replicate), 2 * width))
            width *= 2
        names.skip_elu()
        last = Windows(width, config.last_kernel_size, replicate=replicate)
        layers.append(Conv1d.load(names.next("conv"), last, config.dimension))
        return cls(layers)

    @classmethod
    def load_decoder(cls, w: Weights, config: SEANetConfig) -> "SEANet":
        """[T, dimension] to samples [T · hop, 1]."""
        names = _Names(w.scope("model"))
        replicate = config.pad_mode == "replicate"
        width = config.n_filters * 2 ** len(config.ratios)
        first = Windows(config.dimension, config.kernel_size, replicate=replicate)
        layers: list[Layer] = [Conv1d.load(names.next("conv"), first, width)]
        for ratio in config.ratios:
            names.skip_elu()
            layers.append(ConvTranspose1d.load(names.next("convtr"), width, width // 2, 2 * ratio, ratio))
            width //= 2
            layers += _residuals(names, width, config)
        names.skip_elu()
        last = Windows(width, config.last_kernel_size, replicate=replicate)
        layers.append(Conv1dToOne.load(names.next("conv"), last))
        return cls(layers)

    def init_state(self) -> list[ConvState]:
        return [layer.init_state() for layer in self.layers]

    def __call__(self, x: np.ndarray, state: list[ConvState]) -> np.ndarray:
        for step in self.steps(state):
            x = step(x)
        return x

    def steps(self, state: list[ConvState]) -> list[Callable[[np.ndarray], np.ndarray]]:
        """One function a layer, in order; each changes its own part of the state, and may change what it is given."""
        return [partial(self._step, i, state[i]) for i in range(len(self.layers))]

    def work(self, n_rows: int) -> list[int]:
        """Multiply-adds of each layer for `n_rows` rows that come in, what else costs time counted as such."""
        found = []
        for layer in self.layers:
            work, n_rows = _work(layer, n_rows)
            found.append(work)
        return found

    def _step(self, i: int, state: ConvState, x: np.ndarray) -> np.ndarray:
        layer = self.layers[i]
        if i > 0 and not isinstance(layer, ResidualBlock):
            kernels.elu(x)  # the last layer's own array
        return layer(x, state)


def _residuals(names: "_Names", width: int, config: SEANetConfig) -> list[Layer]:
    return [
        ResidualBlock.load(names.next(), width, config.dilation_base**j, config)
        for j in range(config.n_residual_layers)
    ]


class _Names:
    """Walks through `model.0`, `model.1`, …"""

    def __init__(self, w: Weights) -> None:
        self.w = w
        self.index = -1

    def skip_elu(self) -> None:
        self.index += 1

    def next(self, kind: str = "") -> Weights:
        self.index += 1
        return self.w.scope(f"{self.index}.{kind}" if kind else str(self.index))
