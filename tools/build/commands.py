"""The steps of setuptools that differ for this package."""

import shutil

from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

from tools.build.kernels import libraries, wheel_platform


class FreshBuild(build_py):
    """`build_py`, from an empty folder: setuptools would install again what an earlier build has left there."""

    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class PlatformWheel(bdist_wheel):
    """A wheel that holds libraries is for one system, but for every CPython."""

    def get_tag(self) -> tuple[str, str, str]:
        if not libraries():
            return super().get_tag()
        return "py3", "none", wheel_platform()
