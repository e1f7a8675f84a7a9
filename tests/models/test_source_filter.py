"""The source-filter decoder: equal to its torch form and to plain loops; one stream however it is cut; its noise."""

import copy
import dataclasses
import functools
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np import TTSModel
from pockettts_np.config.config import SourceFilterConfig
from pockettts_np.models.mimi import MimiDecoder
from pockettts_np.models.source_filter import NOISE_SEED, SourceFilter, SourceFilterState, pulses
from pockettts_np.threads.pipeline import pipelined
from pockettts_np.weights.checkpoint import Source, Weights, open_checkpoint
from tests.support import naive
from tests.support.helpers import GOLDEN, NETWORK, assert_close, golden
from tests.support.random_models import RandomWeights, small_config
from tests.support.streams import SEEDS, cuts, in_pieces, normal, whole
from tests.support.ways import same_bits

pytestmark = pytest.mark.numerics

RATE_HZ, HIGHEST_HZ, REFERENCE_HZ = 24_000, 11_000.0, 150.0
WIDTH = 3
SILENT = -1e4  # log size
EXACT = same_bits(100 * NETWORK)  # what BLAS rounds otherwise in the pitch adds up in the phase


@functools.cache
def head(hop_samples: int = 240) -> SourceFilter:
    sizes = SourceFilterConfig(WIDTH, hop_samples, HIGHEST_HZ, REFERENCE_HZ)
    return SourceFilter.load(RandomWeights.seeded(1), sizes, RATE_HZ)


@functools.cache
def model() -> TTSModel:
    return TTSModel.load_model(config=GOLDEN / "source_filter.toml")


def parameters(n_rows: int, layer: SourceFilter, pitch_hz=REFERENCE_HZ, voicing=1.0, noise=SILENT) -> np.ndarray:
    """Rows that let the harmonics through as they are: [n_rows, n_parameters]."""
    n_bins = layer.config.n_bins
    rows = np.zeros((n_rows, layer.config.n_parameters), np.float32)
    rows[:, 2 * n_bins : 3 * n_bins] = noise
    rows[:, -2] = np.log(np.asarray(pitch_hz, np.float64) / REFERENCE_HZ)
    rows[:, -1] = voicing
    return rows


def random_parameters(seed: int, n_rows: int, layer: SourceFilter, pitch_hz: float = REFERENCE_HZ) -> np.ndarray:
    """Any filters, noise of any size, a pitch that wanders around `pitch_hz`, voice that comes and goes."""
    rows = normal(seed, n_rows, layer.config.n_parameters)
    rows[:, -2] = np.log(pitch_hz / REFERENCE_HZ) + 0.1 * rows[:, -2]
    return rows


def sound(layer: SourceFilter, rows: np.ndarray, state: SourceFilterState | None = None) -> np.ndarray:
    return layer.sound(rows, layer.init_state() if state is None else state)[:, 0]


def sound_in_pieces(layer: SourceFilter, rows: np.ndarray, bounds: list[int]) -> np.ndarray:
    state = layer.init_state()
    return np.concatenate([sound(layer, rows[a:b], state) for a, b in itertools.pairwise(bounds)])


# ---------------------------------------------------------------- the torch form, and plain loops


def test_every_part_equals_the_torch_form():
    arrays, meta = golden("source_filter")
    decoder, thin = model().decoder, meta["thin"]
    early = model().config.mimi.lookahead_frames * model().config.mimi.frame_samples
    upsampled = decoder.upsample(decoder.projection(arrays["latents"]), decoder.upsample.init_state())
    assert_close(decoder.transformer(upsampled, decoder.transformer.init_state()), arrays["rows"])
    rows = decoder.head.linear(decoder.head.norm(arrays["rows"]))
    assert_close(rows[::thin, ::thin], arrays["parameters"])
    rows[:, -2:] = arrays["pitch_and_voicing"]
    # An error of the pitch adds up in the phase, and times 50 in the 50th harmonic. The torch form draws it in float32.
    assert_close(sound(decoder.head, rows)[early::thin], arrays["audio"], 10 * NETWORK)
    assert_close(whole(decoder, arrays["latents"])[early::thin], arrays["audio"], 100 * NETWORK)


@given(
    seed=SEEDS,
    n_rows=st.integers(1, 4),
    hop_samples=st.sampled_from([2, 4, 6, 10]),
    pitch_hz=st.sampled_from([30.0, 150.0, 900.0, 5000.0, 30_000.0]),
)
@example(seed=0, n_rows=1, hop_samples=2, pitch_hz=150.0)
@settings(max_examples=25)
def test_the_sound_equals_plain_loops(seed, n_rows, hop_samples, pitch_hz):
    layer = head(hop_samples)
    rows = random_parameters(seed, n_rows, layer, pitch_hz)
    turns = 2 * np.pi * np.random.default_rng(NOISE_SEED).random((2 * n_rows, layer.config.n_bins), np.float32)
    want = naive.source_filter(rows, hop_samples, RATE_HZ, HIGHEST_HZ, REFERENCE_HZ, turns)
    assert_close(sound(layer, rows), want, NETWORK)


