"""The queue of jobs: results in order, turns at work, and an end for every job that nobody wants."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pockettts_np import TTSModel
from pockettts_np.server.jobs import JobQueue, Results
from pockettts_np.server.limits import Limits, Refusal
from pockettts_np.server.turns import Turns
from tests.support.live_server import FRAME, PATIENCE_SECONDS, make_service, post, served, until

SPEECH = {"model": "tts-1", "input": "Hello world.", "voice": "default", "response_format": "pcm"}


def counting(turn, n=5):
    for i in range(n):
        if turn.stop.is_set():
            return
        yield i


def test_the_queue_hands_on_results_in_order():
    async def work():
        jobs = JobQueue(1, 0)
        async with jobs.results(counting) as results:
            got = [result async for result in results]
            assert [result async for result in results] == []  # the end stays the end
        await jobs.close()
        return got

    assert asyncio.run(work()) == [0, 1, 2, 3, 4]


def test_an_error_of_the_call_itself_reaches_the_client():
    def job(turn):
        raise ZeroDivisionError("at the call")

    async def work():
        jobs = JobQueue(1, 0)
        async with jobs.results(job) as results:
            with pytest.raises(ZeroDivisionError, match="at the call"):
                await asyncio.wait_for(anext(results), PATIENCE_SECONDS)
        await jobs.close()

    asyncio.run(work())


def test_the_queue_works_no_further_ahead_than_its_limit():
    made = []

    def job(turn):
        for i in counting(turn, 100):
            made.append(i)
            yield i

    async def work():
        results = Results(3, Turns(1))
        results.turn.line_up()
        thread = threading.Thread(target=results.make, args=[job])
        thread.start()
        await asyncio.sleep(0.2)
        assert made == [0, 1, 2, 3]
        assert [await anext(results), await anext(results)] == [0, 1]
        await asyncio.sleep(0.2)
        assert made == [0, 1, 2, 3, 4, 5]
        results.stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()

    asyncio.run(work())
    assert made == [0, 1, 2, 3, 4, 5]


def test_a_queue_that_closes_ends_every_job():
    async def work():
        jobs = JobQueue(2, 0)
        async with jobs.results(lambda turn: endless(turn)) as results:
            assert await anext(results) == "on"
            await jobs.close()
            assert jobs.n_inside == 1
        assert jobs.n_inside == 0
        assert jobs.n_running == 0

    def endless(turn):
        while not turn.stop.is_set():
            yield "on"

    asyncio.run(work())


def in_turns(n_workers, jobs, n_waiting=5):
    """Run jobs that begin one after another, by name, and give every result with its job's name, as they were made."""
    made = []

    async def one(queue, name):
        async with queue.results(lambda turn: noted(name, jobs[name](turn))) as results:
            async for _ in results:
                pass

    def noted(name, results):
        for result in results:
            made.append((name, result))
            yield result

    async def work():
        queue = JobQueue(n_workers, n_waiting)
        await asyncio.gather(*(one(queue, name) for name in jobs))
        await queue.close()

    asyncio.run(work())
    return made


def two_results(turn):
    yield "begins"
    time.sleep(0.02)
    yield "ends"


def two_turns(turn):
    yield "begins"
    turn.pass_on()
    yield "ends"


def test_jobs_wait_for_their_turn():
    made = in_turns(1, dict.fromkeys("abc", two_results))
    assert made == [(name, what) for name in "abc" for what in ("begins", "ends")]


def test_a_job_that_passes_its_turn_on_goes_on_after_the_others():
    def first(turn):
        until(lambda: len(turn._turns._line) == 2)
        yield from two_turns(turn)

    made = in_turns(1, {"a": first, "b": two_turns, "c": two_turns})
    assert made == [(name, what) for what in ("begins", "ends") for name in "abc"]


def test_a_job_that_only_waits_keeps_nobody_waiting():
    has_ended = threading.Event()

    def waits(turn):
        with turn.aside():
            assert has_ended.wait(PATIENCE_SECONDS)
        yield "waited"

    def works(turn):
        yield "worked"
        has_ended.set()

    assert in_turns(1, {"a": waits, "b": works}) == [("b", "worked"), ("a", "waited")]


