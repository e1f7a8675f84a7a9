"""Speech in `with` blocks and in coroutines: it ends when they do, and leaves no thread behind."""

import asyncio
import dataclasses
import threading

import numpy as np
import pytest

from tests.support.speech import SENTENCE, TWO_SENTENCES, n_threads_at_work, quick, timed_model

LONG = " ".join([TWO_SENTENCES] * 50)


@pytest.mark.parametrize("threads", [1, 2])
def test_leaving_the_block_of_a_speech_ends_its_threads(voice, threads):
    with quick(threads).generate_audio_stream(voice, LONG) as speech:
        next(speech)
    assert n_threads_at_work() == 0
    assert list(speech) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_leaving_the_block_of_a_model_ends_all_of_its_speech(voice, threads):
    model = quick(threads)
    heard, begun = [], threading.Event()

    def listen(stream):
        for samples in stream:
            heard.append(samples)
            begun.set()

    with dataclasses.replace(model) as model:
        waiting = model.generate_audio_stream(voice, LONG)
        next(waiting)
        live = model.stream(voice)
        live.write("Hello. ")
        listener = threading.Thread(target=listen, args=(model.generate_from(voice, [LONG] * 100),), daemon=True)
        listener.start()
        begun.wait(20)
    listener.join(20)
    assert not listener.is_alive()
    assert list(waiting) == []
    assert list(live) == []
    assert n_threads_at_work() == 0
    assert len(model.generate_audio(voice, "Hello.")) > 0  # it can still speak


def test_a_speech_may_be_cancelled_by_another_thread(voice):
    with quick().generate_audio_stream(voice, LONG) as speech:
        for i, _ in enumerate(speech):
            if i == 1:
                thread = threading.Thread(target=speech.cancel)
                thread.start()
                thread.join()
        assert i <= 2


def test_an_event_of_the_caller_stops_it_too(voice):
    stop = threading.Event()
    speech = quick().generate_audio_stream(voice, LONG, stop=stop)
    next(speech)
    stop.set()
    assert list(speech) == []


# ---- coroutines ----


async def gathered(stream) -> list:
    return [item async for item in stream]


@pytest.mark.parametrize("threads", [1, 2])
def test_in_a_coroutine_speech_is_the_same(voice, threads):
    model = quick(threads)
    got = asyncio.run(gathered(model.agenerate_audio_stream(voice, TWO_SENTENCES, noise=3)))
    assert np.array_equal(np.concatenate(got), model.generate_audio(voice, TWO_SENTENCES, noise=3))
    assert n_threads_at_work() == 0


def test_in_a_coroutine_words_come_too(voice):
    model = timed_model(eos_threshold=0.0)
    got = asyncio.run(gathered(model.agenerate_audio_stream(voice, SENTENCE, noise=3, timestamps=True)))
    assert [word.text for piece in got for word in piece.words] == SENTENCE.split()


def test_errors_come_with_the_first_step_or_when_they_arise(voice):
    model = quick()
    with pytest.raises(ValueError, match="nothing to speak"):
        asyncio.run(gathered(model.agenerate_audio_stream(voice, " ")))
    with pytest.raises(ValueError, match="longer than the 3 rows"):
        asyncio.run(gathered(model.agenerate_audio_stream(voice, SENTENCE, noise=np.zeros((3, 8), np.float32))))
    assert n_threads_at_work() == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_leaving_the_loop_ends_the_threads(voice, threads):
    async def leave() -> None:
        stream = quick(threads).agenerate_audio_stream(voice, LONG)
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(leave())
    assert n_threads_at_work() == 0


def test_cancelling_the_task_ends_the_threads(voice):
    async def cancel() -> None:
        task = asyncio.create_task(gathered(quick().agenerate_audio_stream(voice, LONG * 10)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert n_threads_at_work() == 0


def test_it_is_not_made_far_ahead_of_who_listens(voice):
    made = []

    async def listen() -> None:
        model = quick()
        model = dataclasses.replace(model, decoder=Noted())
        stream = model.agenerate_audio_stream(voice, LONG)
        await anext(stream)
        await asyncio.sleep(0.3)
        assert len(made) < 40
        await stream.aclose()

    class Noted(type(quick().decoder)):
        def __call__(self, latents, state):
            made.append(1)
            return super().__call__(latents, state)

    asyncio.run(listen())


def test_other_work_goes_on_meanwhile(voice):
    async def both() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.create_task(tick())
        await gathered(quick().agenerate_audio_stream(voice, LONG))
        ticking.cancel()
        return ticks

    assert asyncio.run(both()) > 1
