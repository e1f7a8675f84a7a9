"""Kernels that read float32 alone get every weight so, widened once, when it is loaded."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from pockettts_np.config.config import FlowLMTransformerConfig
from pockettts_np.kernels.panels import NumberType, Panels, as_float32, pack
from pockettts_np.kernels.vectorized.products import side_by_side
from pockettts_np.models.transformer import Transformer
from pockettts_np.weights import packing
from pockettts_np.weights.checkpoint import Weights, open_checkpoint
from pockettts_np.weights.packing import lone_panels, stacked_panels
from pockettts_np.weights.storage import Storage
from tests.support.random_models import RandomWeights


def both_ways(monkeypatch, load) -> tuple:
    """What `load` makes where the kernels read every kind of number, and where they read float32 alone."""
    found = []
    for keeps_kinds in (True, False):
        monkeypatch.setattr(packing, "KEEPS_KINDS", keeps_kinds)
        found.append(load())
    return found[0], found[1]


def assert_widened(panels: Panels, kept: Panels, kind: NumberType) -> None:
    assert (kept.kind, panels.kind) == (kind, NumberType.FLOAT32)
    assert panels.data.dtype == np.float32
    assert np.array_equal(panels.data, as_float32(kept.data))
    assert np.array_equal(panels.scale, kept.scale)
    assert np.shares_memory(side_by_side(panels.data), panels.data)


@pytest.mark.parametrize("kind", NumberType)
def test_stacks_are_widened_once_when_they_are_loaded(monkeypatch, kind):
    def load() -> Panels:
        return stacked_panels(RandomWeights.seeded(1).held_as(Storage(stacks=kind)), "layers.{}.w", 2, (40, 6))

    kept, widened = both_ways(monkeypatch, load)
    assert_widened(widened, kept, kind)


def test_stacks_in_a_file_of_int8_are_widened_too(monkeypatch, tmp_path):
    values = np.random.default_rng(0).integers(-127, 128, (2, 40, 6), np.int8)
    tensors = {
        "layers.*.w": pack(values, NumberType.INT8),
        "layers.*.w_scale": 1 + np.random.default_rng(1).random((2, 40), np.float32),
    }
    save_file(tensors, tmp_path / "m.safetensors")

    def load() -> Panels:
        w = Weights("m", open_checkpoint(str(tmp_path / "m.safetensors")))
        return stacked_panels(w, "layers.{}.w", 2, (40, 6))

    kept, widened = both_ways(monkeypatch, load)
    assert_widened(widened, kept, NumberType.INT8)
    assert np.array_equal(widened.scale, tensors["layers.*.w_scale"])


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16])
def test_lone_matrices_are_widened_too(monkeypatch, kind):
    w = RandomWeights.seeded(1).held_as(Storage(lone=kind))
    kept, widened = both_ways(monkeypatch, lambda: lone_panels(w, np.random.default_rng(1).random((40, 6), np.float32)))
    assert_widened(widened, kept, kind)


def test_caches_are_float32_too(monkeypatch):
    sizes = FlowLMTransformerConfig(d_model=8, num_heads=2, num_layers=1, hidden_scale=2, max_period=100)
    w = RandomWeights.seeded(1).held_as(Storage(cache=NumberType.FLOAT16))
    kept, widened = both_ways(monkeypatch, lambda: Transformer.load(w.again(), sizes, 100).init_state())
    assert (kept.kind, widened.kind) == (NumberType.FLOAT16, NumberType.FLOAT32)
