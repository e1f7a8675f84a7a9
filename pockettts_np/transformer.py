"""The streaming transformer of the language model and of the codec."""

from dataclasses import dataclass

import numpy as np

from . import kernels
from .config import FlowLMTransformerConfig, MimiTransformerConfig
from .kernels import StackWeights
from .ops import Linear
from .weights import Weights

BLOCK_ROWS = 64  # rows that go through all layers together: activations stay in the cache
UNLIMITED = 2**31


TransformerSizes = FlowLMTransformerConfig | MimiTransformerConfig


@dataclass
class KVCache:
    """Keys and values of past rows, all layers in one array, and where the next row stands."""

    kv: np.ndarray  # [n_layers, 2, n_kv_heads, capacity, head_dim]; rows from n_rows on are not defined
    n_rows: int  # rows held
    position: int  # rows seen: the position of the next one

    def copy(self, spare_rows: int = 0) -> "KVCache":
        """An independent cache with room for `spare_rows` more."""
        new = KVCache(self._empty(self.n_rows + spare_rows), self.n_rows, self.position)
        new.kv[:, :, :, : self.n_rows] = self.kv[:, :, :, : self.n_rows]
        return new

    def reserve(self, n_new: int, context: int) -> None:
        """Make room for `n_new` rows; rows that no query will see again are dropped first, then the array grows."""
        capacity = self.kv.shape[3]
        if self.n_rows + n_new <= capacity:
            return
        kept = min(self.n_rows, context - 1)
        rows = self.kv[:, :, :, self.n_rows - kept : self.n_rows]
        if kept + n_new > capacity:
            grown = max(kept + n_new, min(2 * capacity, 2 * context))
            kv = self._empty(grown)
            kv[:, :, :, :kept] = rows
            self.kv = kv
        else:
            self.kv[:, :, :, :kept] = rows.copy()
        self.n_rows = kept

    def _empty(self, capacity: int) -> np.ndarray:
        n_layers, two, heads, _, dim = self.kv.shape
        return np.empty((n_layers, two, heads, capacity, dim), np.float32)


@dataclass(frozen=True)
class Transformer:
    """A stack of pre-norm layers: RoPE, causal attention over the last `context` rows, tanh-GELU feed-forward."""

    weights: StackWeights
    inv_freq: np.ndarray  # [head_dim / 2] radians a position
    n_kv_heads: int
    context: int

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
        return cls(weights, np.exp(exponent), sizes.kv_heads, context or UNLIMITED)

    def init_state(self, capacity: int = 0) -> KVCache:
        head_dim = 2 * len(self.inv_freq)
        shape = (len(self.weights.norm1), 2, self.n_kv_heads, capacity, head_dim)
        return KVCache(np.empty(shape, np.float32), 0, 0)

    def __call__(self, x: np.ndarray, state: KVCache) -> np.ndarray:  # [T, d] -> [T, d]
        out = np.array(x, np.float32, order="C")
        for start in range(0, len(out), BLOCK_ROWS):
            rows = out[start : start + BLOCK_ROWS]
            state.reserve(len(rows), self.context)
            kernels.transformer(rows, state.kv, state.n_rows, state.position, self.context, self.inv_freq, self.weights)
            state.n_rows += len(rows)
            state.position += len(rows)
        return out


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
