"""Steps of a transformer that threads share: the same bits as alone, whoever assists, and whenever."""

import dataclasses
import threading
import time

import numpy as np
import pytest

from pockettts_np.config.config import FlowLMTransformerConfig
from pockettts_np.kernels import entry_points as kernels
from pockettts_np.kernels.arguments import BOARD, WORD, shared_size, unclaimable
from pockettts_np.kernels.panels import PANEL
from pockettts_np.models import team as team_module
from pockettts_np.models.team import Team
from pockettts_np.models.transformer import Transformer
from tests.support.helpers import NETWORK, assert_close
from tests.support.random_models import RandomWeights, small_model
from tests.support.speech import SENTENCE, n_threads_at_work
from tests.support.streams import normal
from tests.support.ways import same_bits

pytestmark = pytest.mark.numerics

N_STEPS = 40
WIDTHS = {  # narrower than a panel, of several units, with groups of heads
    "narrow": {"d_model": 8, "num_heads": 2, "num_layers": 2, "hidden_scale": 1},
    "wide": {"d_model": 20 * PANEL, "num_heads": 4, "num_layers": 2, "hidden_scale": 2},
    "grouped": {
        "d_model": 9 * PANEL,
        "attn_dim": 96,
        "num_heads": 6,
        "num_kv_heads": 2,
        "num_layers": 3,
        "hidden_scale": 1,
    },
}


def transformer(name: str) -> Transformer:
    sizes = FlowLMTransformerConfig(max_period=100, **WIDTHS[name])
    return Transformer.load(RandomWeights.seeded(3), sizes, sizes.max_period)


def steps(layers, rows, state):
    return np.concatenate([layers(rows[i : i + 1], state) for i in range(len(rows))])


@pytest.mark.parametrize("n_helpers", [0, 1, 3])
@pytest.mark.parametrize("name", WIDTHS)
def test_steps_of_a_team_equal_those_of_one_thread(name, n_helpers):
    inner = transformer(name)
    rows = normal(0, N_STEPS, inner.weights.norm1.shape[2])
    want = steps(inner, rows, inner.init_state())
    team, is_over = Team(inner), threading.Event()

    def help():
        while not is_over.is_set():
            team.assist()

    threads = [threading.Thread(target=help) for _ in range(n_helpers)]
    for thread in threads:
        thread.start()
    state = inner.init_state()
    try:
        got = steps(team, rows, state)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert np.array_equal(got, want)
    assert (state.n_rows, team.step, team.is_at_work) == (N_STEPS, N_STEPS, False)


def test_help_that_comes_too_late_does_nothing():
    """With the arguments of a step that is over, while another has not begun."""
    inner = transformer("narrow")
    shared, state = np.zeros(shared_size(inner.weights), np.float32), inner.init_state()
    state.reserve(1, 10)
    shared[:BOARD].view(np.int64)[WORD] = unclaimable(8)
    before = shared.copy()
    arguments = normal(0, 1, 8), state.keys, state.values, 0, 7, inner.context, inner.inv_freq, inner.weights, shared
    kernels.transformer_assist(*arguments)
    assert np.array_equal(shared.view(np.int32), before.view(np.int32))


def test_help_that_nobody_has_work_for_goes_again():
    inner = transformer("narrow")
    shared, state = np.zeros(shared_size(inner.weights), np.float32), inner.init_state()
    state.reserve(1, 10)
    shared[:BOARD].view(np.int64)[WORD] = unclaimable(7)
    begin = time.perf_counter()
    kernels.transformer_assist(
        normal(0, 1, 8), state.keys, state.values, 0, 7, inner.context, inner.inv_freq, inner.weights, shared
    )
    assert time.perf_counter() - begin < 5


def test_the_number_of_a_step_starts_again():
    inner = transformer("narrow")
    team, state, alone = Team(inner), inner.init_state(), inner.init_state()
    team.step = team_module.MOST_STEPS - 1
    rows = normal(0, 3, 8)
    assert np.array_equal(steps(team, rows, state), steps(inner, rows, alone))
    assert team.step == 2


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_speech_with_a_team_is_the_same(monkeypatch, threads):
    model = small_model()
    voice = model.get_initial_state()
    want = dataclasses.replace(model, threads=1).generate_audio(voice, SENTENCE, noise=1)
    monkeypatch.setattr(team_module, "LEAST_BYTES", 0)
    monkeypatch.setattr(team_module, "DECODED_A_BYTE", np.inf)
    made = []
    monkeypatch.setattr(Team, "__init__", lambda team, inner, own=Team.__init__: made.append(team) or own(team, inner))
    for _ in range(5):
        got = dataclasses.replace(model, threads=threads).generate_audio(voice, SENTENCE, noise=1)
        assert_close(got, want, same_bits(NETWORK))
    assert len(made) == 5
    assert n_threads_at_work() == 0


def test_a_team_is_made_where_it_gains():
    model = small_model()
    assert Team.of(model.flow_lm, model.decoder, 4) is None  # too small
    inner = transformer("wide")
    flow_lm = dataclasses.replace(model.flow_lm, transformer=inner)
    n_bytes = sum(array.nbytes for array in inner.weights)
    assert n_bytes > team_module.LEAST_BYTES

    @dataclasses.dataclass
    class Decoder:
        frame_work: int

    quick, slow = Decoder(0), Decoder(team_module.DECODED_A_BYTE * n_bytes)
    made = [(Team.of(flow_lm, decoder, n) is not None) for n in (1, 2, 3) for decoder in (quick, slow)]
    assert made == [False, False, True, False, True, True]
