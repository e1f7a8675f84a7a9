"""What a voice is given as: a catalogue name, a saved voice or a recording; this is decided here alone."""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path

from ..config.config import Config
from ..files.memory import File, InMemoryFile
from .catalogue import DEFAULT_LANGUAGE, VOICES, voice_state_address

SAVED_SUFFIX = ".safetensors"
_ADDRESSES = ("hf://", "https://", "http://")
_MAX_HEADER_BYTES = 100_000_000  # of a safetensors file

# A catalogue name, a path, an https:// or hf:// address, or the content of a file.
GivenVoice = str | os.PathLike[str] | InMemoryFile | bytes | bytearray | memoryview

NO_CLONING = (
    "This model cannot clone a voice: {why}. Use a catalogue voice ({voices}) or a saved .safetensors voice; "
    "to clone, accept the terms at https://huggingface.co/kyutai/pocket-tts, make a token at "
    "https://huggingface.co/settings/tokens and set HF_TOKEN to it: the weights with cloning are then fetched."
)
NO_OTHER_VOICE = (
    "The built-in model has no voice but {own}, and cannot clone another: load the language english, or another "
    f'released model, whose voices are {", ".join(VOICES)}. In Python that is load_model("{DEFAULT_LANGUAGE}"), and '
    "the built-in voice is get_default_voice()."
)


@dataclass(frozen=True)
class SavedVoice:
    """A voice that `export_model_state`, or the reference, has written."""

    source: str | File


@dataclass(frozen=True)
class CatalogueVoice:
    """A predefined voice, of which every released model has its own saved state."""

    name: str

    def saved_for(self, config: Config) -> SavedVoice:
        """Its saved state for a model. ValueError: the model is no released one."""
        if not config.released:
            raise ValueError(
                f"The catalogue voice {self.name!r} was made with the weights of a released model; a model of one's "
                "own cannot use it. Give a recording or a saved voice instead."
            )
        return SavedVoice(voice_state_address(config.name, self.name))


@dataclass(frozen=True)
class Recording:
    """Someone speaking, to be cloned."""

    source: str | File


def voice_of(given: GivenVoice) -> CatalogueVoice | SavedVoice | Recording:
    """What is meant by a name, a path, an address or the bytes of a file. Nothing is opened or fetched.

    A name of the catalogue comes first; then a saved voice is known by its ending `.safetensors`, in an address
    without its revision (hf://…@main) or query (https://…?download), and in bytes by how they begin. All else is a
    recording. TypeError: none of these.
    """
    if isinstance(given, str) and given in VOICES:
        return CatalogueVoice(given)
    source = _source_of(given)
    is_saved = _holds_tensors(source.content) if isinstance(source, InMemoryFile) else _names_tensors(str(source))
    return SavedVoice(source) if is_saved else Recording(source)


def _source_of(given: GivenVoice) -> str | File:
    if isinstance(given, str | InMemoryFile):
        return given
    if isinstance(given, bytes | bytearray | memoryview):
        return InMemoryFile("The voice", bytes(given))
    if isinstance(given, os.PathLike):
        return Path(given)
    raise TypeError(
        f"The voice is a {type(given).__name__}; wanted a catalogue name, a path, an address, the bytes of a file, or "
        "samples as a NumPy array (of a torch tensor, tensor.numpy())."
    )


def require_voice(given: str, own: Collection[str] = ()) -> None:
    """Refuse what can be no voice before anything is loaded; `own` are the names of the model's own.

    IsADirectoryError, FileNotFoundError.
    """
    if given in own or isinstance(voice_of(given), CatalogueVoice) or given.startswith(_ADDRESSES):
        return
    if Path(given).is_dir():
        raise IsADirectoryError(f"{given} is a folder; name one recording or saved voice in it.")
    if not Path(given).exists():
        raise FileNotFoundError(
            f"There is no voice {given}: it is neither a file nor one of the names {', '.join([*own, *VOICES])}."
        )


def _names_tensors(address: str) -> bool:
    scheme = address.partition("://")[0].lower()
    if scheme == "hf":
        address = address.rpartition("@")[0] or address
    elif scheme in ("http", "https"):
        address = re.split("[?#]", address, maxsplit=1)[0]
    return address.endswith(SAVED_SUFFIX)


def _holds_tensors(content: bytes | mmap) -> bool:
    """Whether it begins as a safetensors file: the length of a JSON table, and the table."""
    begins = re.match(rb"\{\s*[\"}]", content[8:64]) is not None
    return begins and int.from_bytes(content[:8], "little") <= _MAX_HEADER_BYTES
