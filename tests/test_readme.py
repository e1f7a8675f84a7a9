"""What the README promises: its commands are commands, its Python runs, and no command goes unmentioned."""

import argparse
import re
import shlex
import shutil
from pathlib import Path

import pytest

from pockettts_np.__main__ import build_parser
from pockettts_np.model import TTSModel

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"pockettts-np ((?:[a-z-]+) [^\n|<#`]*)", README)


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_are_understood(line):
    args = build_parser().parse_args(shlex.split(line)) if "--help" not in line else None
    assert args is None or callable(args.command)


def test_every_command_is_mentioned():
    choices = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    assert len(COMMANDS) >= 7
    assert all(f"pockettts-np {name}" in README for name in choices)


def test_its_python_speaks(tiny_model, tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    shutil.copy(ROOT / "ref.wav", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(TTSModel, "load_model", lambda name: tiny_model)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["audio"].dtype == names["chunk"].dtype == "float32"
    assert len(names["audio"]) > 0
    assert len(names["chunk"]) % 1920 == 0
    assert (tmp_path / "me.safetensors").is_file()


def test_its_test_command_is_the_gate_s():
    """The README's runs of pytest are those of the continuous integration, without and with the optional extras."""
    blocks = re.findall(r'pip install "\.\[(?:test|dev)\]" && (.*)', README)
    promised = [command for block in blocks for command in block.split(" && ")]
    assert sum("pytest" in command for command in promised) == 3
    gate = [line.replace(" --cov-fail-under=95", "") for line in (ROOT / ".ci/run").read_text().splitlines()]
    assert all(command in gate for command in promised)
