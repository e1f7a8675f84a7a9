"""A server of the package on a free port of this machine, in a thread, and speech that waits to be let go."""

import contextlib
import io
import socket
import threading
import time
from dataclasses import replace
from functools import partial

import httpx
import numpy as np
import soundfile

from pockettts_np.config.config import TimestampHead
from pockettts_np.server.http.app import create_app
from pockettts_np.server.http.run import address_of, bound_socket, make_server
from pockettts_np.server.limits import Limits
from pockettts_np.server.service import Service
from pockettts_np.server.voices import Voices

FRAME = np.linspace(-0.5, 0.5, 1920, dtype=np.float32)
PATIENCE_SECONDS = 60.0  # for what should take a moment, on a busy machine


class HeldSpeech:
    """Stands in for generation: one frame, and the rest once `gate` opens, unless it is stopped before.

    `error` is raised at once, or behind an open gate after the first frame.
    """

    def __init__(self, monkeypatch, n_frames=3):
        self.gate = threading.Event()
        self.n_frames = n_frames
        self.texts = []
        self.n_stopped = 0
        self.n_ended = 0
        self.error = None
        monkeypatch.setattr("pockettts_np.model.TTSModel.generate_audio_stream", self._generate)

    def _generate(self, voice, script, stop, **_):
        self.texts.append(script.text)
        if self.error is not None and not self.gate.is_set():
            raise self.error
        has_ended = False
        try:
            yield FRAME
            while not self.gate.wait(0.002):
                if stop.is_set():
                    return
            if self.error is not None:
                raise self.error
            for _ in range(self.n_frames - 1):
                yield FRAME
            has_ended = True
        finally:
            self.n_ended += has_ended
            self.n_stopped += not has_ended


def calm(model):
    """The model without randomness, so that the same text sounds the same."""
    return replace(model, sampling=replace(model.sampling, temperature=0.0))


def make_service(model, limits=Limits(n_workers=2, n_waiting=4), folder=None, allow_urls=False):  # noqa: B008
    return Service(model, Voices(model, model.get_initial_state(), limits, folder, allow_urls), limits)


@contextlib.contextmanager
def served(service, **options):
    """The address of a running server."""
    bound = bound_socket("127.0.0.1", 0)
    bound.listen()
    server = make_server(create_app(service, **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="server")
    thread.start()
    try:
        yield address_of(bound)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


get = partial(httpx.get, timeout=PATIENCE_SECONDS)
post = partial(httpx.post, timeout=PATIENCE_SECONDS)
stream = partial(httpx.stream, timeout=PATIENCE_SECONDS)


def recording(seconds=0.2, form="WAV"):
    """A file of somebody who hums."""
    file = io.BytesIO()
    soundfile.write(file, tone(seconds), 24_000, format=form)
    return file.getvalue()


def tone(seconds=0.2):
    return np.sin(np.arange(int(24_000 * seconds)) / 20).astype(np.float32) / 2


def until(condition):
    """Wait until `condition()` holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def raw_connection(url, data=b""):
    """A socket to the server on which `data` was sent."""
    address = httpx.URL(url)
    connection = socket.create_connection((address.host, address.port), timeout=PATIENCE_SECONDS)
    connection.sendall(data)
    return connection


def timed(model):
    """The model with the times of words, read off heads that any model has."""
    return replace(model, config=replace(model.config, timestamp_heads=(TimestampHead(0, 0),)))
