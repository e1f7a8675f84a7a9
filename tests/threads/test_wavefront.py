"""Blocks through stages by any number of threads: in order, and without losing an error."""

import itertools
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.threads.pool import POOL
from pockettts_np.threads.wavefront import wavefront
from tests.support.speech import n_threads_at_work


@pytest.fixture(autouse=True)
def no_thread_is_left_at_work():
    yield
    assert n_threads_at_work() == 0


@given(n_blocks=st.integers(1, 7), n_stages=st.integers(1, 5), n_threads=st.integers(1, 5), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_block_begins_a_stage_when_the_one_before_has_ended_it(n_blocks, n_stages, n_threads, data):
    slow = data.draw(st.sets(st.tuples(st.integers(0, n_blocks - 1), st.integers(0, n_stages - 1)), max_size=3))
    ended, calls, threads, lock = set(), [], set(), threading.Lock()

    def step(block, stage):
        with lock:
            assert block == 0 or (block - 1, stage) in ended
            assert stage == 0 or (block, stage - 1) in ended
            calls.append((block, stage))
            threads.add(threading.get_ident())
        time.sleep(0.002 * ((block, stage) in slow))
        with lock:
            ended.add((block, stage))

    wavefront(step, n_blocks, n_stages, n_threads)
    assert sorted(calls) == list(itertools.product(range(n_blocks), range(n_stages)))
    assert len(threads) <= min(n_blocks, n_threads)


@pytest.mark.parametrize("n_threads", [2, 3, 4])
def test_so_many_blocks_are_at_work_at_once(n_threads):
    """Each waits for all, a stage behind the block before it."""
    barrier = threading.Barrier(n_threads)
    wavefront(lambda block, stage: block + stage == n_threads - 1 and barrier.wait(10), n_threads, n_threads, n_threads)


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("failing", list(itertools.product(range(4), range(3))))
def test_an_error_in_any_step_reaches_the_caller(failing, error, n_threads):
    calls = []

    def step(block, stage):
        calls.append((block, stage))
        if (block, stage) == failing:
            raise error

    with pytest.raises(error):
        wavefront(step, 4, 3, n_threads)
    block, stage = failing
    assert not {(block, later) for later in range(stage + 1, 3)} & set(calls)
    assert (block + 1, stage) not in calls


def test_without_helpers_the_caller_does_it_all(monkeypatch):
    monkeypatch.setattr(POOL, "start", lambda work: False)
    threads = set()
    wavefront(lambda block, stage: threads.add(threading.get_ident()), 5, 3, 4)
    assert threads == {threading.get_ident()}
