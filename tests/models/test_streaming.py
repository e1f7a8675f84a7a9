"""Two laws of every streaming layer: the result does not depend on how the stream was cut, and later input never
changes earlier output. Geometry is parametrised; Hypothesis draws the cuts and the numbers."""

import copy
import dataclasses
import functools
import itertools
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.config.config import FlowLMTransformerConfig, SourceFilterConfig
from pockettts_np.kernels.panels import PANEL, NumberType
from pockettts_np.models.flow_lm import PROMPT_ROWS
from pockettts_np.models.seanet import ResidualBlock, SEANet
from pockettts_np.models.source_filter import SourceFilter
from pockettts_np.models.transformer import BLOCK_ROWS, Transformer
from pockettts_np.modules.attention import KVCache
from pockettts_np.threads.pipeline import pipelined
from tests.support import naive
from tests.support.convolutions import CONVS, TRANSPOSED, conv, depthwise, transposed
from tests.support.helpers import NETWORK, OPERATION, assert_close
from tests.support.random_models import RandomWeights, small_config, small_model
from tests.support.streams import SEEDS, cuts, in_pieces, normal, whole
from tests.support.ways import same_bits

pytestmark = pytest.mark.numerics


# ---------------------------------------------------------------- networks


def transformer(context: int | None, n_layers: int = 2) -> Transformer:
    sizes = FlowLMTransformerConfig(
        d_model=6, attn_dim=8, num_heads=4, num_kv_heads=2, num_layers=n_layers, hidden_scale=1, max_period=100
    )
    return Transformer.load(RandomWeights.seeded(4), sizes, sizes.max_period, context)


TRANSFORMERS = {context: transformer(context) for context in (None, 1, 2, 5, 12)}


@pytest.mark.parametrize("context", TRANSFORMERS)
@given(data=st.data(), seed=SEEDS)
@settings(max_examples=15)
def test_transformer_in_pieces_equals_whole(context, data, seed):
    layer, x = TRANSFORMERS[context], normal(seed, 24, 6)
    assert_close(in_pieces(layer, x, data.draw(cuts(24))), whole(layer, x))


@pytest.mark.parametrize("context", [1, 5, PANEL, PANEL + 1, PANEL + 8])
@given(data=st.data(), seed=SEEDS)
@settings(max_examples=5)
def test_the_cache_lets_go_of_panels_that_no_query_sees(context, data, seed):
    """Rows go by panels of 32, once the cache is full: so a stream has to be some panels longer than the context."""
    layer, unlimited = transformer(context, n_layers=1), transformer(None, n_layers=1)
    x = normal(seed, 5 * PANEL, 6)
    got = in_pieces(layer, x, data.draw(cuts(len(x))))
    assert_close(got, whole(layer, x))
    state = unlimited.init_state()
    state.position = len(x) - context  # one layer sees no more of the stream than this
    assert_close(got[-1], unlimited(x[-context:], state)[-1])


@pytest.mark.parametrize("context", [None, 5, BLOCK_ROWS - 1])
def test_transformer_over_more_rows_than_a_block(context):
    sizes = FlowLMTransformerConfig(d_model=2, num_heads=1, num_layers=2, hidden_scale=1, max_period=100)
    w = RandomWeights.seeded(5)
    layer = Transformer.load(w, sizes, sizes.max_period, context)
    x = normal(0, 2 * BLOCK_ROWS + 3, 2)
    want = x.astype(np.float64)
    for i in range(2):
        want = naive.transformer_layer(want, naive.scope(w.tensors, f"layers.{i}"), 1, 1, context, 100)
    assert_close(whole(layer, x), want, NETWORK)


def test_the_cache_of_a_context_does_not_grow_with_the_stream():
    layer = TRANSFORMERS[5]
    state = layer.init_state()
    for _ in range(5 * PANEL):
        layer(normal(0, 1, 6), state)
        assert state.capacity <= 2 * PANEL
    assert state.position == 5 * PANEL


def test_an_empty_piece_changes_nothing():
    layer, x = TRANSFORMERS[None], normal(0, 4, 6)
    assert_close(in_pieces(layer, x, [0, 0, 2, 2, 4, 4]), whole(layer, x))


@functools.cache
def seanet(kind: str) -> SEANet:
    """Two stages of strides 3 and 2, a dilated second residual block; `kind` has its padding after a space."""
    side, pad_mode = kind.split()
    sizes = {"n_filters": 2, "n_residual_layers": 2, "ratios": (3, 2), "dimension": 4, "pad_mode": pad_mode}
    config = dataclasses.replace(small_config().mimi.seanet, **sizes)
    load = SEANet.load_encoder if side == "encoder" else SEANet.load_decoder
    return load(RandomWeights.seeded(6), config)


def source_filter() -> SourceFilter:
    return SourceFilter.load(RandomWeights.seeded(8), SourceFilterConfig(3, 8, 3000, 300), 24000)


SEANETS = ["encoder constant", "encoder replicate", "decoder constant", "decoder replicate"]


