"""The fields of a request, of JSON or of a query, each as the type that it must have."""

import math
import reprlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...limits import Refusal

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100
_SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_LONGEST_NUMBER = 40  # characters


class Fields:
    """What a caller has sent, by name. A field that is null is one that was not sent; Refusal 400 for a wrong one."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get(self, name: str) -> Any:
        """Whatever it is, or None."""
        return self._values.get(name)

    def required(self, name: str) -> Any:
        """Whatever it is."""
        if self.get(name) is None:
            raise Refusal(400, f"The field {name} is missing.", "missing_required_parameter", name)
        return self.get(name)

    def one_of(self, name: str, known: Sequence[str], default: str) -> str:
        """One of these words."""
        value = default if self.get(name) is None else self.get(name)
        if value not in known:
            raise Refusal(400, f"{name} is {shown(value)}; wanted {', '.join(known)}.", "invalid_value", name)
        return str(value)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise Refusal(400, f"{name} is {shown(value)}; wanted a string.", "invalid_type", name)
        return value

    def switch(self, name: str) -> bool | None:
        """True or false."""
        if self.get(name) is None:
            return None
        value = self._as_switch(self.get(name))
        if not isinstance(value, bool):
            raise Refusal(400, f"{name} is {shown(value)}; wanted true or false.", "invalid_type", name)
        return bool(value)

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """A number between these."""
        if self.get(name) is None:
            return None
        value = self._as_number(self.get(name))
        if not (type(value) is int or (type(value) is float and math.isfinite(value))):
            raise Refusal(400, f"{name} is {shown(value)}; wanted a number.", "invalid_type", name)
        if not lowest <= value <= highest:
            sentence = f"{name} is {shown(value)}; wanted {lowest:g} to {highest:g}."
            raise Refusal(400, sentence, "invalid_value", name)
        return float(value)

    def whole(self, name: str, highest: int) -> int | None:
        """A whole number from 0 up."""
        if self.get(name) is None:
            return None
        value = self._as_number(self.get(name))
        if type(value) is float and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if type(value) is not int:
            raise Refusal(400, f"{name} is {shown(value)}; wanted a whole number.", "invalid_type", name)
        if not 0 <= value <= highest:
            raise Refusal(400, f"{name} is {shown(value)}; wanted 0 to {highest}.", "invalid_value", name)
        return int(value)

    def _as_switch(self, value: Any) -> Any:
        return value

    def _as_number(self, value: Any) -> Any:
        return value


class QueryFields(Fields):
    """Fields that are all texts, of which some mean numbers and switches."""

    def _as_switch(self, value: Any) -> Any:
        return _SWITCHES.get(value.strip().lower(), value)

    def _as_number(self, value: Any) -> Any:
        for kind in (int, float):
            with suppress(ValueError):
                return kind(value[:_LONGEST_NUMBER])
        return value


def shown(value: Any) -> str:
    """Any value of a request, short: lists inside lists, too, and numbers of a thousand digits."""
    return _SHORT.repr(value)
