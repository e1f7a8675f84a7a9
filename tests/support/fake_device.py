"""A loudspeaker for tests: a module like sounddevice, and a thread that asks for samples as PortAudio does."""

import sys
import threading
import types

import numpy as np

from tests.support.blocks import joined


class FakeDevice:
    """A loudspeaker that remembers what it played. `pace` seconds pass for each 20 ms; it may fail after some."""

    BLOCK = 480

    def __init__(self):
        self.heard = []
        self.pace = 0.0
        self.asks = threading.Event()  # by itself; cleared, a test asks for it
        self.asks.set()
        self.n_blocks_to_live = None
        self.refuses = None
        self.aborted = self.closed = False
        self.module = types.ModuleType("sounddevice")
        self.module.CallbackStop = type("CallbackStop", (Exception,), {})
        self.module.PortAudioError = type("PortAudioError", (Exception,), {})
        self.module.OutputStream = self._open
        self.module.query_devices = lambda kind: {"name": "fake", "kind": kind}

    def install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sounddevice", self.module)

    def _open(self, **options):
        if self.refuses:
            raise self.module.PortAudioError(self.refuses)
        self.options = options
        return self

    def __enter__(self):
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._play)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stopping.set()
        self.asks.set()
        self.thread.join()
        self.closed = True

    def abort(self):
        self.aborted = True
        self.stopping.set()

    def _play(self):
        n_blocks = 0
        while not self.stopping.wait(self.pace) and n_blocks != self.n_blocks_to_live:
            n_blocks += 1
            self.asks.wait()
            self.ask()
        self.options["finished_callback"]()

    def ask(self):
        out = np.full((self.BLOCK, 1), np.nan, np.float32)
        try:
            self.options["callback"](out, self.BLOCK, None, None)
        except self.module.CallbackStop:
            self.stopping.set()
        self.heard.append(out[:, 0])

    def sound(self):
        """What was played but pauses."""
        heard = joined(self.heard)
        return heard[heard != 0]
