"""The demo, run as `make demo` runs it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest


@pytest.mark.sweep
def test_the_demo_tells_its_story_to_the_end_in_under_a_minute() -> None:
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "levelhead", "demo"], capture_output=True, text=True, timeout=170, check=False
    )
    print(f"the demo took {time.monotonic() - begin:.1f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begin < 60
    for sign in ("archive", "Fri", "judge", "hold", "alert", "phone", "you", "release", "verify"):
        assert any(line.split()[:1] == [sign] for line in done.stdout.splitlines()), f"{sign}:\n{done.stdout}"
    assert "whole" in done.stdout
    assert "Traceback" not in done.stderr
