"""How many parameters a configuration has, counted without its weights."""

import math
from dataclasses import dataclass

from .config import Config
from .tensors import is_for_cloning, tensors_of


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters: of the two parts that speak, and of what only cloning needs."""

    language_model: int
    decoder: int
    cloning: int  # the encoder and the speaker projection


def count_parameters(config: Config) -> Parameters:
    """As many numbers as a whole checkpoint of this configuration holds."""
    counts = {name: math.prod(shape) for name, shape in tensors_of(config).items()}
    speaking = {name: count for name, count in counts.items() if not is_for_cloning(name)}
    language_model = sum(count for name, count in speaking.items() if name.startswith("flow_lm."))
    cloning = sum(counts.values()) - sum(speaking.values()) if config.mimi.has_encoder else 0
    return Parameters(language_model, sum(speaking.values()) - language_model, cloning)
