"""Fixtures of the tests that need the optional extras."""

import pytest

from tests.support.live_server import HeldSpeech, calm, make_service, served
from tests.support.random_models import small_model


@pytest.fixture(scope="session")
def model():
    """A tiny random model that can clone, and says the same of the same text."""
    return calm(small_model())


@pytest.fixture(scope="session")
def service(model):
    """What the session's server serves."""
    return make_service(model)


@pytest.fixture(scope="session")
def server(service):
    """The address of a server that all tests may use who leave it as it was."""
    with served(service) as url:
        yield url


@pytest.fixture
def held(monkeypatch):
    """Speech that stops after its first frame until it is let go."""
    return HeldSpeech(monkeypatch)
