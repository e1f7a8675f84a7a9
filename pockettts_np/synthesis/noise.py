"""Where the randomness of speech comes from: standard-normal draws, one row a frame."""

import math
from collections.abc import Iterator

import numpy as np

_erfc = np.frompyfunc(math.erfc, 1, 1)

Noise = int | np.random.Generator | np.ndarray | None


def draws(noise: Noise, latent_dim: int) -> Iterator[np.ndarray]:
    """Rows of standard-normal numbers, float32 [latent_dim], one for each frame.

    Args:
        noise: a seed (the same numbers on every machine), a generator, None (fresh entropy), or recorded draws
            `[n_frames, latent_dim]`, which must last as long as the speech.
        latent_dim: numbers in a row.

    Raises:
        ValueError: recorded draws of another shape or kind, not finite, or (while generating) too few.
        TypeError: none of the above.
    """
    if isinstance(noise, np.ndarray):
        return _recorded(_checked(noise, latent_dim))
    if isinstance(noise, bool) or not isinstance(noise, int | np.integer | np.random.Generator | None):
        raise TypeError(
            f"noise is a {type(noise).__name__}; wanted a seed, a numpy.random.Generator or an array of draws."
        )
    if isinstance(noise, int | np.integer) and noise < 0:
        raise ValueError(f"The seed is {noise}; wanted a number from 0 up.")
    return _generated(np.random.default_rng(noise), latent_dim)


def _checked(noise: np.ndarray, latent_dim: int) -> np.ndarray:
    """Recorded draws as a copy in float32."""
    wanted = f"wanted finite standard-normal draws [n_frames, {latent_dim}]."
    if noise.dtype.kind not in "fiu":
        raise ValueError(f"noise holds {noise.dtype}; {wanted}")
    if noise.ndim != 2 or noise.shape[1] != latent_dim:
        raise ValueError(f"noise has shape {list(noise.shape)}; {wanted}")
    with np.errstate(over="ignore"):
        rows = noise.astype(np.float32)
    if not np.isfinite(rows).all():
        raise ValueError(f"noise holds NaN or infinity; {wanted}")
    return rows


def _recorded(rows: np.ndarray) -> Iterator[np.ndarray]:
    yield from rows
    raise ValueError(f"The speech is longer than the {len(rows)} rows of noise given; give more rows or a seed.")


def _generated(rng: np.random.Generator, latent_dim: int) -> Iterator[np.ndarray]:
    while True:
        yield rng.standard_normal(latent_dim, np.float32)


def scale(draw: np.ndarray, temperature: float, clamp: float | None) -> np.ndarray:
    """Noise of variance `temperature` from a standard-normal draw, truncated to [−clamp, clamp] if given.

    Truncation maps the draw monotonically onto the truncated normal distribution (through both distribution
    functions), so that one draw makes one number, whatever the clamp.
    """
    std = np.float32(np.sqrt(temperature))
    if clamp is None or std == 0:
        return draw * std
    # From the lower tail, where a distribution function of float64 is exact; the upper one mirrors it.
    low = float(normal_cdf(-clamp / float(std)))
    tail = low + normal_cdf(-np.abs(draw)) * (1 - 2 * low)
    magnitude = np.minimum(-float(std) * normal_quantile(tail), clamp)
    return np.copysign(magnitude, draw).astype(np.float32)


def normal_cdf(x: np.ndarray | float) -> np.ndarray:
    """The standard normal distribution function of each number, float64, precise also in the lower tail."""
    return np.asarray(_erfc(np.asarray(x, np.float64) * -math.sqrt(0.5)), np.float64) / 2


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """The inverse of `normal_cdf` for p [n] in [0, 1), float64; -inf for 0.

    The standard library has Wichura's algorithm AS 241 (Applied Statistics 37, 1988), good to 1e-15.
    """
    from statistics import NormalDist  # only a clamp needs it

    quantile = NormalDist().inv_cdf
    return np.array([quantile(one) if one > 0 else -math.inf for one in p.tolist()])
