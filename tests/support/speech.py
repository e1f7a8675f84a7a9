"""A model that speaks at once, and what it says."""

import dataclasses
import threading

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.config.config import TimestampHead
from tests.support.random_models import small_model

FRAME_SAMPLES = 1920


FIRST_EOS_FRAME = 6  # where small_model ends


SENTENCE = "The cat sat on the mat."  # more than four words


TWO_SENTENCES = "The cat sat on the mat. Was it red or blue?"


class PlainDecoder:
    """Stands in for the codec, which has tests of its own: each latent becomes a frame of its first number."""

    def init_state(self) -> None:
        return None

    def __call__(self, latents, state):
        return np.repeat(latents[:, 0], FRAME_SAMPLES)


def quick(threads: int = 1, **sampling) -> TTSModel:
    """A random language model that ends on frame 6, with a plain decoder."""
    model = small_model()
    changed = dataclasses.replace(model.sampling, **sampling)
    return dataclasses.replace(model, decoder=PlainDecoder(), threads=threads, sampling=changed)


def pipeline_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("pockettts-")]


def timed_model(threads: int = 1, **sampling) -> TTSModel:
    model = quick(threads, **sampling)
    heads = (TimestampHead(1, 0), TimestampHead(0, 1))
    return dataclasses.replace(model, config=dataclasses.replace(model.config, timestamp_heads=heads))
