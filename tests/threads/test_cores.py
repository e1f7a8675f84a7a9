"""How many cores there are to work on, and how many threads that makes."""

import os

import pytest

from pockettts_np.threads import cores
from pockettts_np.threads.cores import MOST_THREADS, thread_count, usable_cores


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
    monkeypatch.setattr(cores, "_OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path / "cgroup")
    return make


@pytest.mark.parametrize(
    ("quota", "n_cores"),
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
def test_a_container_counts_the_cores_that_its_quota_pays_for(machine, quota, n_cores):
    assert machine("0::/\n", **{"cpu.max": quota}) == n_cores


def test_the_tightest_quota_of_the_groups_above_counts(machine):
    """Of /a/b/c and its parents; that of a sibling does not matter."""
    files = {"a__b__c__cpu.max": "max 100000", "a__b__cpu.max": "300000 100000", "a__cpu.max": "400000 100000"}
    assert machine("0::/a/b/c\n", **files, **{"other__cpu.max": "100000 100000"}) == 3


@pytest.mark.parametrize(("quota", "n_cores"), [("-1", 8), ("200000", 2)])
@pytest.mark.parametrize("group", ["docker/5f", "."])
def test_quotas_of_the_first_kind_of_control_groups_count(machine, quota, n_cores, group):
    """Inside a container the group's own folder may be the one that is mounted."""
    here = f"cpu,cpuacct__{group.replace('/', '__')}__cpu.cfs_"
    files = {f"{here}quota_us": quota + "\n", f"{here}period_us": "100000\n"}
    assert machine("4:memory:/docker/5f\n3:cpu,cpuacct:/docker/5f\n", **files) == n_cores


def test_without_control_groups_all_cores_count(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "_OWN_CGROUPS", tmp_path / "nothing")
    assert usable_cores() == 8
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS and Windows
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.parametrize("own", [b"", b"\n", b"odd\n", b"1:cpu\n", b"0::/a\xff\n"])
def test_an_odd_list_of_control_groups_counts_all_cores(machine, monkeypatch, tmp_path, own):
    (tmp_path / "odd").write_bytes(own)
    monkeypatch.setattr(cores, "_OWN_CGROUPS", tmp_path / "odd")
    assert usable_cores() == 8


@pytest.mark.parametrize(("named", "mounted"), [("cpuacct,cpu", "cpu,cpuacct"), ("cpu,cpuacct", "cpu"), ("cpu", "cpu")])
def test_the_mount_may_name_its_controllers_otherwise(machine, named, mounted):
    here = f"{mounted}__a__cpu.cfs_"
    assert machine(f"3:{named}:/a\n", **{f"{here}quota_us": "300000", f"{here}period_us": "100000"}) == 3


@pytest.mark.parametrize(("n_cores", "n_threads"), [(1, 1), (2, 2), (3, 3), (64, MOST_THREADS)])
def test_a_speech_gets_a_thread_a_core_as_far_as_that_helps(monkeypatch, n_cores, n_threads):
    monkeypatch.delenv(cores.VARIABLE, raising=False)
    monkeypatch.setattr(cores, "usable_cores", lambda: n_cores)
    assert thread_count() == n_threads
    assert thread_count(7) == 7
    monkeypatch.setenv(cores.VARIABLE, " '5' ")
    assert thread_count() == 5
    assert thread_count(7) == 7


@pytest.mark.parametrize("text", ["0", "-1", "65", "two", "1.5", "²", "1_0"])
def test_the_variable_wants_a_whole_number(monkeypatch, text):
    monkeypatch.setenv(cores.VARIABLE, text)
    with pytest.raises(ValueError, match=rf"^POCKETTTS_NP_THREADS is '{text}'; it wants a whole number from 1 to 64,"):
        thread_count()


@pytest.mark.parametrize(
    ("given", "error"),
    [(0, ValueError), (-2, ValueError), (65, ValueError), (2.0, TypeError), ("2", TypeError), (True, TypeError)],
)
def test_a_number_of_threads_is_whole_and_positive(given, error):
    with pytest.raises(error, match=r"^threads is "):
        thread_count(given)


@pytest.mark.parametrize(("n_cores", "speeches"), [(1, 4), (2, 8), (4, 8), (8, 8), (12, 12)])
def test_speeches_at_once_fill_a_pass_and_all_cores(monkeypatch, n_cores, speeches):
    monkeypatch.setattr(cores, "usable_cores", lambda: n_cores)
    assert cores.speeches_at_once() == speeches
