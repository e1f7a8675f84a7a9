"""How loud speech is, and voices brought to one loudness.

What a voice is heard at is measured once, of some words that it says, so that its speech need not be made ahead.
Loudness is that of ITU-R BS.1770-5, for one channel at any rate, in LUFS.
"""

import logging
import math
from collections.abc import Callable
from numbers import Real
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..audio.samples import Samples
from ..modules.attention import KVCache

logger = logging.getLogger(__name__)

SOFTEST, LOUDEST = -60.0, -5.0  # LUFS
MOST_GAIN_DB = 24.0  # so that a voice that hardly speaks does not become noise

BLOCK_SECONDS, STEP_SECONDS = 0.4, 0.1
ABSOLUTE_GATE = -70.0  # LUFS: what is softer does not count
RELATIVE_GATE = -10.0  # beside the loudness of what does
_OFFSET = -0.691
_TAIL_SECONDS = 0.2  # for which the filters ring

# The two filters of annex 1 as their analogue prototypes: a high shelf for the head, a high pass for the ear.
_SHELF_HZ, _SHELF_Q, _SHELF_DB = 1681.974450955533, 0.7071752369554196, 3.999843853973347
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773


def require_loudness(lufs: float | None) -> None:
    """TypeError, ValueError: no loudness that voices can be brought to, in LUFS; None leaves them as they are."""
    if lufs is None:
        return
    if not isinstance(lufs, Real) or isinstance(lufs, bool):
        raise TypeError(f"The loudness is a {type(lufs).__name__}; wanted a number of LUFS.")
    if not SOFTEST <= lufs <= LOUDEST:
        raise ValueError(f"The loudness is {lufs:g} LUFS; wanted {SOFTEST:g} to {LOUDEST:g}.")


class VoiceLevels:
    """How loud each voice is, for as long as the voice lives. Any thread."""

    def __init__(self) -> None:
        self._lufs: WeakKeyDictionary[KVCache, float] = WeakKeyDictionary()

    def gain_db(self, voice: KVCache, wanted_lufs: float, speak: Callable[[], np.ndarray], rate_hz: int) -> float:
        """What brings a voice to a loudness. `speak` says in it what it is measured by, float32 [n]."""
        if (lufs := self._lufs.get(voice)) is None:
            lufs = self._lufs[voice] = loudness(speak(), rate_hz)
            logger.debug("A voice is heard at %.1f LUFS.", lufs)
        if lufs == -math.inf:
            return 0.0
        return min(MOST_GAIN_DB, wanted_lufs - lufs)


def loudness(samples: Samples, rate_hz: int) -> float:
    """The integrated loudness of speech [n], in LUFS; -inf of silence. A shorter sound than a block is one block."""
    powers = _block_powers(_weighted(samples, rate_hz), rate_hz)
    heard = powers[powers > _power(ABSOLUTE_GATE)]
    if len(heard) == 0:
        return -math.inf
    heard = heard[heard > heard.mean() * 10 ** (RELATIVE_GATE / 10)]
    return _OFFSET + 10 * math.log10(heard.mean())


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _weighted(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    """The samples through both filters, whose responses are multiplied with the spectrum."""
    n = len(samples) + round(_TAIL_SECONDS * rate_hz)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(n))  # one sample's delay
    response = np.ones(len(z), np.complex128)
    for above, below in (_shelf(rate_hz), _high_pass(rate_hz)):
        response *= np.polyval(above[::-1], z) / np.polyval(below[::-1], z)
    weighted = np.fft.irfft(np.fft.rfft(samples.astype(np.float64), n) * response, n)
    return np.asarray(weighted[: len(samples)])


def _shelf(rate_hz: int) -> tuple[list[float], list[float]]:
    """Coefficients of 1, z⁻¹ and z⁻² above and below the fraction: a high shelf by the bilinear transform."""
    k = math.tan(math.pi * _SHELF_HZ / rate_hz)
    high = 10 ** (_SHELF_DB / 20)
    band = high**0.4996667741545416
    return (
        [high + band * k / _SHELF_Q + k * k, 2 * (k * k - high), high - band * k / _SHELF_Q + k * k],
        [1 + k / _SHELF_Q + k * k, 2 * (k * k - 1), 1 - k / _SHELF_Q + k * k],
    )


def _high_pass(rate_hz: int) -> tuple[list[float], list[float]]:
    k = math.tan(math.pi * _HIGH_PASS_HZ / rate_hz)
    scale = 1 + k / _HIGH_PASS_Q + k * k
    return (
        [scale, -2 * scale, scale],  # not normalised, as the standard has it
        [scale, 2 * (k * k - 1), 1 - k / _HIGH_PASS_Q + k * k],
    )


def _block_powers(weighted: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Mean squares of blocks of 400 ms that begin every 100 ms."""
    n_block = min(round(BLOCK_SECONDS * rate_hz), max(1, len(weighted)))
    totals = np.concatenate([[0.0], np.cumsum(np.square(weighted))])
    starts = np.arange(0, len(weighted) - n_block + 1, round(STEP_SECONDS * rate_hz))
    return np.asarray((totals[starts + n_block] - totals[starts]) / n_block)
