"""Pocket TTS on NumPy and Numba."""

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .hub.errors import HubError
    from .loading.voice import VoiceState, export_model_state
    from .model import TTSModel, quantize_model
    from .synthesis.live_text import SpeechStream
    from .timing.letters import Word
    from .timing.timestamps import TimedAudio

__all__ = [
    "HubError",
    "SpeechStream",
    "TTSModel",
    "TimedAudio",
    "VoiceState",
    "Word",
    "__version__",
    "export_model_state",
    "quantize_model",
]

_MODULES = {
    "HubError": "hub.errors",
    "SpeechStream": "synthesis.live_text",
    "TTSModel": "model",
    "TimedAudio": "timing.timestamps",
    "VoiceState": "loading.voice",
    "Word": "timing.letters",
    "export_model_state": "loading.voice",
    "quantize_model": "model",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `import pockettts_np` and the command's --help stay instant."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
