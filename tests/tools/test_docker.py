"""The Dockerfile: what it copies is there and is all that a build reads; the image holds no compiler and no root."""

import re
import tomllib
from pathlib import Path

from tools.build.wheels import WHEELS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tools" / "docker" / "Dockerfile"


def stages() -> list[list[list[str]]]:
    """The instructions of each stage, in words; what stands before the first is left out."""
    text = FILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    starts = [i for i, words in enumerate(lines) if words[0] == "FROM"]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def named(stage: list[list[str]], instruction: str) -> list[list[str]]:
    return [words[1:] for words in stage if words[0] == instruction]


def test_the_second_stage_takes_the_wheel_of_the_first_and_no_compiler():
    build, image = stages()
    assert build[0][-2:] == ["AS", "build"]
    assert any("gcc" in words for words in named(build, "RUN"))
    assert any("--mount=type=bind,from=build,source=/wheels,target=/wheels" in words for words in named(image, "RUN"))
    assert not any({"gcc", "apt-get"} & set(words) for words in named(image, "RUN"))
    assert named(image, "COPY") == []
    assert all(words[0].endswith("-slim") for stage in (build, image) for words in named(stage, "FROM"))


def test_the_image_is_not_run_as_root():
    _, image = stages()
    assert named(image, "USER") == [["speaker"]]
    after = [words[0] for words in image[image.index(["USER", "speaker"]) :]]
    assert "RUN" not in after
    assert "ENTRYPOINT" in after


def test_what_is_copied_is_there_and_is_what_a_build_reads():
    copied = [source for words in named(stages()[0], "COPY") for source in words[:-1]]
    assert all((ROOT / source).exists() for source in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"pyproject.toml", "MANIFEST.in", project["readme"], *project["license-files"]} <= set(copied)
    assert {"tools/__init__.py", "tools/build", "pockettts_np"} <= set(copied)


def test_the_levels_are_those_of_the_wheels_of_a_release():
    assert re.findall(r'POCKETTTS_NP_LEVELS="([^"]*)"', FILE.read_text(encoding="utf-8")) == [*WHEELS.values()]


def test_libraries_of_the_checkout_stay_out():
    """They may be of other sources or processors; the build makes its own."""
    ignored = FILE.with_name("Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "pockettts_np/kernels/prebuilt/libraries" in ignored
    assert (ROOT / "pockettts_np/kernels/prebuilt").is_dir()
