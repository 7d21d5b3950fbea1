"""`plugins new`: what it writes works at once, and nothing is overwritten."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.errors import UserError
from levelhead.screening.panel import HostPanel
from levelhead.screening.scaffold import scaffold


def test_a_new_plugin_and_its_test_pass_as_they_are_written(
    tmp_path: Path, seat: Callable[..., HostPanel]
) -> None:
    folder = tmp_path / "new"
    before = os.umask(0)
    try:
        path = scaffold("late-night", folder)
    finally:
        os.umask(before)
    assert path == folder / "late_night.py"
    for written in (path, folder / "tests" / "test_late_night.py"):
        assert not stat.S_IMODE(written.stat().st_mode) & 0o022
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout
    assert "4 passed" in run.stdout
    assert ("late-night", "loaded") in {(info.name, info.state) for info in seat(folder=folder).plugins()}


@pytest.mark.parametrize("name", ["", "Late", "late night", "../late", "1st", "late_", "-x", "a--b"])
def test_a_name_that_is_none_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(UserError, match="lower-case words joined by hyphens"):
        scaffold(name, folder)
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "late.py").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"there is already a file .*late\.py"):
        scaffold("late", folder)
    assert (folder / "late.py").read_text(encoding="utf-8") == "mine"


def test_a_built_in_s_name_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="a built-in plugin called tone"):
        scaffold("tone", folder)