def test_the_first_row_stands_for_the_one_before_it():
    layer = head(8)
    rows = random_parameters(3, 4, layer)
    rows[1:] = rows[0]
    state = layer.init_state()
    state.row = rows[:1].copy()
    assert np.array_equal(sound(layer, rows), sound(layer, rows, state))


# ---------------------------------------------------------------- one stream


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=15)
def test_rows_in_pieces_give_the_same_bits(data, seed):
    layer = head(240)
    rows = random_parameters(seed, 12, layer)
    assert np.array_equal(sound_in_pieces(layer, rows, data.draw(cuts(12))), sound(layer, rows))


@given(data=st.data(), seed=SEEDS)
@settings(max_examples=8)
def test_latents_in_pieces_give_the_same_bits(data, seed):
    decoder, latents = model().decoder, normal(seed, 7, 64)
    assert_close(in_pieces(decoder, latents, data.draw(cuts(7))), whole(decoder, latents), EXACT)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@given(data=st.data(), n_stages=st.integers(1, 6))
@settings(max_examples=4)
def test_stages_give_the_same_bits_with_any_number_of_threads(n_threads, data, n_stages):
    decoder, latents = model().decoder, normal(5, 7, 64)
    first, *others = decoder.stages(n_stages)
    stages = [lambda items: first(items[0]), *others]
    pieces = [latents[a:b] for a, b in itertools.pairwise(data.draw(cuts(7)))]
    got = np.concatenate(list(pipelined(iter(pieces), stages, n_threads, 4)))
    assert got.shape == (7 * 1920, 1)
    assert_close(got[:, 0], whole(decoder, latents), EXACT)


def test_a_transform_does_not_depend_on_those_beside_it():
    windows = normal(0, 37, 480)
    spectra = np.fft.rfft(windows)
    samples = np.fft.irfft(spectra, 480)
    assert (spectra.dtype, samples.dtype) == (np.complex64, np.float32)
    for n in (1, 2, 3, 5, 16, 32):
        assert np.array_equal(np.fft.rfft(windows[-n:]), spectra[-n:])
        assert np.array_equal(np.fft.irfft(spectra[-n:], 480), samples[-n:])


def test_copied_states_go_their_own_ways():
    layer = head(240)
    rows = random_parameters(0, 10, layer)
    state = layer.init_state()
    begun = sound(layer, rows[:4], state)
    fork = copy.deepcopy(state)
    sound(layer, random_parameters(1, 5, layer), fork)
    assert np.array_equal(np.concatenate([begun, sound(layer, rows[4:], state)]), sound(layer, rows))


def test_no_rows_make_no_sound_and_change_nothing():
    layer = head(240)
    rows = random_parameters(0, 3, layer)
    assert_close(sound(layer, rows[:0]), np.zeros(0))
    assert np.array_equal(sound_in_pieces(layer, rows, [0, 0, 2, 2, 3, 3]), sound(layer, rows))


# ---------------------------------------------------------------- harmonics


def test_pulses_are_all_harmonics_in_equal_parts_of_power_1():
    for n_harmonics in (1, 2, 7, 73):
        angle = ((np.arange(1024) / 1024 + 0.5) % 1 - 0.5) * (2 * np.pi)
        found = pulses(angle.astype(np.float32), np.full(1024, n_harmonics, np.float32))
        want = np.zeros(513)
        want[1 : n_harmonics + 1] = 512 * np.sqrt(2 / n_harmonics)
        assert_close(np.fft.rfft(found).real, want)
        assert np.mean(found**2) == pytest.approx(1, rel=1e-5)


def test_filters_that_change_nothing_let_the_source_through():
    """Two Hann windows at each end of the way add up to 3 / 2 everywhere."""
    layer = head(240)
    rows = parameters(9, layer, np.linspace(151, 307, 9))
    late = 3 * layer.window_hop
    pitch_hz = REFERENCE_HZ * np.exp(rows[:, -2].astype(np.float64))
    source = naive.harmonic_source(pitch_hz, [1.0] * 9, 240, RATE_HZ, HIGHEST_HZ)
    assert_close(sound(layer, rows)[2 * late :], 1.5 * source[late:-late], NETWORK)


def test_the_phase_goes_round_for_hours_without_drift():
    """Two rows are three periods of 150 Hz."""
    layer = head(240)
    state = layer.init_state()
    rows = parameters(4, layer)
    first = [sound(layer, rows, state) for _ in range(2)][1]
    state.phase *= 450_000  # what six hours of the same rows add
    assert_close(sound(layer, rows, state), first)


def test_there_is_silence_where_there_is_no_voice():
    layer = head(240)
    voicing = np.array([1.0] * 6 + [0.0, -1.0, -1.0, 0.0, 0.0, -3.0, 0.0] + [1e-3] * 6)
    got = sound(layer, parameters(len(voicing), layer, voicing=voicing))
    late = 3 * layer.window_hop
    silent = got[240 * 7 + 2 * late : 240 * 13]  # where no window reaches a voice
    assert len(silent) == 720
    assert not silent.any()
    assert np.abs(got[: 240 * 6]).max() > 1
    assert np.abs(got[240 * 14 + late :]).max() > 1
    assert not sound(layer, parameters(9, layer, voicing=0.0)).any()