def test_a_client_that_takes_nothing_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr("pockettts_np.server.jobs.MAX_AHEAD", 3)

    async def work():
        jobs = JobQueue(1, 5)
        async with jobs.results(lambda turn: counting(turn, 100)), jobs.results(counting) as results:
            async with asyncio.timeout(PATIENCE_SECONDS):
                got = [result async for result in results]
        await jobs.close()
        return got

    assert asyncio.run(work()) == [0, 1, 2, 3, 4]


def test_a_job_without_anything_to_do_takes_up_no_place():
    goes_on = threading.Event()

    def idles(turn):
        with turn.idle():
            assert goes_on.wait(PATIENCE_SECONDS)
        yield "went on"

    async def work():
        jobs = JobQueue(1, 0)
        async with jobs.results(idles) as idle:
            while jobs.n_running or not jobs._turns.n_idle:
                await asyncio.sleep(0.001)
            async with jobs.results(counting) as results:
                assert [result async for result in results] == [0, 1, 2, 3, 4]
                goes_on.set()
                assert await anext(idle) == "went on"
                with pytest.raises(Refusal, match="busy with 2 requests"):
                    jobs.require_place()
        await jobs.close()

    asyncio.run(work())


def test_who_leaves_while_waiting_for_a_turn_gives_up_his_place():
    async def work():
        jobs = JobQueue(1, 5)
        goes_on = threading.Event()

        def holds(turn):
            yield "held"
            assert goes_on.wait(PATIENCE_SECONDS)

        async with jobs.results(holds) as results:
            assert await anext(results) == "held"
            async with jobs.results(counting):
                await asyncio.sleep(0.05)  # its thread waits
                assert len(jobs._threads) == 2
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                while len(jobs._threads) > 1:  # though the one before it still works
                    await asyncio.sleep(0.001)
            goes_on.set()
        await jobs.close()
        assert jobs.n_running == 0

    asyncio.run(work())


def test_a_thread_that_hangs_does_not_keep_the_server_from_ending(monkeypatch):
    monkeypatch.setattr("pockettts_np.server.jobs.CLOSE_SECONDS", 0.05)
    hangs, goes_on = threading.Event(), threading.Event()

    def job(turn):
        with turn.aside():
            hangs.set()
            assert goes_on.wait(PATIENCE_SECONDS)
        yield "too late"

    async def work():
        jobs = JobQueue(1, 0)
        async with jobs.results(job):
            await asyncio.to_thread(hangs.wait)
            await jobs.close()
            (thread,) = jobs._threads.values()
        return thread

    thread = asyncio.run(work())
    assert thread.is_alive()
    goes_on.set()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_where_no_thread_can_be_started_the_request_is_refused(monkeypatch):
    async def work():
        jobs = JobQueue(1, 0)

        def fail(thread):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(Refusal, match="can start no other thread"):
                async with jobs.results(counting):
                    pass
        async with jobs.results(counting) as results:
            assert [result async for result in results] == [0, 1, 2, 3, 4]
        await jobs.close()

    asyncio.run(work())


def test_callers_take_turns_by_chunk(model, monkeypatch):
    """A short text is spoken after the first chunk of a long one, not after the last."""
    service = make_service(model, Limits(n_workers=1, n_waiting=5))
    texts = []

    def generate(self, voice, script, stop, **_):
        texts.append(script.text)
        while len(texts) == 1 and not service.jobs._turns.someone_waits:
            time.sleep(0.001)
        yield FRAME

    monkeypatch.setattr(TTSModel, "generate_audio_stream", generate)
    long = "One two three four five six seven eight nine. " * 9
    with served(service) as url, ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, f"{url}/v1/audio/speech", json=SPEECH | {"input": long})
        until(lambda: texts)
        assert post(f"{url}/v1/audio/speech", json=SPEECH | {"input": "Hi."}).status_code == 200
        assert first.result().status_code == 200
    assert len(texts) > 3
    assert [i for i, text in enumerate(texts) if "Hi" in text] == [1]
