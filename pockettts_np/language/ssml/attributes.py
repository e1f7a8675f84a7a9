"""What attributes of SSML ask for. ValueError: a value that the standard does not know, or that cannot be spoken."""

import math
import re

from ..pauses import MAX_PAUSE_SECONDS, STRENGTH_MS, Pause, break_seconds

SLOWEST, FASTEST = 0.25, 4.0
LOUDEST_DB = 24.0

_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.33, "x-fast": 2.0}
_VOLUMES_DB = {
    "silent": -math.inf,
    "x-soft": -12.0,
    "soft": -6.0,
    "medium": 0.0,
    "default": 0.0,
    "loud": 6.0,
    "x-loud": 12.0,
}
_NUMBER = re.compile(r"([+-]?)(\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})\s*(%|dB|)", re.IGNORECASE)


def pause_of(time: str | None, strength: str | None) -> Pause:
    """Of a break."""
    given = {"time": time, "strength": strength}
    written = " ".join(f'{name}="{value}"' for name, value in given.items() if value is not None)
    seconds = break_seconds(written)
    if seconds is None:
        raise ValueError(
            f'<break {written}> cannot be understood; wanted time="500ms", time="1.5s" or a strength of '
            f"{', '.join(STRENGTH_MS)}"
        )
    if seconds > MAX_PAUSE_SECONDS:
        raise ValueError(f"<break {written}> is too long; wanted at most {MAX_PAUSE_SECONDS} s")
    return Pause(seconds)


def speed_of(rate: str) -> float:
    """How many times faster: slow, 1.5, 150% and +50%."""
    if rate in _RATES:
        return _RATES[rate]
    sign, number, unit = _number(rate, "rate", _RATES, ("", "%"))
    value = number / 100 if unit == "%" else number
    speed = 1 + math.copysign(value, -1 if sign == "-" else 1) if sign else value
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"the rate {rate!r} cannot be spoken; wanted {SLOWEST:.0%} to {FASTEST:.0%}")
    return speed


def volume_db_of(volume: str) -> float:
    """How much louder, in decibels: soft, +6dB, -50%, and 0 to 100, of which 100 changes nothing."""
    if volume in _VOLUMES_DB:
        return _VOLUMES_DB[volume]
    sign, number, unit = _number(volume, "volume", _VOLUMES_DB, ("", "%", "db"))
    signed = -number if sign == "-" else number
    if unit == "db":
        volume_db = signed
    else:
        share = (100 + signed if sign and unit else signed) / 100
        volume_db = 20 * math.log10(share) if share > 0 else -math.inf
    if volume_db > LOUDEST_DB or (number and not sign and not unit and number > 100) or (sign and not unit):
        raise ValueError(f'the volume {volume!r} cannot be had; wanted at most "+{LOUDEST_DB:g}dB", or 0 to 100')
    return volume_db


def _number(value: str, name: str, words: dict[str, float], units: tuple[str, ...]) -> tuple[str, float, str]:
    match = _NUMBER.fullmatch(value.strip())
    if match is None or match[3].lower() not in units:
        example = "150%" if name == "rate" else "+6dB"
        raise ValueError(f"the {name} {value[:50]!r} cannot be understood; wanted {example} or {', '.join(words)}")
    return match[1], float(match[2]), match[3].lower()
