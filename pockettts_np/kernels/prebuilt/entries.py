"""Every kernel of the library, for Python to call."""

from ..scratch import with_scratch
from .library import load

DETAIL, _functions = load()
ENTRIES = {name: with_scratch(name, function) for name, function in _functions.items()}