def seanet_input(kind: str, seed: int, frames: int = 7) -> tuple[np.ndarray, int]:
    """A stream of so many steps on the slow side, and how many rows make one step."""
    return (normal(seed, 6 * frames, 1), 6) if kind.startswith("encoder") else (normal(seed, frames, 4), 1)


@pytest.mark.parametrize("kind", SEANETS)
@given(data=st.data(), seed=SEEDS)
@settings(max_examples=15)
def test_seanet_in_pieces_equals_whole(kind, data, seed):
    layer = seanet(kind)
    x, step = seanet_input(kind, seed)
    assert_close(in_pieces(layer, x, data.draw(cuts(len(x), step))), whole(layer, x), NETWORK)


@pytest.mark.parametrize("dilation", [1, 4])
def test_residual_block_equals_naive(dilation):
    w = RandomWeights.seeded(7)
    config = dataclasses.replace(small_config().mimi.seanet, n_filters=2, compress=2, residual_kernel_size=3)
    block, x = ResidualBlock.load(w, 4, dilation, config), normal(0, 9, 4)
    assert_close(whole(block, x.copy()), naive.residual_block(x, w.tensors, dilation))


MODEL = small_model()


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=4)
def test_decoder_in_pieces_equals_whole(data, seed):
    latents = normal(seed, 5, 8)
    got = in_pieces(MODEL.decoder, latents, data.draw(cuts(5)))
    assert got.shape == (5 * 1920,)
    assert_close(got, whole(MODEL.decoder, latents), NETWORK)


@given(data=st.data(), seed=SEEDS, n_stages=st.integers(1, 12), threads=st.integers(1, 5))
@settings(max_examples=10)
def test_the_decoder_s_stages_make_the_same_bits_however_they_are_cut_and_run(data, seed, n_stages, threads):
    latents = normal(seed, 5, 8)
    ends = data.draw(cuts(5))
    pieces = [latents[a:b] for a, b in itertools.pairwise(sorted({0, *ends, 5}))]
    first, *others = MODEL.decoder.stages(n_stages)
    assert len(others) < n_stages
    stages = [lambda items: first(items[0]), *others]
    got = np.concatenate(list(pipelined(iter(pieces), stages, threads, limit=3)))
    assert_close(got[:, 0], whole(MODEL.decoder, latents), same_bits(NETWORK))


@pytest.mark.parametrize("threads", [2, 3, 4, 9])
def test_any_number_of_threads_encodes_to_the_same_bits(threads):
    samples = normal(0, 7 * 1920 + 700)
    assert_close(MODEL.encoder(samples, threads), MODEL.encoder(samples), same_bits(NETWORK))


def test_encoding_that_nobody_wants_ends():
    stop = threading.Event()
    stop.set()
    for threads in (1, 3):
        with pytest.raises(CancelledError):
            MODEL.encoder(normal(0, 1920), threads, stop)


def test_the_work_of_layers_is_counted_in_multiply_adds():
    """Of panels of 32 outputs, rows times inputs; an ELU counts as 32."""
    layer = seanet("decoder constant")  # of widths 8, 4 and 2, strides 3 and 2, kernels 3, 2 and 2
    first, up, *_, last = layer.work(5)
    assert first == 5 * 32 * 3 * 4 + 5 * 4 * 32
    assert up == 5 * 32 * 2 * 8 + 5 * 8 * 32
    assert last == 5 * 6 * 2 * 2 + 5 * 6 * 2 * 32
    assert len(layer.work(5)) == len(layer.layers)


@pytest.mark.parametrize("threads", [1, 2])
def test_encoding_in_blocks_equals_encoding_at_once(monkeypatch, threads):
    samples = normal(0, 4 * 1920 + 700)
    want = MODEL.encoder(samples)
    assert want.shape == (5, MODEL.config.mimi.encoder_dim)
    monkeypatch.setattr("pockettts_np.models.mimi.BLOCK_FRAMES", 2 - threads % 2)
    assert_close(MODEL.encoder(samples, threads), want, NETWORK)


@pytest.mark.parametrize("context", [None, 5, PANEL + 1])
@pytest.mark.parametrize("n", [1, 2, 3, 19, BLOCK_ROWS, 2 * BLOCK_ROWS + 5])
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_any_number_of_threads_reads_a_prompt_as_one_does(context, n, threads):
    layer = transformer(context)
    x, states = normal(0, n + 3, 6), [layer.init_state() for _ in range(2)]
    for state in states:
        layer(x[:3], state)
    one, many = layer(x[3:], states[0]), layer(x[3:], states[1], threads=threads)
    assert_close(many, one, same_bits(OPERATION))
    assert states[1].position == n + 3
    assert_close(layer(x[:3], states[1]), layer(x[:3], states[0]))  # and they go on alike


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n", [PROMPT_ROWS, PROMPT_ROWS + 1, 2 * PROMPT_ROWS + BLOCK_ROWS // 2 + 3])
def test_a_prompt_is_read_in_pieces_to_the_same_bits(threads, n):
    rows, states = normal(0, n, 16), [MODEL.flow_lm.init_state() for _ in range(2)]
    MODEL.flow_lm.transformer(rows, states[0], threads)
    MODEL.flow_lm.prompt(rows, states[1], threads)
    assert_close(states[1].rows(), states[0].rows(), same_bits(NETWORK))


