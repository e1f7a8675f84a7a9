"""Callers that share passes over the weights: each hears what it hears alone, whatever the others do."""

import itertools
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pockettts_np.models.team import Team
from pockettts_np.modules.attention import KVCache
from pockettts_np.synthesis import shared_steps
from pockettts_np.synthesis.generation import Sampling
from pockettts_np.synthesis.noise import draws
from pockettts_np.synthesis.passage import Passage, latents_alone
from pockettts_np.synthesis.shared_steps import FEW_AHEAD, MAX_AHEAD, MAX_ROWS, SharedSteps
from tests.support.forks import in_a_fork
from tests.support.helpers import NETWORK, assert_close
from tests.support.random_models import small_model
from tests.support.speech import quick
from tests.support.ways import same_bits

SAMPLING = Sampling(temperature=1.0, n_steps=1, noise_clamp=None, eos_threshold=0.0)
PATIENCE_SECONDS = 60
N_CALLERS = 8
N_FRAMES = 6


class CountingLM:
    """A latent is the caller's number and its frame; `passes` holds the callers of each pass."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.flow_net = self
        self.passes: list[list[int]] = []
        self.n_at_once = 0
        self.seconds = seconds
        self.fails_at: tuple[int, int] | None = None  # caller and frame

    def steps(self, latents, states, ears, team=None):
        self.n_at_once += 1
        assert len({id(state) for state in states}) == len(states)
        time.sleep(self.seconds)
        frames = [state.n_rows for state in states]
        for state in states:
            state.n_rows += 1
            state.position += 1
        if self.fails_at in {(state.caller, frame) for state, frame in zip(states, frames, strict=True)}:
            self.n_at_once -= 1
            raise MemoryError("too much")
        self.passes.append([state.caller for state in states])
        self.n_at_once -= 1
        return np.array([[state.caller, frame] for state, frame in zip(states, frames, strict=True)]), [-1.0] * len(
            states
        )

    def time_table(self, n_steps):
        return np.zeros((n_steps, 1), np.float32)

    def sample(self, z, noise, times):
        return z


def passage_of(flow_lm, caller: int, max_frames: int = 40, stop: threading.Event | None = None) -> Passage:
    state = KVCache.empty(1, 1, 1)
    state.caller = caller
    noise = draws(caller, 2)
    return Passage(flow_lm, state, SAMPLING, noise, max_frames, 0, 0, stop or threading.Event())


@pytest.fixture(autouse=True)
def rows_stand_alone(monkeypatch):
    """Share steps also where the law holds but for rounding."""
    monkeypatch.setattr(shared_steps, "ROWS_STAND_ALONE", True)


def numbers(latents) -> list[list[int]]:
    return [latent.astype(int).tolist() for latent in latents]


# ---------------------------------------------------------------- the law, with a real model


def speech_passage(model, caller: int, **changes) -> Passage:
    """A prompted caller with a text, a sampler and noise of its own."""
    state = model.flow_lm.init_state()
    model.flow_lm.prompt(model.flow_lm.text(list(range(1, 3 + caller))), state)
    sampling = Sampling(0.5, 1 + caller % 2, 0.9 if caller == 3 else None, np.inf)
    given = {"draws": draws(caller, model.config.mimi.latent_dim), "stop": threading.Event()} | changes
    return Passage(model.flow_lm, state, sampling, given["draws"], N_FRAMES, 0, 0, given["stop"])


def spoken_together(passages, read=None) -> list[list[np.ndarray]]:
    """All latents of each passage, taken in a thread for each; an error is its own."""
    steps, begin = SharedSteps(), threading.Barrier(len(passages))

    def speak(i: int) -> list[np.ndarray]:
        begin.wait(PATIENCE_SECONDS)
        latents = steps.latents(passages[i])
        try:
            return list((read or {}).get(i, lambda latents: latents)(latents))
        except (FloatingPointError, ValueError) as error:
            return [error]
        finally:
            latents.close()

    with ThreadPoolExecutor(len(passages)) as pool:
        made = [future.result(PATIENCE_SECONDS) for future in [pool.submit(speak, i) for i in range(len(passages))]]
    assert steps._speaking == steps._passes == []
    return made


@pytest.fixture(scope="module")
def alone():
    """What each caller hears without the others."""
    return [list(latents_alone(speech_passage(small_model(), i))) for i in range(N_CALLERS)]


def assert_as_alone(made, alone, but: int | None = None) -> None:
    for i in set(range(N_CALLERS)) - {but}:
        assert_close(np.stack(made[i]), np.stack(alone[i]), same_bits(NETWORK))


def test_every_caller_hears_what_it_hears_alone(alone):
    assert_as_alone(spoken_together([speech_passage(small_model(), i) for i in range(N_CALLERS)]), alone)


def test_one_whose_steps_threads_share_hears_the_same_alone_and_among_others(alone):
    model = small_model()
    passages = [speech_passage(model, i) for i in range(N_CALLERS)]
    for passage in passages:
        passage.team = Team(model.flow_lm.transformer)
    assert_as_alone([list(latents_alone(passage)) for passage in passages], alone)
    passages = [speech_passage(model, i) for i in range(N_CALLERS)]
    passages[5].team = Team(model.flow_lm.transformer)
    assert_as_alone(spoken_together(passages), alone)


@pytest.mark.parametrize("frame", range(N_FRAMES))
def test_one_that_leaves_in_any_frame_is_not_noticed(alone, frame):
    passages = [speech_passage(small_model(), i) for i in range(N_CALLERS)]
    made = spoken_together(passages, {5: lambda latents: itertools.islice(latents, frame)})
    assert_as_alone(made, alone, but=5)
    assert len(made[5]) == frame
    for got, want in zip(made[5], alone[5], strict=False):
        assert_close(got, want, same_bits(NETWORK))


@pytest.mark.parametrize("frame", range(N_FRAMES))
def test_one_that_is_stopped_in_any_frame_is_not_noticed(alone, frame):
    stop = threading.Event()
    passages = [speech_passage(small_model(), i, **({"stop": stop} if i == 5 else {})) for i in range(N_CALLERS)]

    def read(latents):
        for _ in range(frame):
            yield next(latents)
        stop.set()
        yield from latents

    made = spoken_together(passages, {5: read})
    assert_as_alone(made, alone, but=5)
    assert len(made[5]) == frame


@pytest.mark.parametrize("frame", range(N_FRAMES))
def test_one_whose_noise_ends_in_any_frame_is_not_noticed(alone, frame):
    few = draws(np.zeros((frame, 8), np.float32)[:, : small_model().config.mimi.latent_dim], 8)
    passages = [speech_passage(small_model(), i, **({"draws": few} if i == 5 else {})) for i in range(N_CALLERS)]
    made = spoken_together(passages)
    assert_as_alone(made, alone, but=5)
    assert f"longer than the {frame} rows" in str(made[5][0])


def test_one_with_a_damaged_cache_is_not_noticed(alone):
    passages = [speech_passage(small_model(), i) for i in range(N_CALLERS)]
    passages[5].state.keys[:] = np.nan
    made = spoken_together(passages)
    assert_as_alone(made, alone, but=5)
    assert "NaN or infinity instead of a latent" in str(made[5][0])


def test_one_whose_state_fits_no_pass_is_not_noticed(alone):
    """Its error is raised by the pass that all share."""
    passages = [speech_passage(small_model(), i) for i in range(N_CALLERS)]
    passages[5].state = None
    with pytest.raises(AttributeError):
        next(latents_alone(passages[5]))
    steps = SharedSteps()
    all_latents = [steps.latents(passage) for passage in passages]
    with ThreadPoolExecutor(N_CALLERS) as pool:
        futures = [pool.submit(list, latents) for latents in all_latents]
    assert_as_alone([future.result() if i != 5 else None for i, future in enumerate(futures)], alone, but=5)
    with pytest.raises(AttributeError):
        futures[5].result()


def test_whole_speeches_of_threads_are_those_of_one_after_another():
    model = quick()
    voices = [model.get_initial_state() for _ in range(4)]
    texts = ["Hello.", "The cat sat on the mat. Was it red or blue?", "One two three.", "Yes."]
    want = [model.generate_audio(*pair, noise=7) for pair in zip(voices, texts, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda voice, text: model.generate_audio(voice, text, noise=7), voices, texts))
    for a, b in zip(got, want, strict=True):
        assert_close(a, b, same_bits(NETWORK))


# ---------------------------------------------------------------- who is in a pass


def test_a_pass_is_for_all_who_speak():
    flow_lm, steps = CountingLM(), SharedSteps(1)
    speaking = [steps.latents(passage_of(flow_lm, i)) for i in range(3)]
    assert numbers(map(next, speaking)) == [[0, 0], [1, 0], [2, 0]]
    assert flow_lm.passes == [[0], [1, 0], [2, 1, 0]]  # who comes first does not know of the others
    next(speaking[2])
    assert sorted(flow_lm.passes[3]) == [0, 1, 2]


def test_a_caller_alone_makes_nothing_ahead():
    flow_lm = CountingLM()
    latents = SharedSteps(1).latents(passage_of(flow_lm, 0))
    for n in range(1, 5):
        next(latents)
        assert len(flow_lm.passes) == n


def test_a_caller_that_takes_nothing_is_left_out():
    flow_lm, steps = CountingLM(), SharedSteps(1)
    slow, quick_one = (steps.latents(passage_of(flow_lm, i)) for i in range(2))
    next(slow)
    taken = numbers(itertools.islice(quick_one, 30))
    assert taken == [[1, i] for i in range(30)]
    assert sum(0 in callers for callers in flow_lm.passes) == 1 + MAX_AHEAD
    assert numbers(slow) == [[0, i] for i in range(1, 40)]


def test_the_first_sound_of_a_caller_waits_for_no_second_latent():
    flow_lm, steps = CountingLM(), SharedSteps(1)
    others = [steps.latents(passage_of(flow_lm, i)) for i in range(2)]
    for latents in others:
        next(latents)
    n_before = len(flow_lm.passes)
    next(steps.latents(passage_of(flow_lm, 2)))
    assert len(flow_lm.passes) == n_before + 1


def test_a_pass_has_no_more_rows_than_a_tile_and_those_who_need_it_most():
    flow_lm, steps = CountingLM(), SharedSteps(1)
    speaking = [steps.latents(passage_of(flow_lm, i)) for i in range(MAX_ROWS + 2)]
    for latents in speaking:
        next(latents)
    before = len(flow_lm.passes)
    for _ in range(5):
        for latents in speaking:
            next(latents)
    assert max(map(len, flow_lm.passes)) == MAX_ROWS
    counts = [sum(i in callers for callers in flow_lm.passes[before:]) for i in range(len(speaking))]
    assert max(counts) - min(counts) <= MAX_AHEAD


def test_where_rows_do_not_stand_alone_every_caller_does(monkeypatch):
    monkeypatch.setattr(shared_steps, "ROWS_STAND_ALONE", False)
    flow_lm, steps = CountingLM(), SharedSteps(1)
    speaking = [steps.latents(passage_of(flow_lm, i)) for i in range(3)]
    assert [numbers(itertools.islice(latents, 2)) for latents in speaking] == [[[i, 0], [i, 1]] for i in range(3)]
    assert max(map(len, flow_lm.passes)) == 1


def test_models_do_not_share_passes():
    one, other, steps = CountingLM(), CountingLM(), SharedSteps(1)
    a, b = steps.latents(passage_of(one, 0)), steps.latents(passage_of(other, 1))
    assert numbers([*itertools.islice(a, 5), *itertools.islice(b, 5)]) == [[i, n] for i in (0, 1) for n in range(5)]
    assert {tuple(callers) for callers in one.passes} == {(0,)}
    assert {tuple(callers) for callers in other.passes} == {(1,)}


@pytest.mark.parametrize("n_at_once", [1, 2, 3])
def test_so_many_passes_run_at_once_and_a_caller_is_in_one(n_at_once, monkeypatch):
    flow_lm, steps, most = CountingLM(0.001), SharedSteps(n_at_once), []
    inner = flow_lm.steps

    def steps_of_model(latents, states, ears, team):
        most.append(len(steps._passes))
        in_passes = [id(passage) for together in steps._passes for passage in together]
        assert len(set(in_passes)) == len(in_passes)
        return inner(latents, states, ears, team)

    monkeypatch.setattr(flow_lm, "steps", steps_of_model)
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda i: numbers(steps.latents(passage_of(flow_lm, i))), range(16)))
    assert made == [[[i, n] for n in range(40)] for i in range(16)]
    assert 1 <= max(most) <= n_at_once


def test_an_error_of_the_pass_is_of_the_caller_that_causes_it():
    flow_lm, steps = CountingLM(), SharedSteps(1)
    flow_lm.fails_at = (1, 3)
    speaking = [steps.latents(passage_of(flow_lm, i)) for i in range(3)]
    for latents in speaking:
        next(latents)
    assert numbers(speaking[0]) == [[0, n] for n in range(1, 40)]
    assert numbers(itertools.islice(speaking[1], 2)) == [[1, 1], [1, 2]]
    with pytest.raises(MemoryError):
        next(speaking[1])
    assert numbers(speaking[2]) == [[2, n] for n in range(1, 40)]


def test_a_pass_that_is_broken_off_is_made_again(monkeypatch):
    """As by Ctrl-C in the thread that runs it: the others get every latent once."""
    flow_lm, steps = CountingLM(), SharedSteps(1)
    speaking = [steps.latents(passage_of(flow_lm, i)) for i in range(3)]
    for latents in speaking:
        next(latents)

    def break_off(z, noise, times):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(flow_lm, "sample", break_off)
        with pytest.raises(KeyboardInterrupt):
            list(speaking[2])
    assert numbers(speaking[0]) == [[0, n] for n in range(1, 40)]
    assert numbers(speaking[1]) == [[1, n] for n in range(1, 40)]


def test_who_leaves_waits_until_nobody_writes_into_its_state():
    flow_lm, steps = CountingLM(0.2), SharedSteps(1)
    leaving, leader = (passage_of(flow_lm, i) for i in range(2))
    latents = steps.latents(leaving)
    next(latents)
    thread = threading.Thread(target=lambda: next(steps.latents(leader)))
    thread.start()
    while not steps._passes:
        time.sleep(0.001)
    assert leaving in steps._passes[0]
    latents.close()
    assert flow_lm.n_at_once == 0
    thread.join(PATIENCE_SECONDS)


# ---------------------------------------------------------------- coming and going


class Callers(RuleBasedStateMachine):
    """Callers that come, take, stop and go in any order: each gets its own latents, in order, and no pass too many."""

    def __init__(self) -> None:
        super().__init__()
        self.flow_lm, self.steps = CountingLM(), SharedSteps(1)
        self.callers: dict[int, tuple[Passage, object, list[int]]] = {}
        self.numbers = itertools.count()

    @rule(max_frames=st.integers(1, 12))
    def come(self, max_frames: int) -> None:
        caller = next(self.numbers)
        passage = passage_of(self.flow_lm, caller, max_frames)
        self.callers[caller] = passage, self.steps.latents(passage), [0]

    @precondition(lambda self: self.callers)
    @rule(data=st.data(), n=st.integers(1, 12))
    def take(self, data, n: int) -> None:
        caller = data.draw(st.sampled_from(sorted(self.callers)))
        passage, latents, taken = self.callers[caller]
        got = numbers(itertools.islice(latents, n))
        left = 0 if passage.stop.is_set() else min(n, passage.max_frames - taken[0])
        assert got == [[caller, taken[0] + i] for i in range(left)]
        taken[0] += left

    @precondition(lambda self: self.callers)
    @rule(data=st.data())
    def stop(self, data) -> None:
        self.callers[data.draw(st.sampled_from(sorted(self.callers)))][0].stop.set()

    @precondition(lambda self: self.callers)
    @rule(data=st.data())
    def go(self, data) -> None:
        _, latents, _ = self.callers.pop(data.draw(st.sampled_from(sorted(self.callers))))
        latents.close()

    @invariant()
    def nobody_is_too_far_ahead(self) -> None:
        assert not self.steps._passes
        assert all(passage.n_ahead <= max(MAX_AHEAD, FEW_AHEAD + 1) for passage, _, _ in self.callers.values())

    def teardown(self) -> None:
        for _, latents, _ in self.callers.values():
            latents.close()
        assert self.steps._speaking == []


TestCallers = Callers.TestCase
TestCallers.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_ten_thousand_callers_come_and_go_at_once():
    """In eight threads, some leaving early, some stopped, some failing: none waits for ever, none hears another."""
    flow_lm, steps = CountingLM(), SharedSteps(2)
    numbers_of = itertools.count()

    def come_and_go(seed: int) -> int:
        chance = random.Random(seed)
        for _ in range(1250):
            caller, max_frames, stop = next(numbers_of), chance.randrange(1, 4), threading.Event()
            latents = steps.latents(passage_of(flow_lm, caller, max_frames, stop))
            wanted = chance.randrange(4)
            if wanted == 3:
                stop.set()
            got = numbers(itertools.islice(latents, wanted))
            assert got == ([] if stop.is_set() else [[caller, n] for n in range(min(wanted, max_frames))])
            latents.close()
        return 1250

    with ThreadPoolExecutor(N_CALLERS) as pool:
        futures = [pool.submit(come_and_go, seed) for seed in range(N_CALLERS)]
        assert sum(future.result(PATIENCE_SECONDS) for future in futures) == 10_000
    assert steps._speaking == steps._passes == []


def test_callers_far_from_a_pass_s_size_share_it_evenly():
    steps = SharedSteps(3)
    flow_lm = CountingLM()
    speaking = [steps.latents(passage_of(flow_lm, i)) for i in range(15)]
    for latents in speaking:
        next(latents)
    assert max(map(len, flow_lm.passes)) == 5  # of three passes at once
    assert shared_steps.LEAST_ROWS == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_a_pass_runs_leaves_a_child_that_can_step():
    steps = SharedSteps(1)
    steps._passes.append([])  # of a thread that the child does not have

    def child():
        assert steps._may_step(object())

    assert in_a_fork(child, 10) == 0
    assert not steps._may_step(object())
