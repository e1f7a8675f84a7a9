"""A model that speaks at once, and what it says."""

import dataclasses
import threading
import time

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.config.config import TimestampHead
from pockettts_np.threads.pool import POOL
from tests.support.random_models import small_model

FRAME_SAMPLES = 1920


FIRST_EOS_FRAME = 6  # where small_model ends


SENTENCE = "The cat sat on the mat."  # more than four words


TWO_SENTENCES = "The cat sat on the mat. Was it red or blue?"


class PlainDecoder:
    """Stands in for the codec, which has tests of its own: each latent becomes a frame of its first number."""

    frame_work = 0

    def stages(self, n: int):
        return [lambda latents: np.repeat(latents[:, :1], FRAME_SAMPLES, axis=0)]


def quick(threads: int = 1, **sampling) -> TTSModel:
    """A random language model that ends on frame 6, with a plain decoder."""
    model = small_model()
    changed = dataclasses.replace(model.sampling, **sampling)
    return dataclasses.replace(model, decoder=PlainDecoder(), threads=threads, sampling=changed)


def n_threads_at_work() -> int:
    """Threads of the package that do something, once those that have just been let go are back."""
    deadline = time.monotonic() + 2
    while (n := _n_threads_at_work()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return n


def _n_threads_at_work() -> int:
    return sum(thread.name.startswith("pockettts-") for thread in threading.enumerate()) - POOL.n_idle


def timed_model(threads: int = 1, **sampling) -> TTSModel:
    model = quick(threads, **sampling)
    heads = (TimestampHead(1, 0), TimestampHead(0, 1))
    return dataclasses.replace(model, config=dataclasses.replace(model.config, timestamp_heads=heads))
