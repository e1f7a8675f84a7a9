"""Stages at once: in order, bounded, the same for any number of threads, without losing an error or a thread."""

import gc
import itertools
import os
import threading
import time
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np.threads.pipeline import pipelined
from pockettts_np.threads.pool import POOL
from tests.support.forks import in_a_fork
from tests.support.speech import n_threads_at_work

LIMIT = 8
SECONDS = 10  # after which a test has failed


@pytest.fixture(autouse=True)
def no_thread_is_left_at_work():
    yield
    assert n_threads_at_work() == 0


class Counting:
    """A stage with a state: it notes who is in it, and adds up what it has seen."""

    def __init__(self, slow=frozenset()):
        self.slow, self.total, self.n, self.lock = slow, 0, 0, threading.Lock()

    def __call__(self, x):
        assert self.lock.acquire(blocking=False), "two threads are in one stage"
        time.sleep(0.001 * (self.n in self.slow))
        self.n += 1
        self.total = 31 * self.total + x
        self.lock.release()
        return self.total


def summed(items):
    return sum(items)


@given(
    n=st.integers(0, 30),
    n_stages=st.integers(0, 4),
    n_threads=st.integers(1, 6),
    limit=st.integers(1, 9),
    slow=st.lists(st.frozensets(st.integers(0, 29), max_size=3), min_size=5, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_results_are_those_of_one_thread(n, n_stages, n_threads, limit, slow):
    def source():
        for i in range(n):
            time.sleep(0.001 * (i in slow[4]))
            yield i

    want = range(n)
    for stage in [Counting() for _ in range(n_stages)]:
        want = [stage(x) for x in want]
    stages = [summed, *(Counting(slow[i]) for i in range(n_stages))]
    assert list(pipelined(source(), stages, n_threads, limit)) == list(want)


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("together", [1, 2, 3, 100])
def test_the_first_stage_takes_what_waits_up_to_so_many(n_threads, together):
    taken = list(pipelined(iter(range(50)), [list], n_threads, LIMIT, together))
    assert list(itertools.chain(*taken)) == list(range(50))
    assert {len(items) for items in taken} <= set(range(1, min(together, LIMIT) + 1))
    assert n_threads > 1 or len(taken) == 50


@pytest.mark.parametrize("n_threads", [2, 3, 5])
def test_as_many_stages_run_at_once_as_there_are_threads(n_threads):
    barrier = threading.Barrier(n_threads)

    def source():
        yield from range(n_threads)
        barrier.wait(SECONDS)

    def last_alone(stage):
        return lambda x: barrier.wait(SECONDS) and x if x == n_threads - 1 - stage else x

    stages = [summed, *(last_alone(i) for i in range(n_threads - 1))]
    assert len(list(pipelined(source(), stages, n_threads, n_threads + 1))) == n_threads


@pytest.mark.parametrize("n_threads", [2, 4])
def test_a_result_does_not_wait_for_a_second_item(n_threads):
    gate = threading.Event()

    def source():
        yield 0
        assert gate.wait(SECONDS)
        yield 1

    with closing(pipelined(source(), [summed, summed_twice], n_threads, LIMIT)) as results:
        assert next(results) == 0
        gate.set()
        assert next(results) == 2


def summed_twice(x):
    return 2 * x


@pytest.mark.parametrize("n_threads", [2, 4])
@pytest.mark.parametrize("together", [1, 3])
def test_the_source_waits_for_a_slow_consumer(n_threads, together):
    made, taken = [], 0
    with closing(
        pipelined((made.append(i) or i for i in range(10_000)), [list], n_threads, LIMIT, together)
    ) as results:
        for _ in range(3):
            taken += len(next(results))
            time.sleep(0.02)
            assert len(made) <= taken + LIMIT


def test_who_waits_takes_no_processor_time():
    """For a slow consumer, and for a slow source."""
    with closing(pipelined(iter(range(100)), [summed], 4, LIMIT)) as results:
        next(results)
        start = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - start < 0.1
    start = time.process_time()
    assert list(pipelined((time.sleep(0.1) or i for i in range(3)), [summed], 4, LIMIT)) == [0, 1, 2]
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("failing", [0, 1, 2, 3])
def test_an_error_in_a_stage_reaches_the_caller_after_what_was_made(failing, error, n_threads):
    def fail(x):
        if x == 2:
            raise error
        return x

    def source():
        for i in range(5):
            yield fail(i) if failing == 0 else i

    stages = [lambda items: fail(items[0]) if failing == 1 else items[0]]
    stages += [fail if failing == i else (lambda x: x) for i in (2, 3)]
    made = []
    with pytest.raises(error):
        made.extend(pipelined(source(), stages, n_threads, LIMIT))
    assert made == [0, 1] or (error is KeyboardInterrupt and made == [0, 1][: len(made)])  # in this thread: at once


def test_of_two_errors_that_of_the_earlier_item_counts():
    may_fail = threading.Event()

    def source():
        yield 0
        may_fail.set()
        raise ZeroDivisionError

    def fail(x):
        may_fail.wait(SECONDS)
        time.sleep(0.01)
        raise KeyError

    for n_threads in (2, 3):
        with pytest.raises(KeyError):
            list(pipelined(source(), [summed, fail], n_threads, LIMIT))


@pytest.mark.parametrize("n_threads", [2, 4])
@pytest.mark.parametrize("item_s", [0, 0.02])
@pytest.mark.parametrize("wait_s", [0, 0.02])  # after which quick threads are as far ahead as they may be
def test_closing_early_lets_every_thread_go(item_s, wait_s, n_threads):
    results = pipelined((time.sleep(item_s) or i for i in range(10_000)), [summed, summed_twice], n_threads, LIMIT)
    next(results)
    time.sleep(wait_s)
    results.close()
    assert POOL.n_idle + 1 >= n_threads - 1
    assert list(results) == []


def test_a_consumer_who_leaves_lets_every_thread_go():
    results = pipelined(itertools.count(), [summed], 3, LIMIT)
    next(results)
    del results
    gc.collect()
    assert n_threads_at_work() == 0


def test_threads_are_used_again():
    for _ in range(20):
        assert list(pipelined(iter(range(3)), [summed], 3, LIMIT)) == [0, 1, 2]
        n_threads_at_work()
    assert sum(thread.name.startswith("pockettts-") for thread in threading.enumerate()) <= 8


def test_without_helpers_the_caller_does_it_all(monkeypatch):
    monkeypatch.setattr(POOL, "start", lambda work: False)
    assert list(pipelined(iter(range(30)), [summed, summed_twice], 4, LIMIT)) == [2 * i for i in range(30)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_after_use_speaks_too_and_cannot_go_on_with_what_was_begun():
    results = pipelined(itertools.count(), [summed, summed_twice], 3, LIMIT)
    assert next(results) == 0

    def child():
        assert list(pipelined(iter(range(30)), [summed, summed_twice], 4, LIMIT)) == [2 * i for i in range(30)]
        with pytest.raises(RuntimeError, match=r"^This work was begun in another process"):
            next(results)
        results.close()

    for _ in range(5):
        assert in_a_fork(child, SECONDS) == 0
    assert next(results) == 2
    results.close()
