"""Convolutions of every geometry that a model has, and of odd ones, with random weights."""

import dataclasses
import functools

import numpy as np

from pockettts_np.modules.conv import Conv1d, Conv1dToOne, ConvTranspose1d, DepthwiseConvTranspose1d, Windows
from tests.support.random_models import RandomWeights


@dataclasses.dataclass(frozen=True)
class Geometry:
    kernel: int
    stride: int = 1
    dilation: int = 1
    replicate: bool = False
    bias: bool = True
    n_out: int = 3


CONVS = [
    Geometry(kernel=1),
    Geometry(kernel=1, replicate=True),
    Geometry(kernel=3),
    Geometry(kernel=7),
    Geometry(kernel=3, dilation=2),
    Geometry(kernel=3, dilation=4, replicate=True),
    Geometry(kernel=2, stride=2),
    Geometry(kernel=8, stride=4),
    Geometry(kernel=12, stride=6, replicate=True),
    Geometry(kernel=5, stride=3, dilation=2),
    Geometry(kernel=32, stride=16, replicate=True, bias=False),
    Geometry(kernel=3, n_out=1),
    Geometry(kernel=4, stride=2, n_out=1, replicate=True),
    Geometry(kernel=3, dilation=2, n_out=1),
    Geometry(kernel=4, stride=2, n_out=1, replicate=True, bias=False),
    Geometry(kernel=3, dilation=2, n_out=40),
]


@functools.cache
def conv(g: Geometry) -> tuple[Conv1d | Conv1dToOne, dict[str, np.ndarray]]:
    w, windows = RandomWeights.seeded(1), Windows(2, g.kernel, g.stride, g.dilation, g.replicate)
    if g.n_out == 1 and g.bias:
        return Conv1dToOne.load(w, windows), w.tensors
    return Conv1d.load(w, windows, g.n_out, bias=g.bias), w.tensors


TRANSPOSED = [(1, 1), (4, 4), (4, 2), (6, 2), (7, 3), (5, 1), (12, 6)]  # kernel, stride


@functools.cache
def transposed(kernel: int, stride: int) -> tuple[ConvTranspose1d, dict[str, np.ndarray]]:
    w = RandomWeights.seeded(2)
    return ConvTranspose1d.load(w, 3, 2, kernel, stride), w.tensors


@functools.cache
def depthwise(kernel: int, stride: int) -> tuple[DepthwiseConvTranspose1d, dict[str, np.ndarray]]:
    w = RandomWeights.seeded(3)
    return DepthwiseConvTranspose1d.load(w, 3, kernel, stride), w.tensors
