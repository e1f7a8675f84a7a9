"""The build step that leaves out what an earlier build has left in build/lib: setuptools would install it again."""

import shutil

from setuptools.command.build_py import build_py


class FreshBuild(build_py):
    """`build_py`, from an empty folder."""

    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
