"""Server programs that tests use when they are there; with LEVELHEAD_REQUIRE=all a missing one is a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str, package: str) -> str:
    """The path of `program`, or skip (fail with LEVELHEAD_REQUIRE=all) with one sentence that names the package."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found:
        return found
    sentence = f"{program} is not installed: install the package {package} to run this test"
    if os.environ.get("LEVELHEAD_REQUIRE") == "all":
        pytest.fail(sentence)
    pytest.skip(sentence)
