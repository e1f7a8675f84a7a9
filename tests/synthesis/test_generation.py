"""Latents and sound of one passage, with a scripted language model in place of a real one."""

import itertools
import logging
import threading

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pockettts_np.modules.attention import KVCache
from pockettts_np.synthesis import generation
from pockettts_np.synthesis.generation import Sampling
from pockettts_np.synthesis.noise import draws as rows_of
from pockettts_np.synthesis.passage import Passage, latents_alone
from tests.support.helpers import assert_close

pytestmark = pytest.mark.numerics

SAMPLING = Sampling(temperature=1.0, n_steps=1, noise_clamp=None, eos_threshold=0.0)
SILENT, END = -1.0, 1.0
MIN_FRAMES_BEFORE_EOS = 6


class ScriptedLM:
    """Says its EOS logits in turn and SILENT from then on; a latent is the noise that it was given."""

    def __init__(self, *logits: float) -> None:
        self.logits = itertools.chain(logits, itertools.repeat(SILENT))
        self.heard: list[np.ndarray | None] = []
        self.flow_net = self

    def steps(self, latents, states, ears, team=None):
        (latent,) = latents
        self.heard.append(latent)
        return np.zeros((1, 1), np.float32), np.array([next(self.logits)])

    def time_table(self, n_steps):
        return np.zeros((n_steps, 1), np.float32)

    def sample(self, z, noise, times):
        return noise

    def denormalize(self, latents):
        return 2 * latents


def counting():
    """Draws 0, 1, 2, …: a latent tells its frame."""
    return (np.full(1, i, np.float32) for i in itertools.count())


def latents(
    *logits,
    max_frames=40,
    min_frames_before_eos=MIN_FRAMES_BEFORE_EOS,
    frames_after_eos=0,
    stop=None,
    flow_lm=None,
    draws=None,
    sampling=SAMPLING,
):
    flow_lm = flow_lm or ScriptedLM(*logits)
    frames = max_frames, min_frames_before_eos, frames_after_eos
    stop = stop or threading.Event()
    state = KVCache.empty(1, 1, 1)
    return latents_alone(Passage(flow_lm, state, sampling, draws or counting(), *frames, stop))


def n_frames(*logits, **options) -> int:
    return len(list(latents(*logits, **options)))


# ---------------------------------------------------------------- when speech ends


@pytest.mark.parametrize("eos_frame", [MIN_FRAMES_BEFORE_EOS, MIN_FRAMES_BEFORE_EOS + 1, 15])
@pytest.mark.parametrize("frames_after_eos", [0, 1, 5])
def test_speech_goes_on_for_the_frames_after_its_end(eos_frame, frames_after_eos):
    script = [SILENT] * eos_frame + [END]
    assert n_frames(*script, frames_after_eos=frames_after_eos) == eos_frame + frames_after_eos


def test_the_first_frames_cannot_end_speech():
    assert n_frames(*[END] * 20) == MIN_FRAMES_BEFORE_EOS
    assert n_frames(*[END] * 6, *[SILENT] * 4, END) == 10


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_how_many_first_frames_is_the_models(n):
    assert n_frames(*[END] * 20, min_frames_before_eos=n) == n


def test_the_first_end_counts():
    script = [SILENT] * 8 + [END, SILENT, END, END]
    assert n_frames(*script, frames_after_eos=3) == 11


def test_the_threshold_itself_is_not_the_end():
    script = [SILENT] * 8 + [0.0, 0.0, 1e-6]
    assert n_frames(*script) == 10


def test_speech_without_an_end_stops_at_the_longest_length_with_a_warning(caplog):
    assert n_frames(max_frames=13) == 13
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "The longest length, 13 frames, came before the end of speech" in record.getMessage()


def test_speech_that_ends_does_not_warn(caplog):
    assert n_frames(*[SILENT] * 8, END, max_frames=13, frames_after_eos=2) == 10
    assert caplog.records == []


def test_frames_after_the_end_do_not_pass_the_longest_length():
    assert n_frames(*[SILENT] * 8, END, max_frames=10, frames_after_eos=50) == 10


