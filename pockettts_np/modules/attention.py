"""What attention remembers: keys and values of past rows; and the angles of rotary position embeddings."""

from dataclasses import dataclass

import numpy as np

from ..kernels.panels import PANEL, NumberType


def rope_frequencies(head_dim: int, max_period: float) -> np.ndarray:
    """The angle that each pair of a head's numbers turns by from one position to the next, in radians: [head_dim / 2].

    Su et al. 2021, RoFormer, section 3.2.2.
    """
    exponent = np.arange(head_dim // 2, dtype=np.float32) * np.float32(-np.log(max_period) * 2 / head_dim)
    return np.exp(exponent)


@dataclass(eq=False, repr=False)
class KVCache:
    """Keys and values of past rows, all layers in two arrays of panels, and where the next row stands.

    That of the language model after it has read a voice is the voice (`VoiceState`): one row a token or a frame of
    80 ms. The numbers are float32, or float16 where memory counts.
    """

    keys: np.ndarray  # [n_layers, n_kv_heads, capacity / 32, head_dim, 32]; row r is column r % 32 of panel r // 32
    values: np.ndarray  # [n_layers, n_kv_heads, ceil(head_dim / 32), capacity, 32]; all finite, also unused rows
    n_rows: int  # rows held
    position: int  # rows seen: the position of the next one

    def __repr__(self) -> str:
        layers, heads, width = self.sizes
        rows = "row" if self.n_rows == 1 else "rows"
        return f"<{type(self).__name__}: {self.n_rows} {rows} of {layers} layers with {heads} heads of {width}>"

    @classmethod
    def empty(
        cls, n_layers: int, n_kv_heads: int, head_dim: int, capacity: int = 0, kind: NumberType = NumberType.FLOAT32
    ) -> "KVCache":
        """A cache that holds nothing yet, with room for `capacity` rows."""
        n_panels = -(-capacity // PANEL)
        keys = np.zeros((n_layers, n_kv_heads, n_panels, head_dim, PANEL), kind.stored)
        values = np.zeros((n_layers, n_kv_heads, -(-head_dim // PANEL), n_panels * PANEL, PANEL), kind.stored)
        return cls(keys, values, 0, 0)

    @classmethod
    def from_rows(cls, rows: np.ndarray, position: int, kind: NumberType = NumberType.FLOAT32) -> "KVCache":
        """From keys and values [n_layers, 2, T, n_kv_heads, head_dim]."""
        n_layers, _, n_rows, n_heads, dim = rows.shape
        cache = cls.empty(n_layers, n_heads, dim, n_rows, kind)
        keys, values = kind.bits(rows).transpose(1, 0, 3, 2, 4)  # [n_layers, n_kv_heads, T, head_dim]
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
        n_layers, n_heads, n_value_panels, capacity, _ = self.values.shape
        dim = self.keys.shape[3]
        keys = self.keys.swapaxes(-1, -2).reshape(n_layers, n_heads, capacity, dim)
        values = self.values.swapaxes(2, 3).reshape(n_layers, n_heads, capacity, n_value_panels * PANEL)[..., :dim]
        rows = np.stack([keys, values], axis=1)[:, :, :, : self.n_rows].swapaxes(2, 3)
        return self.kind.numbers(rows)

    def key_rows(self, layer: int, head: int) -> np.ndarray:
        """Keys that one key-value head holds: [n_rows, head_dim]."""
        keys = self.keys[layer, head].swapaxes(1, 2).reshape(-1, self.sizes[2])[: self.n_rows]
        return self.kind.numbers(keys)

    @property
    def kind(self) -> NumberType:
        """What the keys and values are held as."""
        return NumberType.of(self.keys)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Layers, key-value heads, width of a head."""
        return self.keys.shape[0], self.keys.shape[1], self.keys.shape[3]

    @property
    def capacity(self) -> int:
        """Rows that there is room for."""
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

    def cut_back(self, n_rows: int) -> None:
        """Forget the rows after the first `n_rows`."""
        self.position -= self.n_rows - n_rows
        self.n_rows = n_rows

    def _resized(self, dropped_panels: int, capacity: int) -> "KVCache":
        n_layers, n_heads, dim = self.sizes
        new = self.empty(n_layers, n_heads, dim, capacity, self.kind)
        end_panel = -(-self.n_rows // PANEL)
        dropped_rows = dropped_panels * PANEL
        new.n_rows, new.position = self.n_rows - dropped_rows, self.position
        new.keys[:, :, : end_panel - dropped_panels] = self.keys[:, :, dropped_panels:end_panel]
        new.values[:, :, :, : new.n_rows] = self.values[:, :, :, dropped_rows : self.n_rows]
        return new
