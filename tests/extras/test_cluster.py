"""batch --cluster: two worker processes of a Dask cluster make what threads make."""

import json

import pytest
import soundfile
from distributed import LocalCluster

from pockettts_np import __main__
from pockettts_np.commands import batch


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


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(batch, "CONNECT_SECONDS", 0.5)
    (tmp_path / "manifest.jsonl").write_text('{"text": "Hi."}')
    assert (
        __main__.main(["batch", str(tmp_path / "manifest.jsonl"), str(tmp_path), "--cluster", "tcp://127.0.0.1:9"]) == 1
    )
    assert capsys.readouterr().err.splitlines()[-1].startswith("pockettts-np: error: ")
