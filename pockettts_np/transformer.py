"""The streaming transformer of the language model and of the codec."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from . import kernels
from .config import FlowLMTransformerConfig, MimiTransformerConfig
from .kernels import StackWeights
from .ops import Linear
from .pipeline import wavefront
from .simd import PANEL
from .weights import Weights

BLOCK_ROWS = 64  # rows that go through all layers together: activations stay in the cache
UNLIMITED = 2**31


TransformerSizes = FlowLMTransformerConfig | MimiTransformerConfig


@dataclass
class KVCache:
    """Keys and values of past rows, all layers in two arrays of panels, and where the next row stands.

    The panels are float32, or the bits of float16 as int16.
    """

    keys: np.ndarray  # [n_layers, n_kv_heads, capacity / 32, head_dim, 32]; row r is column r % 32 of panel r // 32
    values: np.ndarray  # [n_layers, n_kv_heads, ceil(head_dim / 32), capacity, 32]; all finite, also unused rows
    n_rows: int  # rows held
    position: int  # rows seen: the position of the next one

    @classmethod
    def empty(
        cls, n_layers: int, n_kv_heads: int, head_dim: int, capacity: int = 0, dtype: DTypeLike = np.float32
    ) -> "KVCache":
        n_panels = -(-capacity // PANEL)
        keys = np.zeros((n_layers, n_kv_heads, n_panels, head_dim, PANEL), dtype)
        values = np.zeros((n_layers, n_kv_heads, -(-head_dim // PANEL), n_panels * PANEL, PANEL), dtype)
        return cls(keys, values, 0, 0)

    @classmethod
    def from_rows(cls, rows: np.ndarray, position: int, dtype: DTypeLike = np.float32) -> "KVCache":
        """From keys and values [n_layers, 2, T, n_kv_heads, head_dim]."""
        n_layers, _, n_rows, n_heads, dim = rows.shape
        cache = cls.empty(n_layers, n_heads, dim, n_rows, dtype)
        rows = rows.astype(np.float16).view(np.int16) if cache.keys.dtype == np.int16 else rows
        keys, values = rows.transpose(1, 0, 3, 2, 4)  # [n_layers, n_kv_heads, T, head_dim]
        for row in range(0, n_rows, PANEL):
            panel = keys[:, :, row : row + PANEL].swapaxes(-1, -2)
            cache.keys[:, :, row // PANEL, :, : panel.shape[-1]] = panel
        for column in range(0, dim, PANEL):
            part = values[:, :, :, column : column + PANEL]
            cache.values[:, :, column // PANEL, :n_rows, : part.shape[-1]] = part
        cache.n_rows, cache.position = n_rows, position
        return cache

    def rows(self) -> np.ndarray:
        """Keys and values of the rows held: [n_layers, 2, n_rows, n_kv_heads, head_dim]."""
        n_layers, n_heads, n_panels, dim, _ = self.keys.shape
        capacity = n_panels * PANEL
        keys = self.keys.swapaxes(-1, -2).reshape(n_layers, n_heads, capacity, dim)
        values = self.values.swapaxes(2, 3).reshape(n_layers, n_heads, capacity, -1)[..., :dim]
        rows = np.stack([keys, values], axis=1)[:, :, :, : self.n_rows].swapaxes(2, 3)
        return rows.view(np.float16).astype(np.float32) if rows.dtype == np.int16 else rows

    def key_rows(self, layer: int, head: int) -> np.ndarray:
        """Keys that one key-value head holds: [n_rows, head_dim]."""
        keys = self.keys[layer, head].swapaxes(1, 2).reshape(-1, self.sizes[2])[: self.n_rows]
        return keys.view(np.float16).astype(np.float32) if keys.dtype == np.int16 else keys

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Layers, key-value heads, width of a head."""
        return self.keys.shape[0], self.keys.shape[1], self.keys.shape[3]

    @property
    def capacity(self) -> int:
        return self.values.shape[3]

    def copy(self, spare_rows: int = 0) -> "KVCache":
        """An independent cache with room for `spare_rows` more."""
        return self._resized(0, self.n_rows + spare_rows)

    def reserve(self, n_new: int, context: int) -> None:
        """Make room for `n_new` rows: drop panels of rows that no query will see again, then grow."""
        if self.n_rows + n_new <= self.capacity:
            return
        dropped = max(0, self.n_rows - (context - 1)) // PANEL
        needed = self.n_rows - dropped * PANEL + n_new
        grown = self.capacity if needed <= self.capacity else max(needed, min(2 * self.capacity, 2 * context))
        new = self._resized(dropped, grown)
        self.keys, self.values, self.n_rows = new.keys, new.values, new.n_rows

    def advance(self, n_new: int) -> None:
        """Count rows that were written."""
        self.n_rows += n_new
        self.position += n_new

    def _resized(self, dropped_panels: int, capacity: int) -> "KVCache":
        n_layers, n_heads, dim = self.sizes
        new = self.empty(n_layers, n_heads, dim, capacity, self.keys.dtype)
        end_panel = -(-self.n_rows // PANEL)
        dropped_rows = dropped_panels * PANEL
        new.n_rows, new.position = self.n_rows - dropped_rows, self.position
        new.keys[:, :, : end_panel - dropped_panels] = self.keys[:, :, dropped_panels:end_panel]
        new.values[:, :, :, : new.n_rows] = self.values[:, :, :, dropped_rows : self.n_rows]
        return new


@dataclass(frozen=True)
class Transformer:
    """A stack of pre-norm layers: RoPE, causal attention over the last `context` rows, tanh-GELU feed-forward."""

    weights: StackWeights
    inv_freq: np.ndarray  # [head_dim / 2] radians a position
    n_kv_heads: int
    context: int
    cache_dtype: type  # of the panels of its cache: float32, or int16 for float16

    @classmethod
    def load(
        cls,
        w: Weights,
        sizes: TransformerSizes,
        max_period: float,
        context: int | None = None,
        layer_scale: bool = False,
    ) -> "Transformer":
        """Layers `layers.N` of `w`; with `layer_scale`, both branches are multiplied by a learnt vector."""
        d, ff, layers = sizes.d_model, sizes.ff_dim, range(sizes.num_layers)
        qkv_dim = sizes.q_dim + 2 * sizes.kv_heads * sizes.head_dim

        def stacked(leaf: str, *shape: int) -> np.ndarray:
            return w.stack([f"layers.{i}.{leaf}" for i in layers], shape)

        def matrices(leaf: str, n_out: int, n_in: int) -> tuple[np.ndarray, np.ndarray]:
            return w.matrices(f"layers.{{}}.{leaf}.weight", len(layers), (n_out, n_in))

        in_proj, in_scale = matrices("self_attn.in_proj", qkv_dim, d)
        out_proj, out_scale = matrices("self_attn.out_proj", d, sizes.q_dim)
        linear1, scale1 = matrices("linear1", ff, d)
        linear2, scale2 = matrices("linear2", d, ff)
        if layer_scale:  # a product with the output, as the scale of a row is
            out_scale *= stacked("layer_scale_1.scale", d)
            scale2 *= stacked("layer_scale_2.scale", d)
        norm1 = np.stack([stacked("norm1.weight", d), stacked("norm1.bias", d)], axis=1)
        norm2 = np.stack([stacked("norm2.weight", d), stacked("norm2.bias", d)], axis=1)
        weights = StackWeights(norm1, norm2, in_proj, in_scale, out_proj, out_scale, linear1, scale1, linear2, scale2)
        exponent = np.arange(sizes.head_dim // 2, dtype=np.float32) * np.float32(
            -np.log(max_period) * 2 / sizes.head_dim
        )
        return cls(weights, np.exp(exponent), sizes.kv_heads, context or UNLIMITED, w.cache_dtype)

    def init_state(self) -> KVCache:
        sizes = len(self.weights.norm1), self.n_kv_heads, 2 * len(self.inv_freq)
        return KVCache.empty(*sizes, dtype=self.cache_dtype)

    def __call__(self, x: np.ndarray, state: KVCache, threads: int = 1) -> np.ndarray:  # [T, d] -> [T, d]
        out = np.array(x, np.float32, order="C")
        if threads > 1 and len(out) > 1:
            self._in_two_threads(out, state)
            return out
        for start in range(0, len(out), BLOCK_ROWS):
            rows = out[start : start + BLOCK_ROWS]
            state.reserve(len(rows), self.context)
            self._run(rows, state, 0, slice(None))
            state.advance(len(rows))
        return out

    def _in_two_threads(self, out: np.ndarray, state: KVCache) -> None:
        """Blocks of rows follow each other through the layers: a row needs the keys of the rows before it, no more."""
        state.reserve(len(out), self.context)
        block_rows = min(BLOCK_ROWS // 2, -(-len(out) // 2))

        def step(block: int, layer: int) -> None:
            first = block * block_rows
            self._run(out[first : first + block_rows], state, first, slice(layer, layer + 1))

        wavefront(step, -(-len(out) // block_rows), len(self.weights.norm1))
        state.advance(len(out))

    def _run(self, rows: np.ndarray, state: KVCache, offset: int, layers: slice) -> None:
        """Some layers on rows that stand `offset` after the next of the cache, in place."""
        kernels.transformer(
            rows,
            state.keys[layers],
            state.values[layers],
            state.n_rows + offset,
            state.position + offset,
            self.context,
            self.inv_freq,
            StackWeights(*(array[layers] for array in self.weights)),
        )


@dataclass(frozen=True)
class ProjectedTransformer:
    """A transformer between two projections, each left out where the widths agree."""

    input_proj: Linear | None
    transformer: Transformer
    output_proj: Linear | None

    @classmethod
    def load(
        cls, w: Weights, sizes: TransformerSizes, width: int, max_period: float, context: int
    ) -> "ProjectedTransformer":
        """`width` is that of the rows outside; the layers have layer scales."""
        d = sizes.d_model
        return cls(
            None if d == width else Linear.load(w.scope("input_proj"), width, d),
            Transformer.load(w.scope("transformer"), sizes, max_period, context, layer_scale=True),
            None if d == width else Linear.load(w.scope("output_projs.0"), d, width),
        )

    def init_state(self) -> KVCache:
        return self.transformer.init_state()

    def __call__(self, x: np.ndarray, state: KVCache) -> np.ndarray:  # [T, width] -> [T, width]
        x = x if self.input_proj is None else self.input_proj(x)
        x = self.transformer(x, state)
        return x if self.output_proj is None else self.output_proj(x)