@pytest.mark.parametrize("frames_after_eos", [4, 5, 50])
def test_an_end_that_came_is_no_error_however_long_the_frames_after_it(caplog, frames_after_eos):
    assert n_frames(*[SILENT] * 8, END, max_frames=13, frames_after_eos=frames_after_eos) <= 13
    assert caplog.records == []


# ---------------------------------------------------------------- what a frame is made of


def test_each_frame_has_its_draw_and_hears_the_latent_before():
    flow_lm = ScriptedLM()
    made = list(latents(flow_lm=flow_lm, max_frames=4))
    assert np.array_equal(np.ravel(made), [0, 1, 2, 3])
    assert flow_lm.heard[0] is None
    assert all(heard is latent for heard, latent in zip(flow_lm.heard[1:], made, strict=False))
    assert len(flow_lm.heard) == 4


def test_noise_has_the_temperature_and_the_clamp():
    def ones():
        return itertools.repeat(np.ones(1, np.float32))

    (hot,) = latents(max_frames=1, draws=ones(), sampling=Sampling(4.0, 1, None, 0.0))
    assert_close(hot, np.array([2.0]))
    (clamped,) = latents(max_frames=1, draws=ones(), sampling=Sampling(4.0, 1, 0.5, 0.0))
    assert 0 < clamped[0] < 0.5


def test_too_few_draws_are_an_error_of_the_caller():
    made = latents(draws=rows_of(np.zeros((3, 1)), 1))
    assert len(list(itertools.islice(made, 3))) == 3
    with pytest.raises(ValueError, match="longer than the 3 rows of noise"):
        next(made)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_latent_that_is_not_finite_is_an_error(bad):
    rows = iter([np.zeros(1, np.float32), np.full(1, bad, np.float32)])
    made = latents(draws=rows)
    next(made)
    with pytest.raises(FloatingPointError, match="NaN or infinity instead of a latent"):
        next(made)


def test_stop_ends_speech_at_once():
    stop = threading.Event()
    made = latents(stop=stop)
    assert len(list(itertools.islice(made, 5))) == 5
    stop.set()
    assert list(made) == []
    assert n_frames(stop=stop) == 0


# ---------------------------------------------------------------- sound


class EchoDecoder:
    """Stands in for MimiDecoder: four samples a latent."""

    def stages(self, n):
        return [lambda latents: np.repeat(latents[:, :1], 4, axis=0)]


THREADS = pytest.mark.parametrize("threads", [1, 2, 3])


@THREADS
def test_sound_fades_in_once_however_it_is_cut(threads):
    want = np.full(12, 2, np.float32)  # denormalized
    want[:3] *= [0, 0.5, 1]
    latents = iter(np.ones((3, 1), np.float32))
    pieces = list(generation.decode(ScriptedLM(), EchoDecoder(), latents, fade_in_samples=3, threads=threads))
    assert np.array_equal(np.concatenate(pieces), want)


class LateDecoder:
    """Speaks each latent `n_late` latents later, and minus one before."""

    def __init__(self, n_late):
        self.held = np.full(n_late, -1, np.float32)

    def stages(self, n):
        return [self.speak]

    def speak(self, latents):
        heard = np.concatenate([self.held, latents[:, 0]])
        self.held = heard[len(latents) :]
        return np.repeat(heard[: len(latents), None], 4, axis=0)


@THREADS
@given(n_late=st.integers(0, 3), n=st.integers(0, 9))
@example(n_late=2, n=1)  # shorter than what the decoder is late by
@example(n_late=1, n=0)  # stopped before the first frame
def test_a_decoder_that_looks_ahead_speaks_in_time_and_to_the_end(threads, n_late, n):
    latents = generation.prolonged((np.array([i], np.float32) for i in range(n)), n_late)
    pieces = list(generation.decode(ScriptedLM(), LateDecoder(n_late), latents, 0, 4 * n_late, threads))
    want = np.repeat(np.arange(n, dtype=np.float32), 4) * 2  # denormalized
    assert all(len(piece) for piece in pieces)
    assert np.array_equal(np.concatenate([np.zeros(0, np.float32), *pieces]), want)
