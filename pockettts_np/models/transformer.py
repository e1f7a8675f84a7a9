"""The streaming transformer of the language model and of the codec."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..config.config import FlowLMTransformerConfig, MimiTransformerConfig
from ..kernels import entry_points as kernels
from ..kernels.arguments import CacheView, StackWeights, cache_table
from ..kernels.panels import NumberType, Panels, of_one_kind
from ..kernels.prebuilt.processor import has_byte_products, has_integer_products
from ..kernels.ways import way
from ..modules.attention import KVCache, rope_frequencies
from ..modules.linear import Linear
from ..threads.wavefront import wavefront
from ..weights.checkpoint import Weights
from ..weights.packing import held_kind, stacked_panels

BLOCK_ROWS = 64  # rows that go through all layers together: activations stay in the cache
LEAST_ROWS = 8  # that a thread takes of a prompt: fewer would read all weights for little
UNLIMITED = 2**31
HAS_DOT = int(has_byte_products())
ROWS_STAND_ALONE = way().name != "numpy"  # whether a row's numbers are the same to the bit beside others


TransformerSizes = FlowLMTransformerConfig | MimiTransformerConfig


Run = Callable[[np.ndarray, KVCache, int, slice], None]  # some layers on rows, in place: `Transformer.run`


class OneStep(Protocol):
    """Steps one row, as `Transformer.step` does, in a way of its own: `team.Team`."""

    def __call__(self, x: np.ndarray, state: KVCache) -> np.ndarray:  # [1, d] -> [1, d]
        ...


class Ear(Protocol):
    """Listens to one row on its way through the layers, as `timing.alignment.TextEar` does; it changes nothing."""

    @property
    def layers(self) -> Sequence[int]:
        """Before which it listens."""

    def hear(self, layer: int, x: np.ndarray, position: int) -> None:
        """The row [1, d] that comes to a layer."""

    def forget_after(self, n_frames: int) -> None:
        """Unhear the rows after the first `n_frames`."""


@dataclass(frozen=True, eq=False, repr=False)
class Transformer:
    """A stack of pre-norm layers: RoPE, causal attention over the last `context` rows, tanh-GELU feed-forward."""

    weights: StackWeights
    inv_freq: np.ndarray  # [head_dim / 2] radians a position
    n_kv_heads: int
    context: int
    cache_kind: NumberType  # of the keys and values in its cache
    is_int8: bool  # whether its matrices are, or were before they were widened

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

        def panels(leaf: str, n_out: int, n_in: int) -> Panels:
            return stacked_panels(w, f"layers.{{}}.{leaf}.weight", len(layers), (n_out, n_in))

        matrices = (
            panels("self_attn.in_proj", qkv_dim, d),
            panels("self_attn.out_proj", d, sizes.q_dim),
            panels("linear1", ff, d),
            panels("linear2", d, ff),
        )
        is_int8 = all((each.scale != 1).any() for each in matrices)  # no other kind has scales but one
        in_proj, out_proj, linear1, linear2 = of_one_kind(*matrices)
        out_scale, scale2 = out_proj.scale, linear2.scale
        if layer_scale:  # a product with the output, as the scale of a row is
            out_scale = out_scale * stacked("layer_scale_1.scale", d)
            scale2 = scale2 * stacked("layer_scale_2.scale", d)
        norm1 = np.stack([stacked("norm1.weight", d), stacked("norm1.bias", d)], axis=1)
        norm2 = np.stack([stacked("norm2.weight", d), stacked("norm2.bias", d)], axis=1)
        weights = StackWeights(
            norm1=norm1,
            norm2=norm2,
            in_proj=in_proj.data,
            in_scale=in_proj.scale,
            out_proj=out_proj.data,
            out_scale=out_scale,
            linear1=linear1.data,
            scale1=linear1.scale,
            linear2=linear2.data,
            scale2=scale2,
        )
        inv_freq = rope_frequencies(sizes.head_dim, max_period)
        return cls(weights, inv_freq, sizes.kv_heads, context or UNLIMITED, held_kind(w.storage.cache), is_int8)

    def init_state(self) -> KVCache:
        sizes = len(self.weights.norm1), self.n_kv_heads, 2 * len(self.inv_freq)
        return KVCache.empty(*sizes, kind=self.cache_kind)

    def __call__(self, x: np.ndarray, state: KVCache, threads: int = 1) -> np.ndarray:  # [T, d] -> [T, d]
        return self._read(x, state, threads, self.run)

    def prompt(self, x: np.ndarray, state: KVCache, threads: int = 1) -> np.ndarray:  # [T, d] -> [T, d]
        """The same for rows that are given, not made: int8 weights multiply them rounded to integers, where that pays.

        What becomes of a row does not depend on the calls that rows are read in.
        """
        in_integers = self.is_int8 and has_integer_products()
        return self._read(x, state, threads, self._prompt_layers if in_integers else self.run)

    def _read(self, x: np.ndarray, state: KVCache, threads: int, run: Run) -> np.ndarray:
        out = np.array(x, np.float32, order="C")
        if threads > 1 and len(out) > 1:
            self._in_threads(out, state, threads, run)
            return out
        for start in range(0, len(out), BLOCK_ROWS):
            rows = out[start : start + BLOCK_ROWS]
            state.reserve(len(rows), self.context)
            run(rows, state, 0, slice(None))
            state.advance(len(rows))
        return out

    def _in_threads(self, out: np.ndarray, state: KVCache, threads: int, run: Run) -> None:
        """Blocks of rows follow each other through the layers: a row needs the keys of the rows before it, no more."""
        state.reserve(len(out), self.context)
        block_rows = min(BLOCK_ROWS // 2, max(LEAST_ROWS, -(-len(out) // threads)))

        def step(block: int, layer: int) -> None:
            first = block * block_rows
            run(out[first : first + block_rows], state, first, slice(layer, layer + 1))

        wavefront(step, -(-len(out) // block_rows), len(self.weights.norm1), threads)
        state.advance(len(out))

    @property
    def row_work(self) -> int:
        """Multiply-adds of a row that sees the whole context; the products alone where that has no end."""
        w = self.weights
        n_layers, _, attended, _ = w.out_proj.shape
        seen = 0 if self.context == UNLIMITED else self.context
        matrices = w.in_proj.size + w.out_proj.size + w.linear1.size + w.linear2.size
        return matrices + 2 * n_layers * attended * seen

    def step(self, x: np.ndarray, states: Sequence[KVCache], ears: Sequence[Ear | None]) -> np.ndarray:
        """A row for each of B states, all in one pass over the weights: [B, d] -> [B, d].

        A row comes out as it does alone, to the bit where kernels are compiled. The states must be different ones.
        """
        out = np.array(x, np.float32, order="C")
        for state in states:
            state.reserve(1, self.context)
        heard = {layer for ear in ears if ear is not None for layer in ear.layers}
        for first, end in itertools.pairwise(sorted({0, *heard, len(self.weights.norm1)})):
            for i, ear in enumerate(ears):
                if ear is not None and first in ear.layers:
                    ear.hear(first, out[i : i + 1], states[i].position)
            self._step_layers(out, states, slice(first, end))
        for state in states:
            state.advance(1)
        return out

    def _step_layers(self, rows: np.ndarray, states: Sequence[KVCache], layers: slice) -> None:
        caches = [CacheView(s.keys[layers], s.values[layers], s.n_rows, s.position) for s in states]
        weights = StackWeights(*(array[layers] for array in self.weights))
        kernels.transformer_rows(rows, cache_table(caches), caches[0].keys, self.context, self.inv_freq, weights)

    def run(self, rows: np.ndarray, state: KVCache, offset: int, layers: slice) -> None:
        """Some layers on rows that stand `offset` after the next of the cache, in place."""
        kernels.transformer(rows, *self._arguments(state, offset, layers))

    def _prompt_layers(self, rows: np.ndarray, state: KVCache, offset: int, layers: slice) -> None:
        """`run` in integers."""
        kernels.prompt(rows, *self._arguments(state, offset, layers), HAS_DOT)

    def _arguments(self, state: KVCache, offset: int, layers: slice) -> tuple[Any, ...]:
        """What both kernels take after the rows."""
        return (
            state.keys[layers],
            state.values[layers],
            state.n_rows + offset,
            state.position + offset,
            self.context,
            self.inv_freq,
            StackWeights(*(array[layers] for array in self.weights)),
        )


@dataclass(frozen=True, eq=False, repr=False)
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

    @property
    def row_work(self) -> int:
        """Multiply-adds of a row that sees the whole context."""
        inner = self.transformer
        around = sum(layer.row_work for layer in (self.input_proj, self.output_proj) if layer is not None)
        return around + inner.row_work

    def __call__(self, x: np.ndarray, state: KVCache) -> np.ndarray:  # [T, width] -> [T, width]
        x = x if self.input_proj is None else self.input_proj(x)
        x = self.transformer(x, state)
        return x if self.output_proj is None else self.output_proj(x)
