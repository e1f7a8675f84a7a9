"""What happens to speech between the model and the listener: speed, rate and peaks, block by block.

Every step is a generator from blocks to blocks of float32 samples [n]. How the input is cut into blocks changes
nothing in the result; a block may come out empty, longer or later than it went in.
"""

from collections.abc import Generator, Iterable

import numpy as np

from .limiter import limited
from .resampling import resampled
from .samples import Samples, speech_block
from .time_stretch import stretched

CLOSING_SILENCE_SECONDS = 0.2  # behind the speech in every file
SLOWEST, FASTEST = 0.25, 4.0
RATES_HZ = range(8_000, 192_001)


def closing_silence(rate_hz: int) -> Samples:
    """What every file ends with, at `rate_hz` samples a second."""
    return np.zeros(int(CLOSING_SILENCE_SECONDS * rate_hz), np.float32)


def require_processing(speed: float, to_hz: int | None) -> None:
    """Raise ValueError when speech cannot be made so fast or slow, or have so many samples a second."""
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"The speed is {speed:g}; wanted {SLOWEST:g} to {FASTEST:g} times the natural one.")
    if to_hz is not None and to_hz not in RATES_HZ:
        raise ValueError(f"The rate is {to_hz} Hz; wanted {RATES_HZ.start} to {RATES_HZ.stop - 1}.")


def processed(
    blocks: Iterable[Samples], from_hz: int, *, speed: float = 1.0, to_hz: int | None = None
) -> Generator[Samples]:
    """Speech at `from_hz` as it is to be heard: at `speed` times its pace in the same pitch, at `to_hz`, within ±1.

    With the defaults, every sample is what it was unless a peak above 1 is near. Closing the generator closes
    `blocks` where that is a generator.

    Args:
        blocks: float32 samples [n], of any lengths.
        from_hz: their rate.
        speed: 0.25 to 4.
        to_hz: the rate to make, 8000 to 192000; by default `from_hz`.

    Raises:
        ValueError: another speed or rate, before any block is read; a block of another shape or of no real numbers.
    """
    require_processing(speed, to_hz)
    return _processed(blocks, from_hz, speed, to_hz or from_hz)


def styled(blocks: Iterable[Samples], rate_hz: int, speed: float, gain_db: float) -> Generator[Samples]:
    """Speech [n] at `speed` times its pace in the same pitch, `gain_db` louder; with 1 and 0 the very same blocks."""
    gain = np.float32(10 ** (gain_db / 20))
    for block in stretched(blocks, rate_hz, speed):
        yield block if gain == 1 else block * gain


def _processed(blocks: Iterable[Samples], from_hz: int, speed: float, to_hz: int) -> Generator[Samples]:
    try:
        yield from limited(resampled(stretched(map(speech_block, blocks), from_hz, speed), from_hz, to_hz), to_hz)
    finally:
        if isinstance(blocks, Generator):
            blocks.close()
