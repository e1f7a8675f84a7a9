"""batch --cluster: two worker processes of a Dask cluster make what threads make; what happens when they die."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
import soundfile
from distributed import Client, LocalCluster

from pockettts_np import __main__, batch
from pockettts_np.batch import Report
from pockettts_np.commands import cluster as watched


@pytest.fixture(scope="module")
def cluster():
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster:
        yield cluster


def test_two_workers_make_what_threads_make(cluster, tmp_path, monkeypatch):
    manifest = tmp_path / "manifest.jsonl"
    lines = [{"text": f"Text {i}.", "seed": i} for i in range(6)] + [{"text": "Bad.", "voice": "absent.safetensors"}]
    manifest.write_text("\n".join(map(json.dumps, lines)))
    assert __main__.main(["batch", str(manifest), str(tmp_path / "threads"), "--language", "builtin"]) == 1
    on_cluster = ["batch", str(manifest), str(tmp_path / "dask"), "--language", "builtin"]
    assert __main__.main([*on_cluster, "--cluster", cluster.scheduler_address]) == 1
    made = {path.name: soundfile.read(path)[0] for path in (tmp_path / "threads").glob("*.wav")}
    assert len(made) == 6
    for name, samples in made.items():
        assert soundfile.read(tmp_path / "dask" / name)[0] == pytest.approx(samples, abs=2 / 32767)


def test_a_cluster_without_workers_is_refused(tmp_path, capsys):
    (tmp_path / "manifest.jsonl").write_text('{"text": "Hi."}')
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster:
        command = ["batch", str(tmp_path / "manifest.jsonl"), str(tmp_path), "--cluster", cluster.scheduler_address]
        assert __main__.main(command) == 1
    assert "has no workers" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "no port"])
def test_a_cluster_that_is_not_there_is_one_sentence(batch_on, monkeypatch, address):
    monkeypatch.setattr(watched, "CONNECT_SECONDS", 0.5)
    status, err = batch_on(address)
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith(f"pockettts-np: error: There is no Dask cluster at {address}: ")
    assert "fault of the program" not in err


@pytest.fixture
def batch_on(tmp_path, capsys):
    """Speak three texts on a cluster: status, standard error."""

    def batch_on(address):
        manifest = tmp_path / "manifest.jsonl"
        manifest.write_text("".join(json.dumps({"text": f"Text {i}.", "seed": i}) + "\n" for i in range(3)))
        argv = ["batch", str(manifest), str(tmp_path / "out"), "--language", "builtin"]
        status = __main__.main([*argv, "--jobs", "1", *(["--cluster", address] if address else [])])
        return status, capsys.readouterr().err

    return batch_on


def after_the_first_text(tmp_path, act):
    def watch():
        end = time.monotonic() + 60
        while not list((tmp_path / "out").glob("*.wav")) and time.monotonic() < end:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def speaks_one_text():
    """A function, to be sent to the workers by value, that ends for the first text alone."""

    def speak(settings, item):
        if item.seed:
            time.sleep(600)
        return b"sound", 1.0

    return speak


@pytest.fixture
def one_worker(monkeypatch):
    """A cluster whose worker, a process, is not started again; it gets what it runs by value."""
    monkeypatch.setattr(batch, "speak", speaks_one_text())
    monkeypatch.setattr(watched, "PATIENCE_SECONDS", 1)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster


def test_when_all_workers_are_gone_the_run_ends_and_can_go_on(one_worker, batch_on, tmp_path, monkeypatch):
    nanny = next(iter(one_worker.workers.values()))
    thread = after_the_first_text(tmp_path, lambda: one_worker.sync(nanny.close, timeout=1))
    status, err = batch_on(one_worker.scheduler_address)
    thread.join()
    assert (status, err.splitlines()[-1]) == (
        1,
        f"pockettts-np: error: The cluster at {one_worker.scheduler_address} has had no workers for 1 seconds; "
        "start some and run this again: it goes on where it was.",
    )
    assert list(Report.of(tmp_path / "out").keys) == ["000001.wav"]
    monkeypatch.undo()
    assert "2 files written, 1 kept, 0 failed" in batch_on(None)[1]


def _address_in(place):
    """What a scheduler wrote into its file, which is there before its content is."""
    while True:
        with suppress(FileNotFoundError, json.JSONDecodeError):
            return json.loads(place.read_text())["address"]
        time.sleep(0.05)


@pytest.fixture
def scheduler(tmp_path):
    """A scheduler and a worker as programs of their own: the process of the scheduler, and its address."""
    place = tmp_path / "scheduler.json"
    options = ["--scheduler-file", str(place), "--no-dashboard"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    programs = [
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", *options],
        [sys.executable, "-m", "distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1", *options],
    ]
    processes = [subprocess.Popen(program, cwd=tmp_path, **silent) for program in programs]
    try:
        address = _address_in(place)
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(1)
        yield processes[0], address
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_when_the_scheduler_is_gone_the_run_ends(scheduler, batch_on, tmp_path, monkeypatch):
    process, address = scheduler
    monkeypatch.setattr(batch, "speak", speaks_one_text())
    thread = after_the_first_text(tmp_path, process.kill)
    status, err = batch_on(address)
    thread.join()
    lost = f"pockettts-np: error: The connection to the cluster at {address} is lost; run this again: it goes on where "
    assert (status, err.splitlines()[-1]) == (1, f"{lost}it was.")
    assert list(Report.of(tmp_path / "out").keys) == ["000001.wav"]


def test_a_text_that_kills_its_workers_fails_alone(cluster, batch_on, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "speak", lambda settings, item: (b"sound", 1.0) if item.seed != 1 else os._exit(1))
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    status, err = batch_on(cluster.scheduler_address)
    assert (status, "2 files written, 0 kept, 1 failed" in err) == (1, True)
    assert "ERROR: 000002.wav: Every worker that spoke this text died" in err


def test_workers_without_the_package_are_named(cluster, batch_on, monkeypatch):
    monkeypatch.setattr(watched, "_PACKAGE", "package_that_nobody_has")
    status, err = batch_on(cluster.scheduler_address)
    assert status == 1
    assert re.search("[12] of [12] workers of the cluster at ", err)
    assert "cannot import package_that_nobody_has" in err
