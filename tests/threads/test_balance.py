"""The best cut of a chain, against all cuts."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pockettts_np.threads.balance import balanced


@given(work=st.lists(st.integers(0, 20), min_size=1, max_size=7), n_parts=st.integers(1, 9))
def test_no_other_cut_has_a_smaller_largest_part(work, n_parts):
    parts = balanced(work, n_parts)
    assert len(parts) <= n_parts
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == len(work)
    assert all(part.stop > part.start for part in parts)
    n_cuts = min(n_parts, len(work)) - 1
    every = ([0, *cuts, len(work)] for cuts in itertools.combinations(range(1, len(work)), n_cuts))
    best = min(max(sum(work[a:b]) for a, b in itertools.pairwise(cut)) for cut in every)
    assert max(sum(work[part]) for part in parts) == best
