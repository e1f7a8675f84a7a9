"""Noise: reproducible, one row a frame, of the temperature and within the clamp that were asked for."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from pockettts_np.synthesis.noise import draws, normal_cdf, normal_quantile, scale
from tests.support.helpers import assert_close


def first_rows(noise, n: int = 4, latent_dim: int = 3) -> np.ndarray:
    return np.stack(list(itertools.islice(draws(noise, latent_dim), n)))


@given(seed=st.integers(0, 2**64))
def test_a_seed_gives_the_same_rows_again(seed):
    assert np.array_equal(first_rows(seed), first_rows(seed))


def test_seeds_differ_and_so_do_unseeded_draws():
    assert not np.array_equal(first_rows(1), first_rows(2))
    assert not np.array_equal(first_rows(None), first_rows(None))


def test_a_seed_is_the_generator_of_that_seed():
    want = first_rows(7)
    assert want.dtype == np.float32
    assert np.array_equal(first_rows(np.random.default_rng(7)), want)
    assert np.array_equal(first_rows(np.int64(7)), want)


def test_a_generator_goes_on_where_it_stopped():
    rng = np.random.default_rng(7)
    assert np.array_equal(np.concatenate([first_rows(rng, 3), first_rows(rng, 5)]), first_rows(7, 8))


def test_fewer_rows_are_the_first_of_more():
    assert np.array_equal(first_rows(7, 3), first_rows(7, 9)[:3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_recorded_rows_come_in_order_and_end_with_an_error(dtype):
    recorded = np.arange(6).reshape(2, 3).astype(dtype)
    rows = draws(recorded, 3)
    recorded_before = recorded.copy()
    recorded[:] = -1  # the draws are those of the call
    assert np.array_equal([next(rows), next(rows)], recorded_before)
    with pytest.raises(ValueError, match="longer than the 2 rows of noise given; give more rows or a seed"):
        next(rows)


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (np.zeros((2, 4)), r"has shape \[2, 4\]"),
        (np.zeros(3), r"has shape \[3\]"),
        (np.zeros((1, 2, 3)), r"has shape \[1, 2, 3\]"),
        (np.full((2, 3), np.nan), "holds NaN or infinity"),
        (np.full((2, 3), 1e300), "holds NaN or infinity"),  # in float32
        (np.zeros((2, 3), bool), "holds bool"),
        (np.zeros((2, 3), complex), "holds complex128"),
        (np.zeros((2, 3), object), "holds object"),
    ],
)
def test_recorded_rows_that_do_not_fit_are_refused_at_once(bad, what):
    with pytest.raises(ValueError, match=rf"^noise {what}; wanted finite standard-normal draws \[n_frames, 3\]\.$"):
        draws(bad, 3)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="The seed is -1; wanted a number from 0 up"):
        draws(-1, 3)


@pytest.mark.parametrize("bad", [True, 1.0, "7", [1, 2]])
def test_other_things_are_no_noise(bad):
    with pytest.raises(TypeError, match=r"wanted a seed, a numpy\.random\.Generator or an array of draws"):
        draws(bad, 3)


# ---------------------------------------------------------------- scale

DRAWS = np.random.default_rng(0).standard_normal(5000).astype(np.float32)


def test_without_a_clamp_the_variance_is_the_temperature():
    got = scale(DRAWS, 0.3, None)
    assert_close(got, DRAWS * np.sqrt(0.3))


@pytest.mark.parametrize("clamp", [None, 0.1, 10.0])
def test_temperature_zero_is_no_noise(clamp):
    assert np.array_equal(scale(DRAWS, 0.0, clamp), np.zeros_like(DRAWS))


@pytest.mark.parametrize("temperature", [0.01, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("clamp", [1e-3, 0.1, 0.5, 1.0, 5.0])
def test_clamped_noise_is_truncated_normal(temperature, clamp):
    """Kolmogorov and Smirnov's distance from the distribution function; 1.95 / √n is met in 999 of 1000 draws."""
    got = scale(DRAWS, temperature, clamp)
    assert got.dtype == np.float32
    assert np.abs(got).max() <= clamp * (1 + 1e-6)
    std = np.sqrt(temperature)
    low, high = ndtr(-clamp / std), ndtr(clamp / std)
    wanted = (ndtr(np.sort(got.astype(np.float64)) / std) - low) / (high - low)
    n = len(got)
    distance = max(np.abs(wanted - np.arange(n) / n).max(), np.abs(wanted - np.arange(1, n + 1) / n).max())
    assert distance < 1.95 / np.sqrt(n)


def test_a_wide_clamp_changes_nothing():
    assert_close(scale(DRAWS, 0.3, 100.0), scale(DRAWS, 0.3, None))


@example(draw=39.0, clamp=1e4, temperature=1e-3)
@given(draw=st.floats(-40, 40, width=32), clamp=st.floats(1e-4, 1e4), temperature=st.floats(1e-3, 10))
def test_clamped_noise_is_odd_bounded_and_ordered_for_every_draw(draw, clamp, temperature):
    """Also for draws that no generator makes, where a distribution function of float64 is 0 or 1."""
    low, high = np.float32(draw), np.float32(draw) + np.float32(0.5)
    got = scale(np.array([-low, low, high], np.float32), temperature, clamp)
    assert np.all(np.abs(got) <= clamp * (1 + 1e-6))
    assert got[0] == -got[1]
    assert got[1] <= got[2]


# ---------------------------------------------------------------- the normal distribution

LOWER_TAIL = [-np.inf, *-np.geomspace(37, 1e-300, 500), 0.0]


def test_the_distribution_function_is_scipy_s_also_far_out():
    x = np.array([*LOWER_TAIL, *np.geomspace(1e-300, 10, 100), np.inf])
    np.testing.assert_allclose(normal_cdf(x), ndtr(x), rtol=1e-12, atol=0)
    assert normal_cdf(-1.0) == normal_cdf(np.array([-1.0]))[0]


def test_its_inverse_is_scipy_s_also_far_out():
    half = 0.5 - np.geomspace(1e-16, 0.4, 300)
    p = np.array([0.0, *np.geomspace(5e-324, 0.5, 500), *half, *(1 - half)])
    np.testing.assert_allclose(normal_quantile(p), ndtri(p), rtol=1e-12, atol=0)


def test_there_and_back_is_where_it_began():
    x = np.linspace(-37, 0, 1001)
    np.testing.assert_allclose(normal_quantile(normal_cdf(x)), x, rtol=1e-12, atol=1e-15)
