"""Pocket TTS on NumPy and Numba."""

from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .loading.voice import VoiceState, export_model_state
    from .model import TTSModel

__all__ = ["TTSModel", "VoiceState", "__version__", "export_model_state"]


def __getattr__(name: str) -> Any:
    """Import on first use: `import pockettts_np` and the command's --help stay instant."""
    if name == "TTSModel":
        from .model import TTSModel

        return TTSModel
    if name in ("VoiceState", "export_model_state"):
        from .loading import voice

        return getattr(voice, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
