"""metrics.py: what Prometheus reads, by its own rules of text."""

import re

import pytest

from pockettts_np.server.http.metrics import BUCKETS_S, Metrics
from tests.support.live_server import get, make_service, post, served

SPEECH = {"model": "tts-1", "input": "Hello world.", "voice": "default", "response_format": "pcm"}
LINE = re.compile(r'([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? ([0-9.e+-]+)')


def samples(text):
    """By name and labels, their values; every line must be one that Prometheus knows."""
    found = {}
    for line in text.splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            match = LINE.fullmatch(line)
            assert match, line
            found[match[1] + (match[2] or "")] = float(match[4])
    return found


def test_answers_are_counted_by_path_and_status(model):
    with served(make_service(model)) as url:
        for _ in range(3):
            n_bytes = len(post(f"{url}/v1/audio/speech", json=SPEECH).content)
        post(f"{url}/v1/audio/speech", json={})
        get(f"{url}/{'x' * 1000}")
        got = get(f"{url}/metrics")
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    counted = samples(got.text)
    assert counted['pockettts_requests_total{path="/v1/audio/speech",status="200"}'] == 3
    assert counted['pockettts_requests_total{path="/v1/audio/speech",status="400"}'] == 1
    assert counted['pockettts_requests_total{path="other",status="404"}'] == 1
    assert counted["pockettts_first_byte_seconds_count"] == 3
    assert counted['pockettts_first_byte_seconds_bucket{le="+Inf"}'] == 3
    assert counted["pockettts_sent_bytes_total"] >= 3 * n_bytes
    assert counted["pockettts_running"] == counted["pockettts_waiting"] == 0
    assert "xxx" not in got.text


@pytest.mark.parametrize("seconds", [0.04, 0.05, 0.3, 60.0])
def test_a_histogram_counts_upwards(model, seconds):
    metrics = Metrics(["/tts"])
    metrics.count("/tts", 200, seconds, 10)
    metrics.count("/tts", 400, 0.001, 10)
    metrics.count("/health", 200, 0.001, 10)
    counted = samples(metrics.text(make_service(model)))
    for bound in BUCKETS_S:
        assert counted[f'pockettts_first_byte_seconds_bucket{{le="{bound:g}"}}'] == (seconds <= bound)
    assert counted["pockettts_first_byte_seconds_sum"] == pytest.approx(seconds)
