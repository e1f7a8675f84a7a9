"""Fixtures shared by all tests: the tiny random models of tests/golden, each loaded once a session."""

import functools
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from pockettts_np import TTSModel, __main__
from tests.support.helpers import GOLDEN
from tests.support.random_models import small_model
from tests.support.texts import tokenizer

# The first example of a test may compile a kernel, which takes seconds: time says nothing about the example.
settings.register_profile("pockettts", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pockettts")


@pytest.fixture(scope="session", autouse=True)
def _no_cache(tmp_path_factory):
    """Tests find no model that the user has fetched, and fetch none."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_ENDPOINT"):
            environment.delenv(name, raising=False)
        environment.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        environment.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of the golden fixtures."""
    return GOLDEN


@pytest.fixture(scope="session")
def golden_model() -> Callable[[str], TTSModel]:
    """Loads tests/golden/NAME.toml, once a session. Models hold no state, so that tests may share them."""
    return functools.cache(lambda name: TTSModel.load_model(config=GOLDEN / f"{name}.toml"))


@pytest.fixture(scope="session")
def tiny_model(golden_model) -> TTSModel:
    """The architecture of the 100M models: two time conditions, a BOS row before the voice."""
    return golden_model("lsd")


@pytest.fixture(scope="module")
def voice():
    """A voice of `small_model`."""
    model, rows = small_model(), np.random.default_rng(0).standard_normal((4, 16)).astype(np.float32)
    state = model.flow_lm.init_state()
    model.flow_lm.prompt(model.flow_lm.before_voice(rows), state)
    return state


@pytest.fixture(scope="session")
def get(tmp_path_factory):
    """tokenizer(name), in a folder of this session."""
    folder = tmp_path_factory.mktemp("tokenizers")
    return lambda name: tokenizer(name, folder)


@pytest.fixture
def run(tmp_path, monkeypatch, capsysbinary):
    """Run the command in an empty folder: status, standard output in bytes, standard error as text."""
    monkeypatch.chdir(tmp_path)

    def run(*argv, stdin=None):
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = __main__.main([str(argument) for argument in argv])
        out, err = capsysbinary.readouterr()
        return status, out, err.decode()

    return run
