"""The compiled parts of the package as plain NumPy: what tools.bench --kernels checks and times them against.

A matrix is [n_out, n_in] with a scale an output: float32 with ones, or int8 with its quantisation steps. Rows are
time-major, as everywhere. Weights are taken from a checkpoint by name.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray


class Matrix(NamedTuple):
    values: Array  # [n_out, n_in] float32 or int8
    scale: Array  # [n_out]

    def __call__(self, x: Array) -> Array:  # [..., n_in] -> [..., n_out]
        return (x @ self.values.astype(np.float32, copy=False).T) * self.scale


def elu(x: Array) -> Array:
    return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)


def silu(x: Array) -> Array:
    return x / (1 + np.exp(-x))


def gelu(x: Array) -> Array:
    return np.float32(0.5) * x * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)))


def layer_norm(x: Array, weight: Array | float = 1, bias: Array | float = 0, eps: float = 1e-5) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(eps)) * weight + bias


class Conv1d:
    """Causal convolution with weight [n_out, n_in, K]; it keeps its past."""

    def __init__(self, weight: Array, bias: Array) -> None:
        self.kernel_size, self.bias = weight.shape[2], bias
        self.weight = weight.transpose(2, 1, 0).reshape(-1, len(weight))  # [K · n_in, n_out]
        self.previous = np.zeros((self.kernel_size - 1, weight.shape[1]), np.float32)

    def __call__(self, x: Array) -> Array:  # [T, n_in] -> [T, n_out]
        frames = np.concatenate([self.previous, x])
        self.previous = frames[len(x) :]
        windows = sliding_window_view(frames, self.kernel_size, axis=0).transpose(0, 2, 1)
        return windows.reshape(len(x), -1) @ self.weight + self.bias


class ConvTranspose1d:
    """Causal transposed convolution with weight [n_in, n_out, 2 · stride]; it keeps what overlaps."""

    def __init__(self, weight: Array, bias: Array) -> None:
        n_in, n_out, kernel_size = weight.shape
        self.weight, self.bias = weight.transpose(0, 2, 1).reshape(n_in, -1), bias  # [n_in, K · n_out]
        self.tail = np.zeros((kernel_size // 2, n_out), np.float32)

    def __call__(self, x: Array) -> Array:  # [T, n_in] -> [T · stride, n_out]
        stride, n_out = self.tail.shape
        windows = (x @ self.weight).reshape(len(x), 2 * stride, n_out)
        out = windows[:, :stride] + self.bias
        out[0] += self.tail
        out[1:] += windows[:-1, stride:]
        self.tail = windows[-1, stride:]
        return out.reshape(-1, n_out)


def rope(x: Array, position: int, inv_freq: Array) -> Array:
    """Interleaved pairs of x [T, H, D], turned."""
    angles = (np.float32(position) + np.arange(len(x), dtype=np.float32))[:, None] * inv_freq
    turned = np.ascontiguousarray(x).view(np.complex64) * np.exp(1j * angles).astype(np.complex64)[:, None]
    return turned.view(np.float32)


def attention(q: Array, kv: Array, n_rows: int, context: int) -> Array:
    """q [T, H, D] scaled, kv [2, H_kv, capacity, D] float32 or float16 -> [T, H, D]."""
    n_new, n_heads, dim = q.shape
    n_kv_heads = kv.shape[1]
    k, v = kv[:, :, : n_rows + n_new].astype(np.float32, copy=False)
    queries = q.transpose(1, 0, 2).reshape(n_kv_heads, -1, dim)  # [H_kv, group · T, D]
    scores = (queries @ k.transpose(0, 2, 1)).reshape(n_heads, n_new, -1)
    age = np.arange(n_rows, n_rows + n_new)[:, None] - np.arange(n_rows + n_new)
    scores[:, (age < 0) | (age >= context)] = -np.inf
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return (p.reshape(n_kv_heads, -1, n_rows + n_new) @ v).reshape(n_heads, n_new, dim).transpose(1, 0, 2)


class Transformer:
    """Pre-norm layers over a cache kv [n_layers, 2, H_kv, capacity, D]."""

    def __init__(self, tensor: Callable[[str], Array], matrix: Callable[[str], Matrix], n_layers: int) -> None:
        names = [f"layers.{i}." for i in range(n_layers)]
        self.norm1 = [(tensor(n + "norm1.weight"), tensor(n + "norm1.bias")) for n in names]
        self.norm2 = [(tensor(n + "norm2.weight"), tensor(n + "norm2.bias")) for n in names]
        self.in_proj = [matrix(n + "self_attn.in_proj.weight") for n in names]
        self.out_proj = [matrix(n + "self_attn.out_proj.weight") for n in names]
        self.linear1 = [matrix(n + "linear1.weight") for n in names]
        self.linear2 = [matrix(n + "linear2.weight") for n in names]

    @property
    def matrices(self) -> list[Matrix]:
        return [*self.in_proj, *self.out_proj, *self.linear1, *self.linear2]

    def __call__(self, x: Array, kv: Array, n_rows: int, context: int, inv_freq: Array) -> Array:  # [T, d] -> [T, d]
        n_new, n_kv_heads, dim = len(x), kv.shape[2], kv.shape[4]
        for i in range(len(kv)):
            heads = self.in_proj[i](layer_norm(x, *self.norm1[i])).reshape(n_new, -1, dim)
            turned = rope(heads[:, :-n_kv_heads], n_rows, inv_freq)
            kv[i, 0, :, n_rows : n_rows + n_new] = turned[:, -n_kv_heads:].transpose(1, 0, 2)
            kv[i, 1, :, n_rows : n_rows + n_new] = heads[:, -n_kv_heads:].transpose(1, 0, 2)
            attended = attention(turned[:, :-n_kv_heads] / np.float32(np.sqrt(dim)), kv[i], n_rows, context)
            x = x + self.out_proj[i](attended.reshape(n_new, -1))
            x = x + self.linear2[i](gelu(self.linear1[i](layer_norm(x, *self.norm2[i]))))
        return x


class FlowNet:
    """One evaluation of the AdaLN network."""

    def __init__(self, tensor: Callable[[str], Array], matrix: Callable[[str], Matrix], n_blocks: int) -> None:
        names = [f"res_blocks.{i}." for i in range(n_blocks)]
        self.in_proj, self.in_bias = tensor("input_proj.weight"), tensor("input_proj.bias")
        self.norm = [(tensor(n + "in_ln.weight"), tensor(n + "in_ln.bias")) for n in names]
        self.linear1 = [(matrix(n + "mlp.0.weight"), tensor(n + "mlp.0.bias")) for n in names]
        self.linear2 = [(matrix(n + "mlp.2.weight"), tensor(n + "mlp.2.bias")) for n in names]
        modulated = [n + "adaLN_modulation.1." for n in [*names, "final_layer."]]
        self.modulation = [(matrix(n + "weight"), tensor(n + "bias")) for n in modulated]
        self.out_proj, self.out_bias = tensor("final_layer.linear.weight"), tensor("final_layer.linear.bias")

    @property
    def matrices(self) -> list[Matrix]:
        return [matrix for matrix, _ in (*self.linear1, *self.linear2, *self.modulation)]

    def __call__(self, x: Array, condition: Array) -> Array:  # [latent_dim], [h] -> [latent_dim]
        active = silu(condition)
        parts = [(matrix(active) + bias).reshape(-1, len(condition)) for matrix, bias in self.modulation]
        h = self.in_proj @ x + self.in_bias
        for i, (shift, scale, gate) in enumerate(parts[:-1]):
            (matrix1, bias1), (matrix2, bias2) = self.linear1[i], self.linear2[i]
            hidden = silu(matrix1(layer_norm(h, *self.norm[i], 1e-6) * (1 + scale) + shift) + bias1)
            h = h + gate * (matrix2(hidden) + bias2)
        shift, scale = parts[-1]
        return self.out_proj @ (layer_norm(h, eps=1e-6) * (1 + scale) + shift) + self.out_bias
