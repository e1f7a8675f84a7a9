"""What tools.check.timestamps measures with: warping that finds the cheapest way, and carries times over."""

import numpy as np
import pytest

from pockettts_np.timing.letters import Word
from tools.check import timestamps

RATE_HZ = timestamps.RATE_HZ


def naive_cost(costs):
    """Of the cheapest way, by the plain recursion."""
    total = np.full(costs.shape, np.inf)
    total[0, 0] = costs[0, 0]
    for i, j in np.ndindex(*costs.shape):
        if i or j:
            before = [total[a, b] for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 and b >= 0]
            total[i, j] = costs[i, j] + min(before)
    return total[-1, -1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 7), (9, 6)])
def test_the_way_is_the_cheapest(shape):
    for seed in range(20):
        costs = np.random.default_rng(seed).random(shape)
        i, j = timestamps.warped(costs)
        assert (i[0], j[0], i[-1], j[-1]) == (0, 0, shape[0] - 1, shape[1] - 1)
        assert {*zip(np.diff(i), np.diff(j), strict=True)} <= {(0, 1), (1, 0), (1, 1)}
        assert costs[i, j].sum() == pytest.approx(naive_cost(costs))


def test_times_are_carried_over():
    """Six tones, 0.2 s each; in the other speech the third lasts twice as long, and something is said before them."""
    second = np.arange(RATE_HZ) / RATE_HZ
    tones = [np.sin(2 * np.pi * hz * second[: RATE_HZ // 5]) for hz in (300, 2000, 700, 3000, 1200, 5000)]
    speech = np.concatenate(tones).astype(np.float32)
    other = np.concatenate([tones[0], *tones[:3], *tones[2:]]).astype(np.float32)
    got = timestamps.carried_over(np.array([[0.2, 0.4], [0.4, 0.6], [0.6, 0.8]]), speech, other)
    assert got == pytest.approx(np.array([[0.4, 0.6], [0.6, 1.0], [1.0, 1.2]]), abs=0.02)


def test_words_begin_and_end_with_their_phonemes():
    """^, a, a, space, comma, a, full stop, $: the marks make no sound."""
    phonemes, durations = [1, 14, 15, 3, 8, 14, 10, 2], [0.1, 0.2, 0.3, 0.1, 0.5, 0.4, 0.2, 0.1]
    words = timestamps.teacher_words(phonemes, durations)
    assert words == pytest.approx(np.array([[0.1, 0.6], [1.2, 1.6]]))
    ours = (Word("a", 0.12, 0.6), Word("b", 1.2, 1.55))
    assert timestamps.differences(ours, words) == pytest.approx(np.array([[0.02, 0], [0, -0.05]]))
