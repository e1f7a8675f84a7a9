"""How wheels are built: which levels, what links, and what a wheel requires when there is nothing to link with."""

import pytest

from pockettts_np.kernels.prebuilt import processor
from tools.build import backend, kernels
from tools.build.requirements import ALWAYS, COMPILER
from tools.build.targets import TARGETS


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A folder in place of the checkout's, on a machine of which only what a test says is known."""
    monkeypatch.setattr(kernels, "FOLDER", tmp_path / "libraries")
    monkeypatch.delenv(kernels.LEVELS, raising=False)
    monkeypatch.setattr(kernels.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(kernels.shutil, "which", {"cc": "/bin/cc"}.get)
    monkeypatch.setattr(kernels.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(kernels.sysconfig, "get_platform", lambda: "linux-x86_64")
    monkeypatch.delenv(kernels.PLATFORM, raising=False)
    monkeypatch.setattr(kernels.sys, "platform", "linux")
    monkeypatch.setattr(processor, "usable_levels", lambda: ["x86-64-v3", "x86-64-v2"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def requirements(checkout) -> list[str]:
    return (checkout / backend.REQUIREMENTS).read_text().splitlines()


@pytest.fixture
def compiling(monkeypatch):
    """Compiling and linking without a compiler; the levels that were built for."""
    asked = []

    def build(levels):
        asked.append(levels)
        kernels.FOLDER.mkdir(exist_ok=True)
        kernels.remove()
        for level in levels:
            (kernels.FOLDER / f"lib{level}.so").write_bytes(with_checksum(b"library of " + library_version().encode()))

    from pockettts_np.kernels.prebuilt.library import with_checksum
    from pockettts_np.kernels.sources import library_version

    monkeypatch.setattr(kernels, "build", build)
    return asked


def test_an_installation_is_compiled_for_the_best_level_of_its_processor():
    assert kernels.wanted() == ["x86-64-v3"]


def test_the_levels_of_a_release_are_named(monkeypatch):
    monkeypatch.setenv(kernels.LEVELS, "x86-64-v2 x86-64-v4 x86-64-v2")
    assert kernels.wanted() == ["x86-64-v2", "x86-64-v4"]
    monkeypatch.setenv(kernels.LEVELS, "")
    assert kernels.wanted() == ["x86-64-v3"]
    monkeypatch.setenv(kernels.LEVELS, "x86-64-v9")
    with pytest.raises(SystemExit, match=r"^POCKETTTS_NP_LEVELS names x86-64-v9; it wants none or some of x86-64-v2, "):
        kernels.wanted()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda patch: patch.setenv(kernels.LEVELS, "none"), "POCKETTTS_NP_LEVELS is 'none'"),
        (lambda patch: patch.setattr(kernels.sys, "platform", "darwin"), "there is no target for "),
        (lambda patch: patch.setattr(processor, "usable_levels", list), "there is no target for x86_64"),
        (lambda patch: patch.setattr(kernels.shutil, "which", {}.get), "nothing links for x86_64: neither cc nor"),
        (lambda patch: patch.setenv(kernels.LEVELS, "aarch64"), "nothing links for aarch64: neither aarch64-linux-gnu"),
    ],
    ids=["not wanted", "another system", "another processor", "no linker", "no linker for another processor"],
)
def test_a_wheel_without_kernels_requires_the_compiler(checkout, monkeypatch, capsys, compiling, spoil, reason):
    spoil(monkeypatch)
    kernels.FOLDER.mkdir()
    (kernels.FOLDER / "libx86-64-v3.so").write_bytes(b"of an earlier build")
    assert COMPILER not in backend.get_requires_for_build_wheel()
    assert backend._with_kernels() == [COMPILER]
    assert kernels.libraries() == []
    assert compiling == []
    assert capsys.readouterr().err.startswith(
        f"The kernels are not compiled, so the package requires {COMPILER}: {reason}"
    )


def test_a_wheel_with_kernels_requires_no_compiler(checkout, monkeypatch, compiling):
    monkeypatch.setattr(backend._setuptools, "build_wheel", lambda *_: requirements(checkout))
    assert COMPILER in backend.get_requires_for_build_wheel()
    assert backend.build_wheel("dist") == [*ALWAYS]
    assert backend.build_wheel("dist") == [*ALWAYS]
    assert compiling == [["x86-64-v3"]]  # once: the second build found them


def test_libraries_of_other_sources_or_levels_are_built_again(monkeypatch, compiling):
    backend._with_kernels()
    (kernels.FOLDER / "libx86-64-v3.so").write_bytes(b"library of 0.0.0 f00")
    backend._with_kernels()
    monkeypatch.setenv(kernels.LEVELS, "x86-64-v2 x86-64-v3")
    backend._with_kernels()
    assert compiling == [["x86-64-v3"], ["x86-64-v3"], ["x86-64-v2", "x86-64-v3"]]


def test_an_editable_installation_requires_the_compiler(checkout, monkeypatch):
    monkeypatch.setattr(backend._setuptools, "build_editable", lambda *_: requirements(checkout))
    assert backend.build_editable("dist") == [*ALWAYS, COMPILER]


def test_a_compiler_that_fails_is_told_of(monkeypatch, tmp_path):
    monkeypatch.setattr(kernels, "ROOT", tmp_path)  # where there is no tools.build.emit
    with pytest.raises(kernels.CannotBuildError, match=r"tools\.build\.emit .* ended with 1: .*No module named"):
        kernels.build(["x86-64-v3"])
    assert kernels.libraries() == []


def test_a_wheel_for_one_processor_holds_no_kernels_for_another(monkeypatch):
    monkeypatch.setenv(kernels.PLATFORM, "manylinux_2_17_aarch64")
    with pytest.raises(SystemExit, match="x86-64-v3 is for x86_64, but the wheel would be for manylinux_2_17_aarch64"):
        kernels.wanted()


def test_a_damaged_library_is_built_again(compiling):
    backend._with_kernels()
    (path,) = kernels.libraries()
    path.write_bytes(path.read_bytes()[:-1])
    backend._with_kernels()
    assert compiling == [["x86-64-v3"]] * 2


@pytest.mark.parametrize("level", TARGETS)
def test_ziglang_links_for_every_target(monkeypatch, level):
    monkeypatch.setattr(kernels.importlib.util, "find_spec", lambda name: name == "ziglang")
    machine = "aarch64" if level == "aarch64" else "x86_64"
    assert kernels.linker(level)[1:] == ["-m", "ziglang", "cc", "-target", f"{machine}-linux-gnu.2.17"]


def test_every_level_that_a_processor_may_choose_has_a_target():
    assert {level.name for level in (*processor.X86, *processor.ARM)} == set(TARGETS)


def test_the_sources_of_the_build_come_with_a_source_distribution():
    manifest = (kernels.ROOT / "MANIFEST.in").read_text()
    assert "include tools/__init__.py" in manifest
    assert "recursive-include tools/build *.py" in manifest