def test_a_prompt_that_nobody_wants_is_read_no_further():
    stop, state = threading.Event(), MODEL.flow_lm.init_state()
    MODEL.flow_lm.prompt(normal(0, 3, 16), state, stop=stop)
    stop.set()
    with pytest.raises(CancelledError):
        MODEL.flow_lm.prompt(normal(0, 3, 16), state, stop=stop)
    assert state.n_rows == 3


def test_the_encoder_completes_a_frame_with_silence():
    samples = normal(0, 1920 + 1)
    padded = np.concatenate([samples, np.zeros(1919, np.float32)])
    assert np.array_equal(MODEL.encoder(samples), MODEL.encoder(padded))


# ---------------------------------------------------------------- causality and forks

LAYERS = {
    **{f"conv {g}": (conv(g)[0], g.stride * 4, g.stride, 2) for g in CONVS},
    **{f"transposed {k} {s}": (transposed(k, s)[0], 4, 1, 3) for k, s in TRANSPOSED},
    "depthwise": (depthwise(4, 2)[0], 4, 1, 3),
    **{f"transformer {context}": (TRANSFORMERS[context], 9, 1, 6) for context in TRANSFORMERS},
    "source-filter decoder": (source_filter(), 5, 1, 3),
    **{kind: (seanet(kind), *((24, 6, 1) if "encoder" in kind else (4, 1, 4))) for kind in SEANETS},
}  # layer, rows of a stream, rows of a step, channels


@pytest.mark.parametrize("name", LAYERS)
@given(data=st.data(), seed=SEEDS)
@settings(max_examples=8)
def test_later_input_never_changes_earlier_output(name, data, seed):
    layer, n, step, channels = LAYERS[name]
    x = normal(seed, n, channels)
    known = step * data.draw(st.integers(1, n // step))
    other = x.copy()
    other[known:] += 1 + normal(seed + 1, n - known, channels)
    a, b = whole(layer, x), whole(layer, other)
    n_out = len(a) * known // n
    assert_close(a[:n_out], b[:n_out])


@pytest.mark.parametrize("name", LAYERS)
def test_every_step_of_input_changes_the_output_at_once(name):
    """No lookahead, and no needless delay either: each step of input already reaches the step of output beside it."""
    layer, n, step, channels = LAYERS[name]
    x = normal(0, n, channels)
    other = x.copy()
    other[-1] += 1
    a, b = whole(layer, x), whole(layer, other)
    last = len(a) * step // n
    assert np.abs(a[-last:] - b[-last:]).max() > 0


@pytest.mark.parametrize("name", LAYERS)
def test_copied_states_go_their_own_ways(name):
    layer, n, step, channels = LAYERS[name]
    x, half = normal(0, n, channels), n // step // 2 * step
    state = layer.init_state()
    first = layer(x[:half], state)
    fork = copy.deepcopy(state)
    one = layer(x[half:], state)
    layer(normal(1, n, channels), fork)  # what one branch hears, the other does not
    assert_close(np.concatenate([first, one]), whole(layer, x), OPERATION if "coder" not in name else NETWORK)


def test_a_copied_cache_is_independent_and_has_room():
    layer, x = TRANSFORMERS[None], normal(0, 4 + PANEL, 6)
    state = layer.init_state()
    layer(x[:4], state)
    held = state.rows()
    forks = [state.copy(spare_rows=PANEL) for _ in range(2)]
    panels = [fork.keys for fork in forks]
    layer(normal(1, PANEL, 6), forks[0])
    want = whole(layer, x)[4:]
    assert_close(layer(x[4:], forks[1]), want)  # what the other fork heard, it did not
    assert np.array_equal(forks[0].rows()[:, :, :4], held)
    assert all(fork.keys is first for fork, first in zip(forks, panels, strict=True))  # nothing had to grow
    assert_close(layer(x[4:], state), want)


def test_rows_of_a_cache_are_those_it_was_made_of():
    rows = normal(0, 2, 2, PANEL + 3, 3, PANEL + 2)
    cache = KVCache.from_rows(rows, position=90)
    assert cache.sizes == (2, 3, PANEL + 2)
    assert (cache.n_rows, cache.position) == (PANEL + 3, 90)
    for same in (cache, cache.copy(), cache.copy(spare_rows=2 * PANEL)):
        assert np.array_equal(same.rows(), rows)
    halves = KVCache.from_rows(rows, 90, NumberType.FLOAT16)
    assert np.array_equal(halves.rows(), rows.astype(np.float16))
    assert halves.keys.nbytes == cache.keys.nbytes / 2
