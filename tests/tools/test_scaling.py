"""Speed by threads and callers: the prediction's arithmetic, and a run at tiny size."""

import math
import re
from xml.etree import ElementTree

import pytest

from tests.support.helpers import GOLDEN
from tools.bench import scaling
from tools.bench.scaling import FrameTimes, Speed

TIMES = FrameTimes(
    language_model=6, shared=5, team_threads=3, decoder=(2, 1, 1, 2), weights_bytes=100, read_bytes_s=1000
)


@pytest.mark.parametrize(
    ("changes", "n_threads", "seconds"),
    [
        ({}, 1, 12),
        ({}, 2, 6),  # half of all
        ({}, 3, 4),  # a third of all, as the team makes a step of 1 + 5 / 3
        ({"team_threads": math.inf}, 3, 6),  # the language model
        ({"team_threads": math.inf}, 4, 6),
        ({"decoder": (8, 1)}, 4, 8),  # what cannot be cut
        ({"decoder": (1,)}, 2, 6),
        ({"read_bytes_s": 10}, 4, 10),  # memory
    ],
)
def test_a_frame_takes_its_share_but_no_less_than_what_cannot_be_shared(changes, n_threads, seconds):
    assert FrameTimes(**{**vars(TIMES), **changes}).predicted(n_threads) == seconds


def test_the_tables_show_what_was_measured_beside_what_was_predicted():
    speeds = [Speed(1, 1, 0.25), Speed(2, 1, 0.5), Speed(1, 8, 3.0)]
    shown = scaling.report(TIMES, speeds, frame_s=3, most_threads=4)
    assert "| 1 | 0.2 | 0.2 |\n| 2 | 0.5 | 0.5 |\n| 3 | — | 0.8 |\n| 4 | — | 1.0 |" in shown
    assert "| 8 | 1 | 3.0 |" in shown
    assert shown.endswith(
        "4 cores are predicted to be 2.00 × as fast as two, and 2.00 × as fast as a thread for the language model and "
        "one for the decoder."
    )


def test_a_tiny_model_is_measured_and_drawn(tmp_path, capsys):
    path = tmp_path / "s.svg"
    scaling.main([str(GOLDEN / "lsd.toml"), "--frames", "3", "--calls", "1", "--callers", "2", "--chart", str(path)])
    shown = capsys.readouterr().out
    assert re.search(r"^\| 1 \| [\d.]+ \| [\d.]+ \|$", shown, re.MULTILINE)
    assert re.search(r"^\| 2 \| 1 \| [\d.]+ \|$", shown, re.MULTILINE)
    drawn = ElementTree.parse(path).getroot()
    assert len(drawn.findall("{*}circle")) >= 1
    assert len(drawn.find("{*}polyline").get("points").split()) == 4


@pytest.mark.parametrize("wrong", [["--frames", "0"], ["--callers", "0"], ["--most-threads", "1"]])
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(SystemExit):
        scaling.parse(["m.yaml", *wrong])
