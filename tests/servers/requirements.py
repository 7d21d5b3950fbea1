"""Server programs that tests use when they are there; with LEVELHEAD_REQUIRE=all a missing one is a failure."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def require(program: str, package: str) -> str:
    """The path of `program`, or skip (fail with LEVELHEAD_REQUIRE=all) with one sentence that names the package."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    return found or lacking(f"{program} is not installed: install the package {package} to run this test")


def lacking(sentence: str) -> NoReturn:
    """Skip with one sentence, or fail with it where LEVELHEAD_REQUIRE=all."""
    if os.environ.get("LEVELHEAD_REQUIRE") == "all":
        pytest.fail(sentence)
    pytest.skip(sentence)
