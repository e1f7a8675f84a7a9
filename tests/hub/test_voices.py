"""What a voice is given as is decided in one place, by its form alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from pockettts_np.files.memory import InMemoryFile
from pockettts_np.hub.catalogue import VOICES
from pockettts_np.hub.voices import CatalogueVoice, Recording, SavedVoice, require_voice, voice_of

SAVED = [
    "me.safetensors",
    Path("folder/me.safetensors"),
    "me@home.safetensors",
    "hf://me/voices/v.safetensors",
    "hf://me/voices/v.safetensors@main",
    "https://example.org/v.safetensors?download=true",
    "HTTPS://example.org/v.safetensors?download=true",
]
RECORDINGS = [
    "me.wav",
    "me",
    Path("alba"),  # a file of that name, not the voice
    "Alba",
    "me.safetensors.wav",
    "hf://me/voices/v.wav@v.safetensors",
    "https://example.org/v.wav?name=v.safetensors",
    "https://example.org/v.wav#v.safetensors",
    "http://[bad/v.wav",  # these two are refused in a sentence when they are fetched
    "http://a\u2100b/v.wav",
]
TENSORS = save({"audio_prompt": np.zeros((1, 2, 3), np.float32)})


@pytest.mark.parametrize("name", VOICES)
def test_names_of_the_catalogue_come_first(name):
    assert voice_of(name) == CatalogueVoice(name)


@pytest.mark.parametrize("given", SAVED, ids=str)
def test_saved_voices_are_known_by_their_ending(given):
    assert voice_of(given) == SavedVoice(given)


@pytest.mark.parametrize("given", RECORDINGS, ids=str)
def test_all_else_is_a_recording(given):
    assert voice_of(given) == Recording(given)


def test_bytes_are_known_by_how_they_begin():
    saved = voice_of(TENSORS)
    assert isinstance(saved, SavedVoice)
    assert saved.source.read_bytes() == TENSORS
    assert isinstance(voice_of(InMemoryFile("an upload", TENSORS)), SavedVoice)
    assert isinstance(voice_of(TENSORS[:20]), SavedVoice)  # cut short: refused as the voice that it was
    for content in (b"", b"{}", b"RIFF....WAVEfmt ", b"ID3" + bytes(5) + b"{{", b"fLaC" + bytes(4) + b"{x"):
        assert isinstance(voice_of(content), Recording)


@given(st.binary(max_size=30) | st.text())
def test_whatever_is_given_is_something(given):
    assert isinstance(voice_of(given), CatalogueVoice | SavedVoice | Recording)


def test_what_can_be_no_voice_is_refused_unopened(tmp_path):
    for name in ("alba", "hf://me/voices/absent.wav", "https://example.org/absent.wav"):
        require_voice(name)
    (tmp_path / "there.wav").touch()
    require_voice(str(tmp_path / "there.wav"))
    with pytest.raises(IsADirectoryError, match="is a folder; name one recording"):
        require_voice(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="There is no voice absent: it is neither a file nor one of the names"):
        require_voice("absent")
