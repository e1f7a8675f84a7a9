"""Work for two threads: in order, bounded, without losing an error or leaving a thread behind."""

import itertools
import os
import threading
import time
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts_np import threads
from pockettts_np.threads import ahead, usable_cores, wavefront

LIMIT = 8


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pockettts-")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert own_threads() == []


# ---------------------------------------------------------------- ahead


@pytest.mark.parametrize("limit", [1, 5, 1000])
@pytest.mark.parametrize("n", [0, 1, 200])
def test_batches_hold_every_item_once_and_in_order(n, limit):
    batches = list(ahead(iter(range(n)), limit))
    assert all(batches)
    assert [item for batch in batches for item in batch] == list(range(n))


def test_the_first_item_does_not_wait_for_a_second():
    gate = threading.Event()

    def source():
        yield 0
        assert gate.wait(10)
        yield 1

    with closing(ahead(source(), LIMIT)) as batches:
        assert next(batches) == [0]
        gate.set()
        assert next(batches) == [1]


def test_items_that_are_ready_come_as_one_batch():
    done = threading.Event()

    def source():
        yield from range(5)
        done.set()

    with closing(ahead(source(), LIMIT)) as batches:
        next(batches)
        assert done.wait(10)
        assert len(list(batches)) <= 1


def test_the_thread_waits_for_a_slow_listener():
    made, taken = [], 0
    with closing(ahead((made.append(i) or i for i in range(10_000)), LIMIT)) as batches:
        for _ in range(3):
            taken += len(next(batches))
            time.sleep(0.02)
            assert len(made) <= taken + LIMIT + 1


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_error_in_the_thread_reaches_the_caller_after_what_was_made(error):
    def source():
        yield from range(2)
        raise error

    made = []
    with pytest.raises(error):
        made.extend(item for batch in ahead(source(), LIMIT) for item in batch)
    assert made == [0, 1]


@pytest.mark.parametrize("item_s", [0, 0.02])
@pytest.mark.parametrize("wait_s", [0, 0.02])  # after which a quick thread is as far ahead as it may be
def test_closing_early_ends_the_thread_at_once(item_s, wait_s):
    batches = ahead((time.sleep(item_s) or i for i in range(10_000)), LIMIT)
    next(batches)
    time.sleep(wait_s)
    assert own_threads() == ["pockettts-ahead"]
    batches.close()
    assert own_threads() == []


# ---------------------------------------------------------------- wavefront


@given(n_blocks=st.integers(1, 7), n_stages=st.integers(1, 5), data=st.data())
@settings(max_examples=30)
def test_a_block_begins_a_stage_when_the_one_before_has_ended_it(n_blocks, n_stages, data):
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

    wavefront(step, n_blocks, n_stages)
    assert sorted(calls) == list(itertools.product(range(n_blocks), range(n_stages)))
    assert len(threads) == min(n_blocks, 2)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("failing", list(itertools.product(range(4), range(3))))
def test_an_error_in_any_step_reaches_the_caller(failing, error):
    calls = []

    def step(block, stage):
        calls.append((block, stage))
        if (block, stage) == failing:
            raise error

    with pytest.raises(error):
        wavefront(step, 4, 3)
    block, stage = failing
    assert not {(block, later) for later in range(stage + 1, 3)} & set(calls)
    assert (block + 1, stage) not in calls


# ---------------------------------------------------------------- cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with eight cores whose control groups are the files given."""

    def make(own: str, **files: str) -> int:
        (tmp_path / "own").write_text(own)
        for name, content in files.items():
            path = tmp_path / "cgroup" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return usable_cores()

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "_OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(threads, "_CGROUPS", tmp_path / "cgroup")
    return make


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("250000 100000", 2),
        ("9000000 100000", 8),
        ("300000 50000", 6),
        ("", 8),
        ("a b c", 8),
        ("100 0", 8),
    ],
)
def test_a_container_counts_the_cores_that_its_quota_pays_for(machine, quota, cores):
    assert machine("0::/\n", **{"cpu.max": quota}) == cores


def test_the_tightest_quota_of_the_groups_above_counts(machine):
    """Of /a/b/c and its parents; that of a sibling does not matter."""
    files = {"a__b__c__cpu.max": "max 100000", "a__b__cpu.max": "300000 100000", "a__cpu.max": "400000 100000"}
    assert machine("0::/a/b/c\n", **files, **{"other__cpu.max": "100000 100000"}) == 3


@pytest.mark.parametrize(("quota", "cores"), [("-1", 8), ("200000", 2)])
@pytest.mark.parametrize("group", ["docker/5f", "."])
def test_quotas_of_the_first_kind_of_control_groups_count(machine, quota, cores, group):
    """Inside a container the group's own folder may be the one that is mounted."""
    here = f"cpu,cpuacct__{group.replace('/', '__')}__cpu.cfs_"
    files = {f"{here}quota_us": quota + "\n", f"{here}period_us": "100000\n"}
    assert machine("4:memory:/docker/5f\n3:cpu,cpuacct:/docker/5f\n", **files) == cores


def test_without_control_groups_all_cores_count(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(threads, "_OWN_CGROUPS", tmp_path / "nothing")
    assert usable_cores() == 8
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS and Windows
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.parametrize(("cores", "speeches"), [(1, 4), (2, 8), (4, 8), (8, 8), (12, 12)])
def test_speeches_at_once_fill_a_pass_and_all_cores(monkeypatch, cores, speeches):
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    assert threads.speeches_at_once() == speeches


@pytest.mark.parametrize("own", [b"", b"\n", b"odd\n", b"1:cpu\n", b"0::/a\xff\n"])
def test_an_odd_list_of_control_groups_counts_all_cores(machine, monkeypatch, tmp_path, own):
    (tmp_path / "odd").write_bytes(own)
    monkeypatch.setattr(threads, "_OWN_CGROUPS", tmp_path / "odd")
    assert usable_cores() == 8


@pytest.mark.parametrize(("named", "mounted"), [("cpuacct,cpu", "cpu,cpuacct"), ("cpu,cpuacct", "cpu"), ("cpu", "cpu")])
def test_the_mount_may_name_its_controllers_otherwise(machine, named, mounted):
    here = f"{mounted}__a__cpu.cfs_"
    assert machine(f"3:{named}:/a\n", **{f"{here}quota_us": "300000", f"{here}period_us": "100000"}) == 3