@pytest.mark.parametrize("pitch_hz", [1e-30, 1.0, 20.0, 10_999.0, 11_000.0, 1e30])
def test_any_pitch_gives_harmonics_of_power_1(pitch_hz):
    """A pitch without harmonics below the highest is the highest; one below a hertz is a hertz."""
    layer = head(240)
    got = sound(layer, parameters(220, layer, pitch_hz))[-RATE_HZ:]
    assert np.isfinite(got).all()
    assert np.sqrt(np.mean(got**2)) == pytest.approx(1.5, rel=0.01)


def test_the_highest_pitch_has_a_harmonic_however_numbers_are_rounded():
    """Limits halfway between two numbers of float32: a pitch at the limit may be rounded away from it."""
    for i in range(20):
        sizes = SourceFilterConfig(WIDTH, 8, 8192.0 + (i + 0.5) * 2.0**-10, REFERENCE_HZ)
        layer = SourceFilter.load(RandomWeights.seeded(1), sizes, RATE_HZ)
        assert np.isfinite(sound(layer, parameters(4, layer, 1e6))).all()


@pytest.mark.parametrize("value", [-1e30, 1e30])
def test_huge_numbers_give_sound_of_bounded_size(value):
    layer = head(240)
    got = sound(layer, np.full((9, layer.config.n_parameters), value, np.float32))
    assert np.isfinite(got).all()
    assert np.abs(got).max() < 1e5


# ---------------------------------------------------------------- noise


def test_noise_has_the_power_that_each_bin_is_given():
    """A bin of size a gives a sample of a window the power 2 a² / n²; squares of windows add up to 3 / 2."""
    layer = head(240)
    n = layer.config.n_fft
    log_size = np.full(layer.config.n_bins, SILENT)
    log_size[40:60], log_size[150:170] = 2.0, 3.0
    got = sound(layer, parameters(2000, layer, voicing=0.0, noise=log_size))[2 * n :]
    spectra = np.fft.rfft(got[: len(got) // n * n].reshape(-1, n) * layer.window)
    power = np.mean(np.abs(spectra) ** 2, axis=0)
    assert power[153:167].mean() / power[43:57].mean() == pytest.approx(np.exp(2), rel=0.05)
    assert max(power[:35].max(), power[65:145].max(), power[175:].max()) < 1e-3 * power[50]
    assert np.mean(got**2) == pytest.approx(1.5 * 20 * 2 * (np.exp(4) + np.exp(6)) / n**2, rel=0.03)


def test_noise_is_the_same_for_every_stream():
    layer = head(240)
    rows = parameters(20, layer, voicing=0.0, noise=0.0)
    one, two = sound(layer, rows), sound(layer, rows)
    assert np.array_equal(one, two)
    assert np.abs(one).max() > 0


def test_noise_does_not_come_again():
    layer = head(240)
    rows = parameters(40, layer, voicing=0.0, noise=0.0)
    state = layer.init_state()
    a, b = sound(layer, rows, state), sound(layer, rows, state)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.1


# ---------------------------------------------------------------- loading, and the whole model


def sources() -> dict[str, Source]:
    return open_checkpoint(GOLDEN / "source_filter.safetensors")


@pytest.mark.parametrize("name", ["norm.weight", "norm.bias", "linear.weight", "linear.bias"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(name, value):
    held = sources()
    source = held[f"mimi.filters.{name}"]
    broken = source.read().copy()
    broken.flat[-1] = value
    held[f"mimi.filters.{name}"] = dataclasses.replace(source, read=lambda: broken, read_stored=lambda: broken)
    with pytest.raises(ValueError, match=f"'mimi.filters.{name}' holds NaN or infinity"):
        MimiDecoder.load(Weights("some.safetensors", held).scope("mimi"), small_config("source_filter").mimi)


def test_weights_of_another_size_are_refused():
    mimi = small_config("source_filter").mimi
    sizes = dataclasses.replace(mimi.decoder_source_filter, hop_samples=120)
    with pytest.raises(ValueError, match=r"'mimi.filters.linear.weight' has shape \[725, 12\].* wants \[365, 12\]"):
        SourceFilter.load(Weights("some.safetensors", sources()).scope("mimi.filters"), sizes, RATE_HZ)


@pytest.mark.parametrize("quantize", [False, True])
def test_a_model_speaks_the_same_with_any_number_of_threads(quantize):
    loaded = TTSModel.load_model(config=GOLDEN / "source_filter.toml", quantize=quantize, eos_threshold=np.inf)
    voice = loaded.get_initial_state()
    said = [dataclasses.replace(loaded, threads=n).generate_audio(voice, "Hello world.", noise=0) for n in (1, 2, 3)]
    assert len(said[0]) > 6 * 1920
    assert np.abs(said[0]).max() > 0
    for other in said[1:]:
        assert_close(other, said[0], EXACT)
